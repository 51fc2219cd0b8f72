"""liblo's own tools as peers: an implementation that is not ours."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from plugin_host.mix.commands import SetGain

Rack = Any  # the conftest's

pytestmark = pytest.mark.skipif(
    shutil.which("oscsend") is None or shutil.which("oscdump") is None,
    reason="needs oscsend and oscdump: Debian's liblo-tools",
)


def _oscsend(rack: Rack, *words: str) -> None:
    url = f"osc.udp://127.0.0.1:{rack.server.port}"
    subprocess.run(["oscsend", url, *words], check=True, timeout=20.0)


@contextmanager
def _oscdump(port: int) -> Iterator["subprocess.Popen[str]"]:
    dump = subprocess.Popen(["oscdump", "-L", str(port)], stdout=subprocess.PIPE, text=True)
    try:
        yield dump
    finally:
        dump.kill()
        dump.wait()
        if dump.stdout is not None:
            dump.stdout.close()


@pytest.mark.parametrize(
    ("types", "value", "expected"),
    [("f", "-6.5", -6.5), ("i", "-3", -3.0), ("d", "-1.25", -1.25), ("s", "-7 dB", -7.0), ("h", "-9", -9.0)],
)
def test_every_type_that_oscsend_has(rack: Rack, types: str, value: str, expected: float) -> None:
    _oscsend(rack, "/track/vocals/gain", types, value)
    rack.client().settle()
    assert rack.desk.mix.track("vocals").gain_db == expected


def test_truth_and_triggers(rack: Rack) -> None:
    _oscsend(rack, "/track/vocals/mute", "T")
    _oscsend(rack, "/transport/play")
    rack.client().settle()
    assert rack.desk.mix.track("vocals").mute
    assert rack.desk.transport.playing


def test_feedback_as_oscdump_reads_it(rack: Rack) -> None:
    ear = rack.client()
    port = ear.port
    ear.socket.close()  # oscdump takes it now
    with _oscdump(port) as dump:
        time.sleep(0.3)
        _oscsend(rack, "/subscribe", "iis", str(port), "60", "/track/vocals")
        rack.client().settle()
        time.sleep(0.1)
        rack.desk.do(SetGain("vocals", -2.5), "somebody")
        assert dump.stdout is not None
        lines = []
        while not any("/track/vocals/gain/str" in line for line in lines):
            lines.append(dump.stdout.readline())
            assert lines[-1], lines
    assert any("/track/vocals/gain f -2.5" in line for line in lines), lines
    assert any('/track/vocals/gain/str s "-2.5 dB"' in line for line in lines), lines
