"""What `stemrack play` shows, printed into a text."""

import io
import math

import pytest
from rich.console import Console

from plugin_host.cli.play_view import PlayView, bar, health_line, marks, picture, position_line
from plugin_host.desk.desk import Desk
from plugin_host.desk.silent_engine import SilentEngine
from plugin_host.live.port import EngineStatus, Meter
from plugin_host.mix.commands import SetGain
from plugin_host.mix.state import Group, Mix, Track, plain_mix
from plugin_host.mix.transport import Transport


def _printed(console_width: int = 100, **changes: object) -> str:
    mix = Mix((Track("[bold]vocals", "vocals", gain_db=-math.inf, mute=True), Track("drums", "drums", solo=True)))
    status = EngineStatus(
        alive=True, playing=True, song_frame=48_000 * 13, device="null", load=0.25,
        tracks={"drums": Meter((0.5, 0.1), (0.1, 0.1), True, 2.5)}, **changes,  # type: ignore[arg-type]
    )  # fmt: skip
    console = Console(file=io.StringIO(), width=console_width, highlight=False)
    console.print(picture(mix, Transport(tempo=120.0), status, 48_000, 48_000 * 3700, ["plugin [x] failed"]))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_everything_is_in_the_picture() -> None:
    text = _printed(dropouts=3, restarts=1, lufs=-14.2)
    for part in ("▶ 0:13.0 / 1:01:40", "bar 7.3", "[bold]vocals", "−∞ dB", "CLIP", "−2.5", "load 25%", "3 dropouts"):
        assert part in text
    for part in ("1 restarts", "−14.2 LUFS", "plugin [x] failed", "master"):
        assert part in text


@pytest.mark.parametrize("width", [10, 40, 300])
def test_any_width(width: int) -> None:
    assert "drums" in _printed(width) or width < 40


def test_lines_of_position_and_health() -> None:
    changed = Transport(loop=(0, 96_000), speed=0.5, semitones=-2.0)
    line = position_line(changed, EngineStatus(reference=True), 48_000, 480_000)
    assert line == "■ 0:00.0 / 0:10.0  loop 0:00.0–0:02.0  speed 0.5  -2 semitones  ORIGINAL"
    assert "started" in health_line(EngineStatus())


def test_bars_and_marks() -> None:
    assert [bar(level).plain.count("█") for level in (-math.inf, -90.0, -60.0, -30.0, 0.0, 6.0)] == [
        0,
        0,
        0,
        12,
        24,
        24,
    ]
    mix = Mix((Track("a", "a", mute=True, group="g"),), groups=(Group("g", mute=True, solo=True),))
    assert marks(mix.tracks[0], mix) == "Mms"


def test_quiet_prints_warnings_only(capsys: pytest.CaptureFixture[str]) -> None:
    mix = plain_mix(("a",))
    desk = Desk(SilentEngine(mix, frames=100, rate=48_000), mix, frames=100, rate=48_000)
    view = PlayView(desk, rate=48_000, frames=100, quiet=True)
    desk.do(SetGain("a", -1.0))
    desk.warn("the disk is slow")
    answers = iter([False, False, True])
    view.run(lambda: next(answers))
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.strip() == "the disk is slow"


def test_the_picture_is_drawn_on_a_terminal_and_goes() -> None:
    mix = plain_mix(("a",))
    desk = Desk(SilentEngine(mix, frames=100, rate=48_000), mix, frames=100, rate=48_000)
    console = Console(file=io.StringIO(), force_terminal=True, width=80, height=20)
    answers = iter([False, False, True])
    PlayView(desk, rate=48_000, frames=100, console=console).run(lambda: next(answers))
    assert isinstance(console.file, io.StringIO)
    assert "no dropouts" in console.file.getvalue()


@pytest.mark.parametrize(("width", "height"), [(100, 30), (40, 12), (28, 9), (20, 8)])
def test_small_terminals_show_the_master_too(width: int, height: int) -> None:
    """Lines that are wrapped take the place of tracks, not of the master."""
    mix = plain_mix([f"stem {number}" for number in range(12)])
    desk = Desk(SilentEngine(mix, frames=100, rate=48_000), mix, frames=100, rate=48_000)
    console = Console(file=io.StringIO(), force_terminal=True, width=width, height=height, color_system=None)
    answers = iter([False, False, True])
    PlayView(desk, rate=48_000, frames=100, console=console).run(lambda: next(answers))
    assert isinstance(console.file, io.StringIO)
    drawings = [part for part in console.file.getvalue().split("\x1b[2K") if part.strip("\r\x1b[1A")]
    lines = drawings[1].rstrip("\r").split("\n")
    assert len(lines) < height
    assert lines[-1].startswith("master")
