"""From a mix to the amplitudes its faders multiply by: gain, group, pan law, polarity, mute and solo in one pair."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from plugin_host.mix.state import AUXES, MAX_GAIN_DB, Aux, Master, Mix, Track, any_solo, sounds, track_gain_db

Amplitudes = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class MixGains:
    """What every fader of a mix multiplies by.

    tracks: (track, 2), left and right amplitude of each track in mix order; 0 where a track is muted, soloed away or
    at -inf, negative where its polarity is inverted. master: (2,), the master gain. sends: (track, aux), from behind
    the track's fader. auxes: (aux, 2), of what comes back.
    """

    tracks: Amplitudes
    master: Amplitudes
    sends: Amplitudes
    auxes: Amplitudes


def mix_gains(mix: Mix) -> MixGains:
    """The amplitudes of a whole mix."""
    soloed = any_solo(mix)
    tracks = np.array([_track_pair(track, mix, soloed) for track in mix.tracks], dtype=np.float64).reshape(-1, 2)
    sends = np.array([[amplitude(db) for db in track.sends] for track in mix.tracks], dtype=np.float64)
    auxes = np.array([aux_gains(aux) for aux in mix.auxes], dtype=np.float64)
    return MixGains(tracks, master_gains(mix.master), sends.reshape(-1, AUXES), auxes)


def track_gains(track: Track, mix: Mix) -> Amplitudes:
    """Left and right amplitude (2,) of one track within its mix."""
    return np.array(_track_pair(track, mix, any_solo(mix)))


def _track_pair(track: Track, mix: Mix, soloed: bool) -> tuple[float, float]:
    if not sounds(track, mix, soloed):
        return 0.0, 0.0
    level = amplitude(track_gain_db(track, mix)) * (-1.0 if track.invert else 1.0)
    left, right = _sides(track.pan)
    return level * left, level * right


def master_gains(master: Master) -> Amplitudes:
    """Left and right amplitude (2,) of the master fader."""
    return np.full(2, amplitude(master.gain_db))


def aux_gains(aux: Aux) -> Amplitudes:
    """Left and right amplitude (2,) of an aux bus into the master; no solo silences it."""
    return np.full(2, 0.0 if aux.mute else amplitude(aux.gain_db))


def amplitude(gain_db: float) -> float:
    """Decibels to amplitude, clamped at +12 dB; -inf is exactly zero."""
    return float(10.0 ** (min(gain_db, MAX_GAIN_DB) / 20.0))


def balance(pan: float) -> Amplitudes:
    """Stereo balance (2,) for a pan of -1 … 1, clamped.

    The side panned away from follows a cosine (exactly zero at the end), the other stays at 0 dB.
    """
    return np.array(_sides(pan))


def _sides(pan: float) -> tuple[float, float]:
    away = 0.0 if abs(pan) >= 1.0 else math.cos(abs(pan) * math.pi / 2.0)
    return away if pan > 0 else 1.0, away if pan < 0 else 1.0
