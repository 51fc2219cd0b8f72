"""`play --file`: what was written outlives the engine and the disk's last byte, and is told of."""

import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from plugin_host.engine.outputs.contract import Block
from plugin_host.engine.outputs.request import Lane, OutputRequest
from plugin_host.errors import OutputError
from plugin_host.live.host import EngineHost
from plugin_host.live.port import EngineEvent, Notice
from plugin_host.live.steady_file import SteadyFile
from plugin_host.mix.transport import Play, Transport
from plugin_host.stems.open_session import HostSession

resource = pytest.importorskip("resource", reason="limits of a process need a POSIX system")

Launch = Callable[..., EngineHost]
HeardUntil = Callable[[EngineHost, Callable[[EngineEvent], bool]], list[EngineEvent]]
Until = Callable[[Callable[[], object]], None]
LOOP = Transport(loop=(0, 16_000))


def notices(word: str) -> Callable[[EngineEvent], bool]:
    return lambda event: isinstance(event, Notice) and word in event.text


def plays(engine: EngineHost) -> bool:
    return max(engine.status().master.peak) > 0.01


def test_a_crash_loses_nothing_of_the_file_and_what_comes_after_it_is_another_one(
    session: HostSession, launch: Launch, heard_until: HeardUntil, tmp_path: Path, until: Until
) -> None:
    out = tmp_path / "out.wav"
    (tmp_path / "out-2.wav").write_text("an older one")
    engine = launch(session, transport=LOOP, output="file", path=out, direct="post")
    engine.send(1, Play())
    until(lambda: plays(engine))
    time.sleep(0.5)
    played = engine.status().engine_frame
    for restarts, name in ((1, "out-3.wav"), (2, "out-4.wav")):
        os.kill(engine.pid, signal.SIGKILL)
        heard_until(engine, notices(f"the file goes on in {tmp_path / name}"))
        until(lambda restarts=restarts: engine.restarts == restarts and plays(engine))
        time.sleep(0.3)
    engine.close()
    files = [soundfile.read(tmp_path / name)[0] for name in ("out.wav", "out-3.wav", "out-4.wav")]
    assert [samples.shape[1] for samples in files] == [2 + 2 * len(session.stems)] * 3
    assert all(np.abs(samples).max() > 0.01 for samples in files)
    assert len(files[0]) > 0.9 * played
    assert (tmp_path / "out-2.wav").read_text() == "an older one"
    assert len(list(tmp_path.iterdir())) == 4


def test_a_disk_that_fills_up_keeps_what_it_took_and_the_show_goes_on(
    session: HostSession, launch: Launch, heard_until: HeardUntil, tmp_path: Path, until: Until
) -> None:
    out = tmp_path / "out.wav"
    engine = launch(session, transport=LOOP, output="file", path=out)
    assert engine.ready.device == f"file {out}"
    resource.prlimit(engine.pid, resource.RLIMIT_FSIZE, (100_000, 100_000))
    engine.send(1, Play())
    told = heard_until(engine, notices("out.wav cannot be written"))[-1]
    assert isinstance(told, Notice)
    assert "its first 0.8 s are kept" in told.text
    assert np.abs(soundfile.read(out)[0]).max() > 0.01
    before = engine.status().engine_frame
    until(lambda: engine.status().engine_frame > before)
    assert engine.restarts == 0
    assert list(tmp_path.iterdir()) == [out]


def test_a_folder_that_goes_is_told_when_the_file_should_be_completed(
    session: HostSession, launch: Launch, tmp_path: Path
) -> None:
    (tmp_path / "gone").mkdir()
    engine = launch(session, output="file", path=tmp_path / "gone" / "out.wav")
    shutil.rmtree(tmp_path / "gone")
    engine.close()
    assert any(notices("nothing of it is kept")(event) for event in engine.events())


def hum(out: Block) -> None:
    out[:] = 0.25


def request(path: Path, **more: Any) -> OutputRequest:
    return OutputRequest("file", 48_000, path=path, **more)


def test_it_has_its_name_when_it_is_complete(tmp_path: Path, until: Until) -> None:
    out = tmp_path / "out.wav"
    file = SteadyFile(request(out, lanes=(Lane("master", channels=(5, 4)),), speed=1000.0))
    file.start(hum)
    until(lambda: (tmp_path / "out.wav.part").stat().st_size > 10_000)
    assert not out.exists()
    file.stop()
    file.stop()
    assert list(tmp_path.iterdir()) == [out]
    samples = soundfile.read(out)[0]
    assert np.array_equal(samples.max(axis=0), [0.0, 0.0, 0.0, 0.25, 0.25])


def test_each_signal_is_in_its_channels(tmp_path: Path, until: Until) -> None:
    def numbered(block: Block) -> None:
        block[:] = np.arange(1, len(block) + 1)[:, None]

    lanes = (Lane("master", channels=(5, 6)), Lane("drums"), Lane("bass", channels=(8, 4)))
    file = SteadyFile(request(tmp_path / "out.wav", lanes=lanes, speed=1000.0))
    file.start(numbered)
    until(lambda: (tmp_path / "out.wav.part").stat().st_size > 10_000)
    file.stop()
    samples, rate = soundfile.read(tmp_path / "out.wav")
    assert (rate, soundfile.info(tmp_path / "out.wav").subtype) == (48_000, "FLOAT")
    assert np.unique(samples, axis=0).tolist() == [[3.0, 4.0, 0.0, 6.0, 1.0, 2.0, 0.0, 5.0]]


def test_one_that_cannot_be_begun_is_refused_or_later_told(tmp_path: Path) -> None:
    nowhere = request(tmp_path / "nowhere" / "out.wav")
    with pytest.raises(OutputError, match="nowhere"):
        SteadyFile(nowhere)
    file = SteadyFile(nowhere, must_open=False)
    (told,) = file.events()
    assert "playing goes on against a clock" in told
    assert "no device" in file.title
    file.start(hum)
    file.stop()
