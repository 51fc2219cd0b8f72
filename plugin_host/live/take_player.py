"""A take heard again while it plays: its events go to the render thread shortly before the song reaches them."""

from bisect import bisect_left
from collections.abc import Callable

from plugin_host.live.conductor import Conductor
from plugin_host.live.port import TAKE_MIX, number_of_move
from plugin_host.live.signal_path import Position, SignalPath
from plugin_host.live.take_ahead import TakeAhead
from plugin_host.mix.commands import ReplaceMix
from plugin_host.mix.take import Take

LEAD_SECONDS = 0.05
"""Beyond the block that is rendered next. Long enough for the control thread to be late, short enough that a hand on a
fader meanwhile, which waits for what was handed on, feels no difference."""


class TakePlayer:
    """Follows the song: whatever lies ahead of it is to come, and going round a loop brings events anew.

    arrived: whether the song is where it was sent. All comes to the frame at speed 1. A chain that could not be built
    in time (a jump, a hand that changed the same chain, a plugin that is slow to load, a track that comes or is
    rendered ahead) comes when it is ready.
    """

    def __init__(self, conductor: Conductor, path: SignalPath, arrived: Callable[[], bool]) -> None:
        self._conductor, self._path, self._arrived = conductor, path, arrived
        self._take: Take | None = None
        self._ahead: TakeAhead | None = None
        self._next = 0
        self._last: Position | None = None

    def play(self, take: Take | None) -> None:
        """Begin with the mix of the take; None ends it, and the mix stays as it is."""
        self._take, self._next, self._last = take, 0, None
        self._ahead = None if take is None else TakeAhead(take, self._conductor)
        if take is not None:
            self._conductor.take([(TAKE_MIX, ReplaceMix(take.mix))])

    def advance(self) -> None:
        """Hand on what is due soon, and have built what comes after it."""
        take, ahead = self._take, self._ahead
        if take is None or ahead is None:
            return
        ahead.advance(self._next)
        now, last = self._path.position(), self._last
        if last is None:  # the song may still be where it was before it was sent to where the take begins
            self._last = now if self._arrived() else None
        elif now.playing and now.engine_frame > last.engine_frame:
            self._last = now
            if now.song_frame < last.song_frame:
                self._go_back(take, now, now.engine_frame - last.engine_frame)
            self._hand_on_until(take, ahead, now)

    def _hand_on_until(self, take: Take, ahead: TakeAhead, now: Position) -> None:
        """Hand on what comes in the next moments, as far as the song gets before it goes round."""
        until = now.song_frame + (LEAD_SECONDS * self._path.rate + self._path.block) * now.speed
        if now.loop is not None and now.song_frame < now.loop[1]:
            until = min(until, now.loop[1])
        while self._next < len(take.events) and take.events[self._next].frame < until:
            at = now.engine_frame + round((take.events[self._next].frame - now.song_frame) / now.speed)
            self._next = self._hand_on(take, ahead, at)

    def _go_back(self, take: Take, now: Position, passed: int) -> None:
        """To the first event since the song went back, at most so many engine frames ago."""
        begin = now.loop[0] if now.loop is not None else 0
        frame = max(now.song_frame - passed * now.speed, begin)
        self._next = bisect_left(take.events, frame, key=lambda event: event.frame)
        self._ahead = TakeAhead(take, self._conductor)

    def _hand_on(self, take: Take, ahead: TakeAhead, at: int) -> int:
        """Have the next event carried out, with those at its frame where they exchange chains; which comes after."""
        found = ahead.found if ahead.found is not None and ahead.found.first == self._next else None
        after = self._next + 1 if found is None else found.after
        commands = [(number_of_move(place), take.events[place].command) for place in range(self._next, after)]
        built = None if found is None else found.ready()
        if found is None or built is None or not self._conductor.carry_out(built, found.mix, commands, at):
            self._conductor.take(commands, at)
        return after
