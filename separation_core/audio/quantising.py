"""From float samples to integers, with dither.

Triangular (TPDF) dither of two least significant bits peak to peak makes the error independent of the signal
(Lipshitz, Wannamaker and Vanderkooy, "Quantization and Dither: A Theoretical Survey", JAES 40, 1992).
"""

import numpy as np


class Quantiser:
    """Turns (channel, frame) floats into interleaved (frame, channel) int32 of `bits` bits.

    clipped: how many samples the integers could not hold: beyond ±1, infinite (set to full scale) or NaN (set to 0).
    The dither follows from `seed` and the place in the stream alone, not from how it is cut into blocks.
    """

    def __init__(self, bits: int, seed: int) -> None:
        self._scale = float(1 << (bits - 1))
        self._noise = np.random.default_rng(seed)
        self.clipped = 0

    def __call__(self, block: np.ndarray) -> np.ndarray:
        """Quantise one block."""
        samples = block.T.astype(np.float64, order="C")
        self.clipped += int(np.count_nonzero(~(np.abs(samples) <= 1)))
        np.nan_to_num(samples, copy=False, nan=0.0, posinf=1.0, neginf=-1.0)
        noise = self._noise.random((*samples.shape, 2))
        dithered = samples * self._scale + noise[..., 0] - noise[..., 1]
        clipped: np.ndarray = np.clip(np.rint(dithered), -self._scale, self._scale - 1).astype(np.int32)
        return clipped
