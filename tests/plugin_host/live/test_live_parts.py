"""The engine's small parts: meters, loudness, shared memory, blame, the bell."""

import multiprocessing
import threading
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import sosfilt

from plugin_host.live.bell import Bell
from plugin_host.live.blame import BlameMarker, bypass_of, in_words
from plugin_host.live.metering import LevelWindow, LoudnessMatch, ShortTermLoudness
from plugin_host.live.shared import SharedState
from plugin_host.mix import commands as c
from plugin_host.mix.apply import apply
from plugin_host.mix.state import Effect, plain_mix
from separation_core.audio.loudness import k_power, k_weighting
from separation_core.units import Hertz

RATE = Hertz(48_000)


def music(seconds: float) -> np.ndarray:
    """Pink-ish stereo noise with a beat, (2, frame)."""
    rng, frames = np.random.default_rng(5), round(seconds * RATE)
    noise = np.cumsum(rng.standard_normal((2, frames)), axis=1)
    noise -= np.linspace(0, 1, frames) * noise[:, -1:]
    beat = 0.2 + 0.8 * (np.arange(frames) % 24_000 < 9_000)
    found: np.ndarray = (0.1 * np.diff(noise, prepend=0.0, axis=1) + noise / np.abs(noise).max() * 0.2) * beat
    return found.astype(np.float32)


def test_short_term_loudness_is_that_of_the_standard() -> None:
    sound, meter = music(3.0), ShortTermLoudness(RATE)
    for begin in range(0, sound.shape[1], meter.hop):
        meter.add(sound[:, begin : begin + meter.hop])
    weighted = sosfilt(k_weighting(RATE), sound.astype(np.float64), axis=1)
    wanted = -0.691 + 10 * np.log10(np.mean(weighted**2, axis=1).sum())
    assert meter.lufs == pytest.approx(wanted, abs=0.25)


def test_the_weighting_of_power_is_that_of_the_filter() -> None:
    impulse = np.zeros(RATE)
    impulse[0] = 1.0
    response = np.abs(np.fft.rfft(sosfilt(k_weighting(RATE), impulse))) ** 2
    np.testing.assert_allclose(k_power(RATE, np.fft.rfftfreq(RATE, 1 / RATE))[20:], response[20:], rtol=1e-3)


def test_silence_has_no_loudness() -> None:
    meter = ShortTermLoudness(RATE)
    meter.add(np.zeros((2, meter.hop), np.float32))
    assert meter.lufs == float("-inf")


@given(st.floats(1e-6, 10.0), st.floats(1e-6, 10.0))
def test_the_original_is_turned_to_the_remix_within_twelve_decibels(remix: float, original: float) -> None:
    match = LoudnessMatch()
    match.add(remix, original)
    match.add(0.0, 1.0)  # silence says nothing
    assert match.gain == pytest.approx(np.clip((remix / original) ** 0.5, 1 / match.MOST, match.MOST))


@given(st.lists(st.integers(1, 700), min_size=1, max_size=8))
def test_levels_do_not_depend_on_blocks(sizes: list[int]) -> None:
    sound, window, begin = music(0.2), LevelWindow(3, sum(sizes), early=0), 0
    for size in sizes:
        block = sound[:, begin : begin + size]
        window.add(block[None], 0.5 * block, block, block)
        begin += size
    peak, rms = window.take(1)
    for place, scale in enumerate((0.5, 1.0)):
        wanted = scale * sound[:, :begin].astype(np.float64)
        np.testing.assert_allclose(peak[place], np.abs(wanted).max(axis=1))
        np.testing.assert_allclose(rms[place], np.sqrt(np.square(wanted).mean(axis=1)), rtol=1e-4)
    assert not window.take(1)[0].any()


@given(st.lists(st.lists(st.integers(1, 300), max_size=3), max_size=4), st.integers(0, 240))
def test_remix_and_original_are_compared_in_time(takes: list[list[int]], early: int) -> None:
    sound, window, begin, pairs = music(0.1), LevelWindow(0, 900, early), 0, [np.zeros((4, 0), np.float32)]
    sound = np.hstack([np.zeros((2, early), np.float32), sound])
    for sizes in takes:
        for size in sizes:
            remix, original = (sound[:, at : at + size] for at in (begin, begin + early))
            window.add(np.zeros((0, 2, size), np.float32), remix, remix, original)
            begin += size
        pairs.append(window.pair.copy())
        window.take(0)
    remix, original = np.split(np.hstack(pairs), 2)
    assert np.array_equal(remix, sound[:, :begin])
    assert np.array_equal(remix, original)


def _count_up(name: str, turns: int) -> None:
    shared = SharedState(name)
    for turn in range(turns):
        shared.begin()
        shared.state["engine_frame"] = turn
        time.sleep(1e-6)
        shared.state["song_frame"] = -turn
        shared.end()
        time.sleep(1e-6)  # a reader that is never let in says what it read before
    shared.close()


def test_a_reader_never_sees_half_a_write() -> None:
    shared = SharedState()
    writer = multiprocessing.get_context("spawn").Process(target=_count_up, args=(shared.name, 1000))
    writer.start()
    seen = set()
    while writer.is_alive():
        state = shared.read().state
        assert int(state["song_frame"]) == -int(state["engine_frame"])
        seen.add(int(state["engine_frame"]))
    writer.join()
    shared.close()
    assert len(seen) > 10


def test_blame_outlives_what_it_names() -> None:
    mix = apply(
        plain_mix(("drums", "vocals")), c.SetChain("vocals", (Effect("gain"), Effect("vst3", plugin_path="/a/B.vst3")))
    )
    mix = apply(mix, c.SetChain(c.Bus.AUX_2, (Effect("delay"),)))
    shared = SharedState()
    try:
        marker = BlameMarker(shared)
        marker.rendering()
        marker("vocals", 1)
        assert in_words(shared.blame, mix) == "track vocals: effect 2, vst3 B.vst3"
        assert bypass_of(shared.blame, mix) == c.SetEffectBypass("vocals", 1, True)
        marker(c.Bus.AUX_2, 0)
        assert in_words(shared.blame, mix) == "aux 2: effect 1, delay"
        marker(None, 0)
        assert shared.blame == ""
        building = threading.Thread(target=marker, args=("vocals", 0))
        building.start()
        building.join()
        assert in_words(shared.blame, mix) == "track vocals: effect 1, gain"
    finally:
        shared.close()


@pytest.mark.parametrize("blame", ["", "x", "7 track vocals", "0 track cowbell", "0 bus nowhere"])
def test_blame_that_fits_nothing_bypasses_nothing(blame: str) -> None:
    assert bypass_of(blame, plain_mix(("vocals",))) is None


def test_a_bell_rung_before_the_wait_is_heard() -> None:
    bell = Bell()
    for _ in range(3):
        bell.ring()
    assert bell.wait(5.0)
    assert not bell.wait(0.0)
    threading.Timer(0.01, bell.ring).start()
    began = time.monotonic()
    assert bell.wait(20.0)
    assert time.monotonic() - began < 20.0
