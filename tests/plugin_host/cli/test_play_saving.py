"""`stemrack play --save` where the session does not take the mix: it is never lost."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pythonosc.udp_client import SimpleUDPClient

from plugin_host.cli.play_saving import save_mix
from plugin_host.desk.transport_file import read_transport
from plugin_host.effects.catalogue import check_effect
from plugin_host.errors import PresetError
from plugin_host.mix.mix_file import read_mix
from plugin_host.mix.state import plain_mix
from plugin_host.mix.transport import Marker, Transport
from plugin_host.stems.open_session import HostSession

MIX = plain_mix(("vocals", "drums"))
TRANSPORT = Transport(tempo=97.0, markers=(Marker("here", 100),))
FULL_DISK = """
import resource
from pathlib import Path
from plugin_host.cli.play_saving import save_mix
from plugin_host.errors import PresetError
from plugin_host.mix.state import plain_mix
from plugin_host.mix.transport import Transport
resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))
try:
    save_mix(Path("song.stemrack"), plain_mix(("vocals", "drums")), Transport())
except PresetError as error:
    raise SystemExit(str(error))
"""
DENIED = """
import os
from pathlib import Path
from plugin_host.cli.play_saving import check_saving
from plugin_host.errors import PresetError
os.geteuid() or os.setuid(65534)
try:
    check_saving(Path("."))
except PresetError as error:
    print(error)
"""


def run(program: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """In a process of its own that works in that folder."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "TMPDIR": str(folder)}
    command = [sys.executable, "-c", program]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, env=environment)


def test_a_mix_the_session_does_not_take_is_kept_beside_and_told_in_a_line(
    make_session: Callable[..., HostSession],
    stems: dict[str, np.ndarray],
    play: Callable[..., "subprocess.Popen[str]"],
    osc_port: Callable[["subprocess.Popen[str]"], int],
    tmp_path: Path,
) -> None:
    session = make_session(stems)
    process = play(session.folder, "--null", "--quiet", "--no-midi", "--osc-port", "0", "--save")
    with SimpleUDPClient("127.0.0.1", osc_port(process)) as osc:
        osc.send_message("/track/bass/gain", -7.0)
        osc.send_message("/ping", "done")
        assert any(answer.address == "/pong" for answer in osc.get_messages(timeout=30))
    (session.folder / "mix.toml").mkdir()
    process.send_signal(signal.SIGTERM)
    assert process.stderr is not None
    said = process.stderr.read().splitlines()
    assert process.wait(timeout=60) == 1
    (kept,) = tmp_path.glob("made-mix-*")
    assert read_mix(kept / "mix.toml", check_effect).track("bass").gain_db == -7.0
    assert said[-1].count(f"the mix is kept in {kept}") == 1


def test_tempo_and_markers_are_kept_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PresetError, match=r"cannot be written.*the mix is kept in"):
        save_mix(tmp_path / "gone.stemrack", MIX, TRANSPORT)
    (kept,) = tmp_path.iterdir()
    assert read_mix(kept / "mix.toml", check_effect) == MIX
    assert read_transport(kept / "transport.toml", 48_000) == TRANSPORT


@pytest.mark.skipif(sys.platform == "win32", reason="this system has no limit on file sizes")
def test_where_every_disk_is_full_the_mix_is_printed(tmp_path: Path) -> None:
    """A process that may not write files above a limit meets the same refusal as on a full disk."""
    (tmp_path / "song.stemrack").mkdir()
    told = run(FULL_DISK, tmp_path)
    assert "the mix is printed" in told.stderr
    assert len(told.stderr.splitlines()) == 1
    assert [path.name for path in tmp_path.rglob("*")] == ["song.stemrack"]
    printed = tmp_path / "printed.toml"
    printed.write_text(told.stdout)
    assert read_mix(printed, check_effect) == MIX


@pytest.mark.skipif(not hasattr(os, "setuid"), reason="this system has no user ids")
def test_a_folder_that_may_not_be_written_is_refused_before_anything_plays(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    told = run(DENIED, tmp_path)
    tmp_path.chmod(0o755)
    assert "--save cannot write there" in told.stdout, told.stderr
