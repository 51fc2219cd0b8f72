"""Pan law, gain, mute, solo and polarity as amplitudes."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugin_host.engine.gains import amplitude, balance, mix_gains
from plugin_host.mix.state import Aux, Group, Master, Mix, Track


def gains_of(*tracks: Track) -> np.ndarray:
    return mix_gains(Mix(tracks)).tracks


def test_an_untouched_track_is_untouched() -> None:
    assert np.array_equal(gains_of(Track("a", "a")), [[1.0, 1.0]])


@given(st.floats(-1.0, 1.0))
def test_the_near_side_stays_at_0_db_and_the_far_side_follows_a_cosine(pan: float) -> None:
    left, right = balance(pan)
    assert max(left, right) == 1.0
    assert min(left, right) == pytest.approx(math.cos(abs(pan) * math.pi / 2))
    assert np.array_equal(balance(-pan), [right, left])


def test_a_full_pan_is_true_silence_on_the_other_side() -> None:
    assert np.array_equal(balance(1.0), [0.0, 1.0])
    assert np.array_equal(balance(-1.0), [1.0, 0.0])


def test_minus_infinity_is_true_zero_and_gain_is_clamped_at_the_top() -> None:
    assert amplitude(-math.inf) == 0.0
    assert amplitude(0.0) == 1.0
    assert amplitude(400.0) == pytest.approx(10 ** (12 / 20))


def test_mute_wins_over_solo_and_solo_silences_the_rest() -> None:
    gains = gains_of(Track("a", "a"), Track("b", "b", solo=True), Track("c", "c", solo=True, mute=True))
    assert np.array_equal(gains, [[0, 0], [1, 1], [0, 0]])


def test_inverted_polarity_is_a_negative_amplitude() -> None:
    assert np.array_equal(gains_of(Track("a", "a", invert=True, pan=1.0)), [[-0.0, -1.0]])


def test_master_gain_is_its_own() -> None:
    gains = mix_gains(Mix((Track("a", "a", mute=True),), Master(gain_db=-math.inf)))
    assert np.array_equal(gains.master, [0.0, 0.0])
    assert gains.tracks.shape == (1, 2)


def test_a_group_is_added_to_its_tracks_and_held_at_the_top() -> None:
    groups = (Group("low", gain_db=-6.0), Group("high", gain_db=12.0), Group("off", mute=True))
    tracks = tuple(Track(name, name, gain_db=6.0, group=name) for name in ("low", "high", "off"))
    gains = mix_gains(Mix((*tracks, Track("free", "free")), groups=groups)).tracks[:, 0]
    assert gains == pytest.approx([1.0, 10 ** (12 / 20), 0.0, 1.0])


def test_a_soloed_group_leaves_its_tracks_and_the_soloed_ones() -> None:
    tracks = (Track("a", "a", group="g"), Track("b", "b"), Track("c", "c", solo=True))
    assert mix_gains(Mix(tracks, groups=(Group("g", solo=True),))).tracks[:, 0].tolist() == [1.0, 0.0, 1.0]


def test_sends_and_what_comes_back_are_their_own() -> None:
    tracks = (Track("a", "a", sends=(-math.inf, 0.0)), Track("b", "b", solo=True, sends=(-20.0, 12.0)))
    gains = mix_gains(Mix(tracks, auxes=(Aux("x", gain_db=-20.0), Aux("y", mute=True))))
    assert gains.sends == pytest.approx(np.array([[0.0, 1.0], [0.1, 10 ** (12 / 20)]]))
    assert gains.auxes == pytest.approx(np.array([[0.1, 0.1], [0.0, 0.0]]))
