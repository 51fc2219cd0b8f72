"""The two encoders behind SongWriter: WAV of our own making, FLAC by libsndfile. Failures come out as OSError."""

import contextlib
from collections.abc import Callable
from typing import BinaryIO, Protocol

import numpy as np
import soundfile

from separation_core.audio.quantising import Quantiser
from separation_core.audio.wave_writer import WaveWriter

_FLAC_BITS = 24
_UPPER_BITS = 8
"""libsndfile takes 24-bit samples in the upper bits of 32."""
_FLOAT_BITS = 32


class Encoder(Protocol):
    """Takes (channel, frame) float blocks and writes bytes to a file that stays the caller's to close."""

    @property
    def clipped(self) -> int:
        """Samples so far that the format could not hold."""

    def write(self, block: np.ndarray) -> None:
        """Encode the next block."""

    def finish(self) -> None:
        """Complete the file."""

    def abandon(self) -> None:
        """Let go of the file, which is about to be removed."""


class WaveEncoder:
    """WAV: float32 when `bits` is 32, else dithered integers."""

    def __init__(self, file: BinaryIO, rate: int, channels: int, bits: int, seed: int) -> None:
        self._quantiser = None if bits == _FLOAT_BITS else Quantiser(bits, seed)
        self._bytes = bits // 8
        self._wave = WaveWriter(file, rate, channels, self._bytes, is_float=bits == _FLOAT_BITS)

    @property
    def clipped(self) -> int:
        """See Encoder.clipped."""
        return 0 if self._quantiser is None else self._quantiser.clipped

    def write(self, block: np.ndarray) -> None:
        """See Encoder.write."""
        if self._quantiser is None:
            self._wave.write(np.ascontiguousarray(block.T, "<f4").tobytes())
        else:
            words = self._quantiser(block).astype("<i4").view(np.uint8).reshape(-1, 4)
            self._wave.write(words[:, : self._bytes].tobytes())

    def finish(self) -> None:
        """See Encoder.finish."""
        self._wave.finish()

    def abandon(self) -> None:
        """See Encoder.abandon; nothing is held back here."""


class FlacEncoder:
    """FLAC, 24 bits, dithered."""

    def __init__(self, file: BinaryIO, rate: int, channels: int, seed: int) -> None:
        self._quantiser = Quantiser(_FLAC_BITS, seed)
        self._target = _ErrorKeeper(file)
        self._flac = soundfile.SoundFile(self._target, "w", rate, channels, "PCM_24", format="FLAC")

    @property
    def clipped(self) -> int:
        """See Encoder.clipped."""
        return self._quantiser.clipped

    def write(self, block: np.ndarray) -> None:
        """See Encoder.write."""
        samples = np.ascontiguousarray(self._quantiser(block) << _UPPER_BITS)
        self._telling_errors(lambda: self._flac.write(samples))

    def finish(self) -> None:
        """See Encoder.finish."""
        self._telling_errors(self._flac.close)

    def abandon(self) -> None:
        """See Encoder.abandon; what libsndfile may still write as it closes goes to a file about to be removed."""
        with contextlib.suppress(soundfile.LibsndfileError):
            self._flac.close()

    def _telling_errors(self, call: Callable[[], object]) -> None:
        """Raise the OSError behind a failure of libsndfile, or one that libsndfile took no notice of."""
        try:
            call()
        except (soundfile.LibsndfileError, AssertionError):  # soundfile asserts that all frames were taken
            self._target.raise_kept()
            raise
        self._target.raise_kept()


class _ErrorKeeper:
    """A file for libsndfile that keeps an OSError for later, because none can pass through C code."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._kept: OSError | None = None

    def write(self, content: bytes) -> int:
        return self._attempt(self._file.write, content)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._attempt(self._file.seek, offset, whence)

    def tell(self) -> int:
        return self._attempt(self._file.tell)

    def raise_kept(self) -> None:
        if self._kept is not None:
            raise self._kept

    def _attempt(self, call: Callable[..., int], *arguments: object) -> int:
        if self._kept is None:
            try:
                return call(*arguments)
            except OSError as error:
                self._kept = error
        return 0
