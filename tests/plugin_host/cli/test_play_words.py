"""What `stemrack play` says, also before and after its picture, and the files that it would not write over."""

import io
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from pythonosc.udp_client import SimpleUDPClient
from rich.console import Console
from typer.testing import CliRunner

from plugin_host.cli.app import app
from plugin_host.cli.play_view import PlayView, picture
from plugin_host.desk.desk import Desk
from plugin_host.desk.silent_engine import SilentEngine
from plugin_host.desk.take_files import take_path, write_take
from plugin_host.errors import HostError
from plugin_host.live.port import EngineStatus, Notice
from plugin_host.mix.state import plain_mix
from plugin_host.mix.take import Take
from plugin_host.mix.transport import Transport
from plugin_host.stems.open_session import HostSession

Start = Callable[..., "subprocess.Popen[str]"]
OscPort = Callable[["subprocess.Popen[str]"], int]
RATE = 48_000
SILENTLY = ("--null", "--osc-port", "0", "--no-midi")


@pytest.mark.parametrize("option", ["--file", "--capture"])
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("stems/vocals.wav", "part of the session"),
        ("song.wav", "part of the session"),
        ("mix.toml", "name it mix.wav"),
        ("nowhere/x.wav", "make it first"),
        (".", "is a directory"),
    ],
)
def test_no_file_of_the_session_is_written_over(session: HostSession, option: str, name: str, words: str) -> None:
    kept = {path: path.read_bytes() for path in session.folder.rglob("*") if path.is_file()}
    null = ["--null"] if option == "--capture" else []
    told = CliRunner().invoke(app, ["play", str(session.folder), *null, option, str(session.folder / name)])
    assert isinstance(told.exception, HostError)
    assert words in str(told.exception)
    assert {path: path.read_bytes() for path in session.folder.rglob("*") if path.is_file()} == kept


@pytest.mark.parametrize("option", ["--file", "--capture"])
def test_a_recording_that_was_cut_off_is_not_written_over(session: HostSession, option: str, tmp_path: Path) -> None:
    (tmp_path / "x.wav.part").write_bytes(b"all that is left of an evening")
    told = CliRunner().invoke(app, ["play", str(session.folder), option, str(tmp_path / "x.wav")])
    assert isinstance(told.exception, HostError)
    assert "x.wav.part is there" in str(told.exception)
    assert (tmp_path / "x.wav.part").read_bytes() == b"all that is left of an evening"


@pytest.mark.parametrize("kind", [("--null", "--capture"), ("--file",)])
@pytest.mark.parametrize("options", [("--record", "ride"), ("--take", "none such")])
def test_a_play_that_is_refused_leaves_the_last_recording_alone(
    make_session: Callable[..., HostSession],
    stems: dict[str, np.ndarray],
    play: Start,
    tmp_path: Path,
    options: tuple[str, str],
    kind: tuple[str, ...],
) -> None:
    """The same line typed again: its take is there by now."""
    session = make_session(stems)
    (session.folder / "takes").mkdir()
    write_take(take_path(session.folder / "takes", "ride"), Take(plain_mix(session.stems), 0), session.rate)
    (tmp_path / "heard.wav").write_bytes(b"yesterday's")
    process = play(session.folder, *SILENTLY[1:], "--quiet", *options, *kind, tmp_path / "heard.wav")
    assert process.wait(timeout=60) == 1
    assert process.stderr is not None
    assert options[1] in process.stderr.read()
    assert (tmp_path / "heard.wav").read_bytes() == b"yesterday's"


@pytest.mark.parametrize("option", ["--osc-port", "--osc-tcp-port"])
def test_so_does_one_whose_port_is_taken(session: HostSession, play: Start, tmp_path: Path, option: str) -> None:
    (tmp_path / "heard.wav").write_bytes(b"yesterday's")
    kind = socket.SOCK_DGRAM if option == "--osc-port" else socket.SOCK_STREAM
    with socket.socket(socket.AF_INET, kind) as other:
        other.bind(("127.0.0.1", 0))
        process = play(session.folder, *SILENTLY[1:], option, other.getsockname()[1], "--file", tmp_path / "heard.wav")
        assert process.wait(timeout=60) == 1
    assert process.stderr is not None
    assert "cannot be used" in process.stderr.read()
    assert (tmp_path / "heard.wav").read_bytes() == b"yesterday's"


def test_two_recordings_do_not_go_into_one_file(session: HostSession, tmp_path: Path) -> None:
    files = ["--file", str(tmp_path / "x.wav"), "--capture", str(tmp_path / "y" / ".." / "x.wav")]
    told = CliRunner().invoke(app, ["play", str(session.folder), *files])
    assert told.exit_code == 2
    assert "is what --file writes" in " ".join(told.stderr.replace("│", "").split())


def test_a_pause_is_not_the_end(session: HostSession, play: Start, osc_port: OscPort) -> None:
    process = play(session.folder, *SILENTLY, "--until-end", "--start")
    with SimpleUDPClient("127.0.0.1", osc_port(process)) as osc:
        osc.send_message("/transport/pause", [])
        time.sleep(1.5)
        assert process.poll() is None
        osc.send_message("/transport/play", [])
        assert process.wait(timeout=60) == 0


@pytest.fixture
def without_nohup() -> Iterator[None]:
    """Programs that are started here hear a hang-up, even where these tests run under `nohup`."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("without_nohup")
def test_a_take_that_ends_with_the_program_is_told_of(
    make_session: Callable[..., HostSession], stems: dict[str, np.ndarray], play: Start, osc_port: OscPort
) -> None:
    """A file comes to stand where the folder of takes would be made: this take cannot be kept."""
    session = make_session(stems)
    process = play(session.folder, *SILENTLY, "--record", "ride", "--start", "--quiet")
    osc_port(process)
    (session.folder / "takes").write_text("no folder")
    time.sleep(0.5)
    process.send_signal(signal.SIGHUP)
    assert process.stderr is not None
    assert "take 'ride' is lost" in process.stderr.read()
    assert process.wait(timeout=60) == 0


def _desk(engine: SilentEngine) -> Desk:
    return Desk(engine, engine.mix, frames=RATE, rate=RATE)


class LateEngine(SilentEngine):
    """Has something to say before anyone listens and once more when it ends."""

    def close(self) -> None:
        self._events.append(Notice("the capture is lost"))


@pytest.mark.parametrize("quiet", [True, False])
def test_what_is_told_before_and_after_the_picture_is_said(quiet: bool, capsys: pytest.CaptureFixture[str]) -> None:
    engine = LateEngine(plain_mix(("a",)), frames=RATE, rate=RATE)
    desk = _desk(engine)
    console = Console(file=io.StringIO(), force_terminal=not quiet, width=80, height=20)
    view = PlayView(desk, rate=RATE, frames=RATE, quiet=quiet, console=console)
    desk.warn("a plugin is missing")
    answers = iter([False, True])
    view.run(lambda: next(answers))
    desk.close()
    engine.close()
    view.close()
    said = capsys.readouterr().err.splitlines()
    assert said == ["a plugin is missing", "the capture is lost"]


def test_more_warnings_than_the_picture_holds_are_all_said_where_there_is_none(
    capsys: pytest.CaptureFixture[str],
) -> None:
    engine = SilentEngine(plain_mix(("a",)), frames=RATE, rate=RATE)
    desk = _desk(engine)
    view = PlayView(desk, rate=RATE, frames=RATE, quiet=True)
    for number in range(20):
        desk.warn(f"warning {number}")
    view.close()
    assert len(capsys.readouterr().err.splitlines()) == 20


@pytest.mark.parametrize(("tracks", "rows"), [(100, 10), (11, 10), (10, 10), (1, 1), (2, 1)])
def test_the_master_is_shown_however_many_tracks_there_are(tracks: int, rows: int) -> None:
    mix = plain_mix([f"stem {number}" for number in range(1, tracks + 1)])
    console = Console(file=io.StringIO(), width=100)
    console.print(picture(mix, Transport(), EngineStatus(alive=True), RATE, RATE, rows=rows))
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    shown = sum(f"stem {number} " in text for number in range(1, tracks + 1))
    assert "master" in text
    assert text.count("\n") <= rows + 3
    assert shown == (tracks if tracks <= rows else rows - 1)
    assert (f"and {tracks - shown} more" in text) == (tracks > rows)
