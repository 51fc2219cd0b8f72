"""A take heard again while it plays: its events go to the render thread shortly before the song reaches them."""

from itertools import count

from plugin_host.live.conductor import Conductor
from plugin_host.live.signal_path import SignalPath
from plugin_host.mix.commands import ReplaceMix
from plugin_host.mix.take import Take

LEAD_SECONDS = 0.05
"""Long enough for the control thread to be late, short enough that a hand on a fader meanwhile feels no difference."""


class TakePlayer:
    """Follows the song: whatever lies ahead of it is to come, and a jump back brings events anew.

    Faders and knobs come to the frame at speed 1; where a chain must be built first, it comes when it is ready.
    """

    def __init__(self, conductor: Conductor, path: SignalPath) -> None:
        self._conductor, self._path = conductor, path
        self._take: Take | None = None
        self._next = 0
        self._numbers = count(-1, -1)
        self._last_frame = 0

    def play(self, take: Take | None) -> None:
        """Begin with the mix of the take; None ends it, and the mix stays as it is."""
        self._take, self._next, self._last_frame = take, 0, 0
        if take is not None:
            self._conductor.take([(next(self._numbers), ReplaceMix(take.mix))])

    def advance(self) -> None:
        """Hand on what is due soon."""
        take, fed = self._take, self._path.position()
        if take is None or not fed.playing:
            return
        if fed.song_frame < self._last_frame:
            self._next = next((i for i, event in enumerate(take.events) if event.frame >= fed.song_frame), 0)
        self._last_frame = fed.song_frame
        until = fed.song_frame + LEAD_SECONDS * self._path.rate
        while self._next < len(take.events) and take.events[self._next].frame < until:
            event = take.events[self._next]
            self._next += 1
            at = fed.engine_frame + round((event.frame - fed.song_frame) / fed.speed)
            self._conductor.take([(next(self._numbers), event.command)], at)
