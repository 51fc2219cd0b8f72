"""What all surfaces share and no mix holds: the selected track, the bank, the loop while it is off, sync."""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from plugin_host.control.parameters.followed import FollowedTrack
from plugin_host.mix.state import Mix

BANK = 8
"""Tracks that a bank of faders holds."""
_WAITING = 1000


@dataclass(frozen=True, slots=True)
class PanelState:
    """selected: a track's name, "" for none. bank: tracks before the bank's first. loop: song frames, None until one
    was set. sync_source, sync_state: the master that is chosen, and how it goes."""

    selected: str = ""
    bank: int = 0
    loop: tuple[int, int] | None = None
    sync_source: str = "off"
    sync_state: str = "off"


@dataclass(frozen=True, slots=True)
class SyncReadings:
    """What moves all the time. tempo: the master's, 0 where it is not known. offset_ms: how far the sound is ahead."""

    tempo: float = 0.0
    offset_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class PanelChanged:
    """The panel is not as it was. origin: the surface that did it."""

    before: PanelState
    after: PanelState
    origin: str


class Panel:
    """Keeps the state and tells of changes; for any number of threads. sync: is only kept, whoever follows sets it."""

    def __init__(self) -> None:
        self.state = PanelState()
        self.sync = SyncReadings()
        self._lock = threading.Lock()
        self._queues: list[deque[PanelChanged]] = []
        self._followed = FollowedTrack()

    # Any: the fields of PanelState, whose types `replace` knows.
    def change(self, origin: str, **fields: Any) -> None:
        """Set some fields of the state, and tell where that makes a difference."""
        with self._lock:
            self._set(origin, **fields)

    def keep_to(self, mix_now: Callable[[], Mix]) -> None:
        """Where tracks went, the bank ends with those that are left; where the selected one was renamed, it stays so.

        mix_now: the mix as it is, asked in its turn, so that nobody comes with an older one.
        """
        if not (self.state.bank or self.state.selected):
            return
        with self._lock:
            tracks = mix_now().tracks
            bank = _within(self.state.bank, len(tracks))
            selected = self._followed.name_now(self.state.selected, tracks) if self.state.selected else ""
            if (bank, selected) != (self.state.bank, self.state.selected):
                self._set("", bank=bank, selected=selected)

    def listen(self) -> "deque[PanelChanged]":
        """A queue of what changes from now on; `leave` when done."""
        queue: deque[PanelChanged] = deque(maxlen=_WAITING)
        with self._lock:
            self._queues.append(queue)
        return queue

    # Any: as `change`.
    def _set(self, origin: str, **fields: Any) -> None:
        before, self.state = self.state, replace(self.state, **fields)
        if self.state != before:
            for queue in self._queues:
                queue.append(PanelChanged(before, self.state, origin))

    def leave(self, queue: "deque[PanelChanged]") -> None:
        """Listen no longer."""
        with self._lock:
            self._queues = [other for other in self._queues if other is not queue]


def _within(bank: int, tracks: int) -> int:
    """As many banks back as it takes to have tracks in it."""
    beyond = bank - max(tracks - 1, 0)
    return max(bank - BANK * -(-beyond // BANK), 0) if beyond > 0 else bank
