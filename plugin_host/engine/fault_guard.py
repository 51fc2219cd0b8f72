"""Keeps an effect that blew up (NaN, infinity, absurd level) from reaching a loudspeaker or another track."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

ABSURD = 1e6
"""Amplitude (+120 dBFS) that no sound has: an effect that gives it has run away and would overflow what follows."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Where ("track vocals", "master") and at which frame of the song an effect first gave a non-sound."""

    where: str
    frame: int


class FaultGuard:
    """Passes signals on until their first non-sound, then fades the last good sample out and stays silent.

    Silence lasts until `reset` (a new render) or `clear` (a new chain): an effect that gave NaN once mostly does it
    again, and a track that comes and goes is worse than one that is plainly missing. As nothing is heard of a chain
    after its fault, the result does not depend on block sizes.

    names: one per signal, for the faults. fade: (frame,) falling curve that is multiplied on the last good sample.
    """

    def __init__(self, names: Sequence[str], fade: npt.NDArray[np.float32]) -> None:
        self._names = tuple(names)
        self._fade = fade
        self._last_good = np.zeros((len(names), 2), dtype=np.float32)
        self._faults: dict[int, Fault] = {}
        self._faded = [0] * len(names)

    def rearrange(self, names: Sequence[str], signals: Sequence[int | None]) -> None:
        """Signal n, now called `names[n]`, becomes what signal `signals[n]` was; None is a new one."""
        kept = {old: new for new, old in enumerate(signals) if old is not None}
        self._faults = {kept[old]: fault for old, fault in self._faults.items() if old in kept}
        self._faded = [0 if old is None else self._faded[old] for old in signals]
        last_good = np.zeros((len(names), 2), dtype=np.float32)
        for old, new in kept.items():
            last_good[new] = self._last_good[old]
        self._names, self._last_good = tuple(names), last_good

    @property
    def faults(self) -> tuple[Fault, ...]:
        """Every signal that was silenced, once."""
        return tuple(self._faults.values())

    def silenced(self, signal: int) -> bool:
        """Whether that signal has had its fault; what is put in for it is not looked at."""
        return signal in self._faults

    def process(self, signals: npt.NDArray[np.float32], frame: int) -> None:
        """Make the next block (signal, 2, frame) safe in place; `frame` is the song frame of its first sample."""
        # One multiply-add per sample finds NaN, infinity and absurd levels in all signals; only then look closer.
        if self._faults or not np.vdot(signals, signals) < ABSURD:
            for index, signal in enumerate(signals):
                self._guard(index, signal, frame)
        else:
            self._last_good[:, :, None] = signals[:, :, -1:]

    def clear(self, signal: int) -> None:
        """Give that signal another chance, because what makes it is another."""
        if self._faults.pop(signal, None):
            self._faded[signal] = 0
            self._last_good[signal] = 0.0

    def reset(self) -> None:
        """Forget the faults."""
        self._faults.clear()
        self._faded = [0] * len(self._names)
        self._last_good.fill(0.0)

    def _guard(self, index: int, signal: npt.NDArray[np.float32], frame: int) -> None:
        first = 0
        if index not in self._faults:
            bad = ~(np.abs(signal) < ABSURD).all(axis=0)
            first = int(bad.argmax()) if bad.any() else signal.shape[1]
            if first:
                self._last_good[index] = signal[:, first - 1]
            if first == signal.shape[1]:
                return
            self._faults[index] = Fault(self._names[index], frame + first)
        self._fade_out(index, signal[:, first:])

    def _fade_out(self, index: int, signal: npt.NDArray[np.float32]) -> None:
        faded, count = self._faded[index], signal.shape[1]
        fade = self._fade[faded : faded + count]
        np.multiply(self._last_good[index, :, None], fade, out=signal[:, : len(fade)])
        signal[:, len(fade) :] = 0.0
        self._faded[index] = faded + count
