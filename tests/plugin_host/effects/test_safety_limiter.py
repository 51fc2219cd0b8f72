from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugin_host.effects.limiter import safety_limiter

Block = npt.NDArray[np.float32]
Cut = Callable[[Block, list[int]], Iterator[Block]]

RATE = 44_100
FRAMES = 20_000
TIME = np.arange(FRAMES) / RATE
RANDOM = np.random.default_rng(11)


def both(channel: npt.ArrayLike) -> Block:
    return np.tile(np.asarray(channel, np.float32), (2, 1))


HOSTILE = {
    "noise at +60 dB": (RANDOM.standard_normal((2, FRAMES)) * 1000).astype(np.float32),
    "bursts at +60 dB": (RANDOM.standard_normal((2, FRAMES)) * 1000 * (np.sin(60 * TIME) > 0.9)).astype(np.float32),
    "single clicks": ((RANDOM.random((2, FRAMES)) > 0.999) * 1000).astype(np.float32),
    "direct current": both(np.ones(FRAMES)),
    "direct current at +20 dB": both(np.full(FRAMES, -10.0)),
    "square": both(np.sign(np.sin(2 * np.pi * 100 * TIME))),
    "square at half the rate": both((-1.0) ** np.arange(FRAMES) * 4),
    "rise over 120 dB": both(10 ** np.linspace(-3, 3, FRAMES)),
    "steps": both(np.repeat([0.0, 1.0, 1e-3, 100.0, 0.5, 1e30, 0.1, 2.0], FRAMES // 8)),
    "one side": np.stack([RANDOM.standard_normal(FRAMES) * 30, np.zeros(FRAMES)]).astype(np.float32),
}


def ceiling(ceiling_db: float) -> np.float32:
    return np.float32(10 ** (ceiling_db / 20))


@pytest.mark.parametrize("ceiling_db", [0.0, -1.0, -24.0])
@pytest.mark.parametrize("signal", HOSTILE.values(), ids=HOSTILE.keys())
def test_no_sample_passes_the_ceiling(signal: Block, ceiling_db: float, in_blocks: Cut) -> None:
    limiter = safety_limiter(RATE, ceiling_db)
    for block in in_blocks(signal, [1, 100, 4096, 512]):
        out = limiter.process(block)
        assert out.shape == block.shape
        assert np.abs(out).max() <= ceiling(ceiling_db)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.floats(-1e6, 1e6, width=32), st.integers(1, 400)), min_size=1, max_size=20),
    st.floats(-24, 0),
    st.sampled_from([8_000, 44_100, 192_000]),
)
def test_no_staircase_passes_the_ceiling(stairs: list[tuple[float, int]], ceiling_db: float, rate: int) -> None:
    signal = both(np.concatenate([np.full(length, level) for level, length in stairs]))
    out = safety_limiter(rate, ceiling_db).process(np.concatenate([signal, np.zeros((2, 2000), np.float32)], axis=1))
    assert np.abs(out).max() <= ceiling(ceiling_db) * np.float32(1 + 1e-6)


@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000, 192_000])
def test_quiet_audio_is_untouched_5_ms_later(rate: int) -> None:
    quiet = (np.random.default_rng(2).uniform(-0.89, 0.89, (2, 9000))).astype(np.float32)
    limiter = safety_limiter(rate, -1.0)
    assert limiter.latency == round(0.005 * rate)
    out = limiter.process(quiet)
    np.testing.assert_array_equal(out[:, limiter.latency :], quiet[:, : -limiter.latency])


def test_block_sizes_make_no_difference_and_reset_is_as_if_new(in_blocks: Cut) -> None:
    signal = HOSTILE["bursts at +60 dB"]
    limiter = safety_limiter(RATE, -1.0)
    whole = limiter.process(signal)
    for sizes in ([1, 2, 3, 700], [32], [4096]):
        limiter.reset()
        np.testing.assert_array_equal(np.concatenate([*map(limiter.process, in_blocks(signal, sizes))], axis=1), whole)


def test_music_at_plus_30_db_is_held(song: tuple[Block, int]) -> None:
    music, rate = song
    out = safety_limiter(rate, -1.0).process(music * np.float32(31.6))
    assert np.abs(out).max() <= ceiling(-1.0)
    assert np.sqrt(np.mean(out**2)) > 0.1
