"""From any number of channels to two.

Downmix of ITU-R BS.775-4, table 2, unscaled (float samples may pass full scale; nothing clips): centre, surround
and side channels at 0.7071 (-3 dB), a back centre at 0.5 into both, the low-frequency channel left out.
"""

import numpy as np

from separation_core.errors import UnsupportedAudio

HALF_POWER = float(np.sqrt(0.5))

WAVE_SPEAKERS: dict[int, tuple[str, ...]] = {
    1: ("FC",),
    2: ("FL", "FR"),
    3: ("FL", "FR", "FC"),
    4: ("FL", "FR", "BL", "BR"),
    5: ("FL", "FR", "FC", "BL", "BR"),
    6: ("FL", "FR", "FC", "LFE", "BL", "BR"),
    7: ("FL", "FR", "FC", "LFE", "BC", "SL", "SR"),
    8: ("FL", "FR", "FC", "LFE", "BL", "BR", "SL", "SR"),
}
"""Speakers by channel count, in the order of the WAVE channel mask (Microsoft, WAVEFORMATEXTENSIBLE)."""

_LEFT_RIGHT = {
    "FL": (1.0, 0.0),
    "FR": (0.0, 1.0),
    "FC": (HALF_POWER, HALF_POWER),
    "LFE": (0.0, 0.0),
    "BL": (HALF_POWER, 0.0),
    "BR": (0.0, HALF_POWER),
    "SL": (HALF_POWER, 0.0),
    "SR": (0.0, HALF_POWER),
    "BC": (0.5, 0.5),
}


def to_stereo(block: np.ndarray, *, pick: tuple[int, int] | None = None) -> np.ndarray:
    """Turn (channel, frame) samples into (2, frame) float32.

    One channel is doubled, two are kept, three to eight (WAVE order) are downmixed. `pick` names the channels to use
    as left and right instead, counted from 1. UnsupportedAudio: more than eight channels without `pick`, or a `pick`
    that is not there.
    """
    count = block.shape[0]
    if pick is not None:
        return _picked(block, pick)
    if count == 1:
        return np.repeat(block, 2, axis=0).astype(np.float32, copy=False)
    if count == 2:
        return block.astype(np.float32, copy=False)
    return _downmix_matrix(count) @ block.astype(np.float32, copy=False)


def _picked(block: np.ndarray, pick: tuple[int, int]) -> np.ndarray:
    count = block.shape[0]
    if not all(1 <= number <= count for number in pick):
        raise UnsupportedAudio(
            f"channels {pick[0]},{pick[1]} were asked for and the song has {count}; name two from 1 to {count}"
        )
    return block[[pick[0] - 1, pick[1] - 1]].astype(np.float32, copy=False)


def _downmix_matrix(count: int) -> np.ndarray:
    """(2, channel) float32 gains."""
    if count not in WAVE_SPEAKERS:
        raise UnsupportedAudio(
            f"the song has {count} channels and no known layout; choose the two to use, as in --channels 1,2"
        )
    return np.array([_LEFT_RIGHT[speaker] for speaker in WAVE_SPEAKERS[count]], np.float32).T
