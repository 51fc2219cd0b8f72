"""The picture: a PNG with something to see in every row, for songs of any size; plain errors where it cannot be."""

import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from plugin_host.demo.overview import Stretch
from plugin_host.demo.picture import draw_overview
from plugin_host.errors import HostError
from plugin_host.stems.reader import SilentStem
from separation_core.audio.frames import ArraySource
from separation_core.units import Hertz

image = pytest.importorskip("matplotlib.image", reason="the optional extra `plots` is not installed")

RATE = Hertz(44_100)


def tone(*hertz: float, seconds: float = 2.0) -> Stretch:
    frames = round(seconds * RATE)
    wave = sum(0.5 * np.sin(2 * np.pi * one * np.arange(frames) / RATE) for one in hertz)
    return Stretch(ArraySource(np.stack([wave, wave]).astype(np.float32), RATE), frames)


def silence(frames: int, rate: Hertz = RATE) -> Stretch:
    return Stretch(SilentStem(rate, frames), frames)


def size_of(path: Path) -> tuple[int, int]:
    data = path.read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", data[16:24])
    return width, height


def test_a_row_for_the_song_each_stem_and_the_remix(tmp_path: Path) -> None:
    stems = {"bass": tone(80.0), "vocals": tone(400.0)}
    song = tone(80.0, 400.0)
    draw_overview(tmp_path / "two.png", song, stems, song, {"bass": 7.5})
    more = {**stems, "other": tone(900.0), "kazoo": tone(1500.0)}
    draw_overview(tmp_path / "four.png", song, more, song, remix_title="scene wide")
    (wide, two), (width, four) = size_of(tmp_path / "two.png"), size_of(tmp_path / "four.png")
    assert wide == width
    assert four == pytest.approx(two * 6 / 4, abs=2)


def test_a_higher_tone_is_drawn_higher(tmp_path: Path) -> None:
    brightest = []
    for hertz in (100.0, 3000.0):
        song = tone(hertz)
        draw_overview(tmp_path / "x.png", song, {}, song)
        pixels = np.asarray(image.imread(tmp_path / "x.png"))[:, :, :3]
        rows = pixels[pixels.shape[0] // 6 : pixels.shape[0] * 7 // 16, 400:1000].sum(axis=(1, 2))
        brightest.append(int(np.argmax(rows)))
    assert brightest[0] > brightest[1] + 30  # rows are counted from the top


def test_silence_a_few_frames_low_rates_unequal_lengths_and_many_stems_are_drawn(tmp_path: Path) -> None:
    silent = silence(8000, Hertz(8000))
    draw_overview(tmp_path / "a.png", silent, {"drums": silent}, silent)
    draw_overview(tmp_path / "b.png", tone(100.0, seconds=1e-4), {}, silence(1))
    draw_overview(
        tmp_path / "c.png", tone(100.0, seconds=1.0), {"bass": tone(100.0, seconds=0.5)}, tone(100.0, seconds=3.0)
    )
    draw_overview(tmp_path / "d.png", tone(100.0), {f"s{i}": tone(100.0) for i in range(6)}, tone(100.0))
    assert all(size_of(tmp_path / f"{name}.png")[0] > 1000 for name in "abcd")


def test_nothing_to_draw_and_nowhere_to_write_are_one_line(tmp_path: Path) -> None:
    empty = silence(0)
    with pytest.raises(HostError, match="no frames"):
        draw_overview(tmp_path / "x.png", empty, {}, empty)
    with pytest.raises(HostError, match="cannot write the picture"):
        draw_overview(tmp_path / "absent" / "x.png", tone(100.0), {}, tone(100.0))


WITHOUT_MATPLOTLIB = """
import sys
sys.modules["matplotlib"] = None  # what Python itself puts there to forbid an import
from pathlib import Path
from plugin_host.demo.overview import Stretch
from plugin_host.demo.picture import draw_overview
from plugin_host.errors import HostError
from plugin_host.stems.reader import SilentStem
sound = Stretch(SilentStem(44100, 99), 99)
try:
    draw_overview(Path("x.png"), sound, {}, sound)
except HostError as error:
    print(error)
"""


def test_without_matplotlib_the_remedy_is_named(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WITHOUT_MATPLOTLIB]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert "pip install 'stemrack[plots]'" in said
    assert not list(tmp_path.iterdir())
