"""Ableton Link: tempo, beats, start and stop shared with every program on the network that has it.

Through LinkPython-extern, an extra of its own: the Unlicense is its licence, GPLv2 or later that of Link inside it.
"""

import importlib
from collections.abc import Callable
from typing import Any

from plugin_host.control.sync.master import MasterPlace
from plugin_host.errors import ControlError

_MICRO = 1e-6
USUAL_TEMPO = 120.0


# Any: the module is optional.
def link_library() -> Any:
    """LinkPython; `ControlError` where it is not installed."""
    try:
        return importlib.import_module("link")
    except ImportError as error:
        raise ControlError(f"Ableton Link needs LinkPython-extern ({error}): pip install 'stemrack[link]'") from error


class LinkPeer:
    """One of those who play together. tempo: to begin with, where nobody else is there. clock: seconds.

    Link knows beats, and when playing started, but no place in a song: ours begins where it stood when playing started
    (`stood`: its beats). Link's own clock is another than ours; `place_at` looks at both.
    """

    def __init__(self, tempo: float | None, clock: Callable[[], float], *, beats_per_bar: int = 4) -> None:
        self._link = link_library().Link(tempo or USUAL_TEMPO)
        self._link.startStopSyncEnabled = True
        self._link.enabled = True
        self._clock, self._quantum = clock, float(beats_per_bar)
        self.stood = 0.0

    @property
    def peers(self) -> int:
        """How many others there are."""
        return int(self._link.numPeers())

    def place_at(self, now: float) -> MasterPlace:
        """Heard while others are there; what they began goes on when they leave."""
        state = self._link.captureAppSessionState()
        micros = self._link.clock().micros() + round((now - self._clock()) / _MICRO)
        began = state.timeForIsPlaying()
        running = state.isPlaying() and micros >= began
        since = state.beatAtTime(micros, self._quantum) - state.beatAtTime(began, self._quantum)
        beats = self.stood + since if running else None
        return MasterPlace(heard=self.peers > 0, running=running, beats=beats, tempo=state.tempo(), settled=True)

    def tell_tempo(self, tempo: float) -> None:
        """Have everyone play at that tempo."""
        state = self._link.captureAppSessionState()
        if abs(state.tempo() - tempo) > 1e-3:
            state.setTempo(tempo, self._link.clock().micros())
            self._link.commitAppSessionState(state)

    def close(self) -> None:
        """Leave the others."""
        self._link.enabled = False
