"""Files that go away or break while they play: one line about it, silence for that stem, and the song goes on."""

from pathlib import Path

import numpy as np
import pytest

from plugin_host.engine.feed import Feed
from plugin_host.mix.transport import Transport
from plugin_host.stems.reader import StemReader
from separation_core.audio.frames import ArraySource, FrameSource
from separation_core.audio.writing import SongWriter
from separation_core.units import Hertz

RATE, FRAMES = Hertz(8000), 80_000


@pytest.fixture
def samples() -> np.ndarray:
    return np.random.default_rng(0).uniform(-0.5, 0.5, (2, FRAMES)).astype(np.float32)


@pytest.fixture
def path(tmp_path: Path, samples: np.ndarray) -> Path:
    path = tmp_path / "vocals.wav"
    with SongWriter(path, RATE, 2) as writer:
        writer.write(samples)
    return path


def play(feed: Feed, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The stem and the song from where the feed stands."""
    blocks = []
    for _ in range(count // 100):
        assert feed.settle(5)
        block = feed.read(("vocals",), 100)
        assert not block.starved
        blocks.append((block.inputs[0].copy(), block.reference.copy()))
    stem, song = zip(*blocks, strict=True)
    return np.concatenate(stem, axis=1), np.concatenate(song, axis=1)


def playing(source: FrameSource, samples: np.ndarray) -> Feed:
    reference = ArraySource(samples, RATE)
    return Feed({"vocals": source}, reference, RATE, transport=Transport(playing=True), ahead_seconds=0.5)


@pytest.mark.skipif("os.name == 'nt'", reason="Windows does not let an open file be deleted")
def test_a_stem_that_is_deleted_plays_on(path: Path, samples: np.ndarray) -> None:
    with StemReader(path, RATE, FRAMES) as stem, playing(stem, samples) as feed:
        path.unlink()
        heard, _ = play(feed, FRAMES)
        assert np.array_equal(heard, samples)
        assert feed.problems() == []


def test_a_stem_cut_short_falls_silent_with_one_line_and_is_tried_again_when_given_again(
    path: Path, samples: np.ndarray
) -> None:
    with StemReader(path, RATE, FRAMES) as stem, playing(stem, samples) as feed:
        whole = path.read_bytes()
        with path.open("r+b") as file:
            file.truncate(len(whole) // 2)
        heard, song = play(feed, 60_000)
        assert np.array_equal(song, samples[:, :60_000])
        silent = int(np.flatnonzero(heard.any(axis=0))[-1]) + 1
        assert np.array_equal(heard[:, :silent], samples[:, :silent])
        assert 20_000 <= silent <= 40_000
        (problem,) = feed.problems()
        assert problem.startswith("vocals is silent: ")
        assert "\n" not in problem
        path.write_bytes(whole)
        with StemReader(path, RATE, FRAMES) as again:
            feed.set_sources({"vocals": again})
            play(feed, 400)
            first = feed.song_frame
            assert np.array_equal(play(feed, 1000)[0], samples[:, first : first + 1000])
            assert feed.problems() == []
            feed.close()


def test_a_stem_closed_too_early_is_silent_too(path: Path, samples: np.ndarray) -> None:
    stem = StemReader(path, RATE, FRAMES)
    with playing(stem, samples) as feed:
        assert feed.settle(5)  # nothing is being read
        stem.close()
        heard, song = play(feed, 20_000)
        assert np.array_equal(song, samples[:, :20_000])
        assert not heard[:, -1000:].any()
        assert len(feed.problems()) == 1
