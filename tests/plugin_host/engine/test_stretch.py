"""The stretcher keeps pitch or speed, keeps time, and is one and the same linear map for all signals."""

from collections.abc import Callable

import numpy as np
import pytest

from plugin_host.engine.stretch import Stretcher

RATE = 24_000
Rows = np.ndarray


def reader(rows: Rows) -> Callable[[int, int], Rows]:
    def read(offset: int, count: int) -> Rows:
        out = np.zeros((*rows.shape[:2], count), np.float32)
        first, end = (min(max(frame, 0), rows.shape[2]) for frame in (offset, offset + count))
        out[:, :, first - offset : end - offset] = rows[:, :, first:end]
        return out

    return read


def stretched(rows: Rows, speed: float, semitones: float, block: int = 3000) -> Rows:
    stretcher = Stretcher(reader(rows), len(rows), RATE, speed, semitones)
    return np.concatenate([stretcher.read(block) for _ in range(int(rows.shape[2] / speed) // block)], axis=2)


def stereo(signal: np.ndarray, right: float = 1.0) -> Rows:
    return np.stack([signal, right * signal])[None].astype(np.float32)


def music(seconds: float = 2.0) -> Rows:
    """Three stems and, as the fourth row, their sum."""
    rng, time = np.random.default_rng(1), np.arange(int(RATE * seconds)) / RATE
    tone = sum(np.sin(2 * np.pi * f * time) for f in (220, 277.2, 329.6)) * 0.1
    beats = rng.standard_normal(len(time)) * np.exp(-20 * (time % 0.4)) * 0.3
    low = np.sign(np.sin(2 * np.pi * 55 * time)) * 0.1
    stems = np.concatenate([stereo(tone, 0.5), stereo(beats), stereo(low, 0.9)])
    return np.concatenate([stems, stems.sum(axis=0, keepdims=True)])


@pytest.mark.parametrize(("speed", "semitones"), [(0.5, 0), (0.8, 5), (1.3, -12), (2.0, 0), (1.0, 12)])
def test_the_stretched_stems_sum_to_the_stretched_song(speed: float, semitones: float) -> None:
    *stems, song = stretched(music(), speed, semitones)
    assert np.abs(np.sum(stems, axis=0) - song).max() < 1e-6
    assert np.abs(song).max() > 0.1


@pytest.mark.parametrize("speed", [0.5, 0.73, 1.0, 1.5, 2.0])
@pytest.mark.parametrize("semitones", [-12, 0, 7])
def test_a_sine_keeps_its_level_and_gets_its_pitch(speed: float, semitones: float) -> None:
    time = np.arange(3 * RATE) / RATE
    out = stretched(stereo(0.5 * np.sin(2 * np.pi * 440 * time), 0.5), speed, semitones)[0, :, 6000:-6000]
    turn = 2 * np.pi * 440 * 2 ** (semitones / 12) * np.arange(out.shape[1]) / RATE
    basis = np.stack([np.sin(turn), np.cos(turn)], axis=1)
    fit, *_ = np.linalg.lstsq(basis, out[0], rcond=None)
    assert np.hypot(*fit) == pytest.approx(0.5, rel=1e-3)
    assert np.abs(basis @ fit - out[0]).max() < 5e-4
    assert np.allclose(out[1], 0.5 * out[0], atol=1e-6)


def test_speed_one_gives_the_input() -> None:
    rows = music()
    out = stretched(rows, 1.0, 0.0)
    assert np.abs(out - rows[:, :, : out.shape[2]]).max() < 1e-4


@pytest.mark.parametrize(("speed", "semitones"), [(0.5, 0), (0.8, 0), (1.25, 0), (2.0, 0), (1.0, 4), (1.0, -5)])
def test_time_is_kept_to_the_end_of_a_song(speed: float, semitones: float) -> None:
    """Bursts of noise have their centres where they belong, early and late in the song."""
    rng, rows = np.random.default_rng(2), np.zeros(8 * RATE)
    shape, middles = np.hanning(RATE // 5), np.arange(1, 15) * RATE // 2
    for middle in middles:
        rows[middle - len(shape) // 2 :][: len(shape)] = shape * rng.standard_normal(len(shape)) * 0.3
    power = stretched(stereo(rows), speed, semitones)[0, 0] ** 2
    late = [centre_of_mass(power, middle / speed, RATE / 5 / speed) - middle / speed for middle in middles]
    assert abs(np.median(late)) < 0.001 * RATE
    assert abs(np.median(late[7:]) - np.median(late[:7])) < 0.001 * RATE


def centre_of_mass(power: np.ndarray, near: float, reach: float) -> float:
    begin = max(0, int(near - reach))
    piece = power[begin : int(near + reach)]
    return begin + float(np.average(np.arange(len(piece)), weights=piece))


def test_the_samples_do_not_depend_on_how_they_are_asked_for() -> None:
    long, short = (stretched(music(), 0.8, 3, block) for block in (3000, 100))
    assert np.array_equal(long, short)


def test_silence_stays_silence_and_what_follows_is_heard() -> None:
    rows = music()
    rows[:, :, :RATE] = 0.0
    out = stretched(rows, 0.5, 0)
    assert not out[:, :, : 2 * RATE - 4096].any()
    assert np.abs(out[3, :, 2 * RATE + 2048 :]).max() > 0.1
    assert np.isfinite(out).all()
