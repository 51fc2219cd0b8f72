"""A take heard again while it plays: its events go to the render thread shortly before the song reaches them."""

from itertools import count

from plugin_host.live.conductor import Conductor
from plugin_host.live.signal_path import SignalPath
from plugin_host.live.take_ahead import TakeAhead
from plugin_host.mix.commands import ReplaceMix
from plugin_host.mix.take import Take

LEAD_SECONDS = 0.05
"""Beyond the block that is rendered next. Long enough for the control thread to be late, short enough that a hand on a
fader meanwhile, which waits for what was handed on, feels no difference."""


class TakePlayer:
    """Follows the song: whatever lies ahead of it is to come, and a jump back brings events anew.

    All comes to the frame at speed 1. A chain that could not be built in time (a jump, a hand that changed the same
    chain, a plugin that is slow to load, a track that comes or is rendered ahead) comes when it is ready.
    """

    def __init__(self, conductor: Conductor, path: SignalPath) -> None:
        self._conductor, self._path = conductor, path
        self._take: Take | None = None
        self._ahead: TakeAhead | None = None
        self._next = 0
        self._numbers = count(-1, -1)
        self._last_frame = 0

    def play(self, take: Take | None) -> None:
        """Begin with the mix of the take; None ends it, and the mix stays as it is."""
        self._take, self._next, self._last_frame = take, 0, 0
        self._ahead = None if take is None else TakeAhead(take, self._conductor)
        if take is not None:
            self._conductor.take([(next(self._numbers), ReplaceMix(take.mix))])

    def advance(self) -> None:
        """Hand on what is due soon, and have built what comes after it."""
        take, ahead = self._take, self._ahead
        if take is None or ahead is None:
            return
        ahead.advance(self._next)
        fed = self._path.position()
        if not fed.playing:
            return
        if fed.song_frame < self._last_frame:
            self._go_back(take, fed.song_frame)
        self._last_frame = fed.song_frame
        lead = LEAD_SECONDS * self._path.rate + self._path.block
        until = fed.song_frame + lead * fed.speed
        while self._next < len(take.events) and take.events[self._next].frame < until:
            at = fed.engine_frame + round((take.events[self._next].frame - fed.song_frame) / fed.speed)
            self._next = self._hand_on(take, ahead, at)

    def _go_back(self, take: Take, frame: int) -> None:
        events = take.events
        self._next = next((place for place, event in enumerate(events) if event.frame >= frame), len(events))
        self._ahead = TakeAhead(take, self._conductor)

    def _hand_on(self, take: Take, ahead: TakeAhead, at: int) -> int:
        """Have the next event carried out, with those at its frame where they exchange chains; which comes after."""
        found = ahead.found if ahead.found is not None and ahead.found.first == self._next else None
        after = self._next + 1 if found is None else found.after
        commands = [(next(self._numbers), event.command) for event in take.events[self._next : after]]
        built = None if found is None else found.ready()
        if found is None or built is None or not self._conductor.carry_out(built, found.mix, commands, at):
            self._conductor.take(commands, at)
        return after
