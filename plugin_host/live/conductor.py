"""Which command is carried out when: what needs nothing built goes at once, what needs a new chain waits until that
is ready, and only what depends on it waits with it. So a fader never waits for a plugin to load.

All of it runs in the engine's control thread, but for the building itself.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import reduce
from typing import Protocol

from plugin_host.engine.changes import ChangePlan, PreparedChange, light_change, plan_change
from plugin_host.errors import HostError
from plugin_host.live.port import Refused
from plugin_host.live.render_loop import Posted
from plugin_host.mix import commands as c
from plugin_host.mix.apply import apply, chain_of
from plugin_host.mix.state import Mix

Numbered = tuple[int, c.Command]

_CHAIN_COMMANDS = (
    c.SetChain,
    c.AddEffect,
    c.RemoveEffect,
    c.MoveEffect,
    c.SetEffectParam,
    c.SetEffectBypass,
    c.SetEffectWet,
)
_FADER_COMMANDS = (
    c.SetGain,
    c.SetPan,
    c.SetMute,
    c.SetSolo,
    c.ClearSolo,
    c.SetInvert,
    c.SetSend,
    c.SetGroup,
    c.SetGroupGain,
    c.SetGroupMute,
    c.SetGroupSolo,
    c.RemoveGroup,
    c.SetAuxGain,
    c.SetAuxMute,
    c.SetMasterGain,
)
"""What never needs anything built; there may be thousands of them a second."""
_WHOLE_MIXES = (c.RecallScene, c.ReplaceMix)
"""What sets faders and chains."""
_CHAINS_OF_MANY = (*_WHOLE_MIXES, c.AddTrack, c.RemoveTrack, c.RenameTrack)


class Builds(Protocol):
    """What makes changes ready; see `engine.changes.Builder`."""

    def build(self, plan: ChangePlan, new: Mix) -> PreparedChange:
        """Slow."""


class Conductor:
    """Keeps the mix that is heard.

    post: hands a change to the render thread. free: whether a further rebuilt chain may be posted now. report: told
    what is refused.
    """

    def __init__(
        self,
        mix: Mix,
        builder: Builds,
        post: Callable[[Posted], None],
        free: Callable[[], bool],
        report: Callable[[Refused], None],
    ) -> None:
        self.heard = mix
        self._builder, self._post, self._free, self._report = builder, post, free, report
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="builder")
        self._waiting: list[Numbered] = []
        self._taken: list[Numbered] = []
        self._at_most = 0
        self._job: Future[PreparedChange] | None = None
        self._not_before: int | None = None

    @property
    def idle(self) -> bool:
        """Whether nothing waits for a chain."""
        return self._job is None and not self._waiting

    def take(self, commands: Iterable[Numbered], at: int | None = None) -> None:
        """Carry out commands in order; `at`: the engine frame for those that can be carried out to the frame.

        What comes after those waits for them: each change sets all faders, as they are after those before it.
        """
        mix, numbers, early = self.heard, [], []
        if at is not None:
            self._not_before = max(at, self._not_before or 0)
        for number, command in commands:
            new = self._at_once(mix, number, command)
            if new is not None:
                mix = new
                if self._sets_again(command):
                    self._waiting.append((number, command))
                    early.append(number)
                else:
                    numbers.append(number)
        if mix is not self.heard:
            self._post(Posted(light_change(self.heard, mix), tuple(numbers), self._not_before, tuple(early)))
            self.heard = mix
        self.advance()

    def build_ahead(self, plan: ChangePlan, new: Mix) -> "Future[PreparedChange]":
        """Have built what may be carried out later, with `carry_out`; the mix is not changed by it."""
        return self._pool.submit(self._builder.build, plan, new)

    def carry_out(self, built: PreparedChange, mix: Mix, commands: Sequence[Numbered], at: int) -> bool:
        """Carry out commands to the engine frame `at` with chains that were built ahead for `mix`.

        False, and nothing is done, where the mix has become another in what counts, or another exchange is under way.
        """
        if not self._free() or any(self._must_wait(command) for _, command in commands):
            return False
        try:
            new = reduce(apply, (command for _, command in commands), self.heard)
            plan = plan_change(self.heard, new)
        except HostError:
            return False
        if not _same_exchange(plan, built.plan, new, mix):
            return False
        self._not_before = max(at, self._not_before or 0)
        change = replace(built, plan=plan).at_levels_of(new)
        self._post(Posted(change, tuple(number for number, _ in commands), self._not_before))
        self.heard = new
        return True

    def advance(self) -> None:
        """Post what has become ready, and begin what comes next."""
        if self._job is not None and self._job.done() and self._free():
            self._finish(self._job)
        if self._job is None and self._waiting:
            self._begin()

    def close(self) -> None:
        """Wait for what is being built."""
        self._pool.shutdown()

    def _at_once(self, mix: Mix, number: int, command: c.Command) -> Mix | None:
        """The mix after a command that needs nothing built; None where it waits now, or is refused."""
        if not self._must_wait(command):
            try:
                new = apply(mix, command)
                if isinstance(command, _FADER_COMMANDS) or plan_change(mix, new).is_light:
                    return new
            except HostError as error:
                if self.idle:  # else what it speaks of may be on its way
                    self._report(Refused(number, str(error)))
                    return None
        self._waiting.append((number, command))
        return None

    def _must_wait(self, command: c.Command) -> bool:
        if not isinstance(command, (*_CHAIN_COMMANDS, *_CHAINS_OF_MANY, c.SetLimiter)):
            return False
        before = [waiting for _, waiting in (*self._taken, *self._waiting)]
        return any(_meet(command, other) for other in before)

    def _sets_again(self, command: c.Command) -> bool:
        """Whether a mix that is being built will set that fader, too: then it moves at once, and once more after it."""
        pending = (waiting for _, waiting in (*self._taken, *self._waiting))
        moves = isinstance(command, _FADER_COMMANDS)
        return moves and any(isinstance(each, (*_WHOLE_MIXES, *_FADER_COMMANDS)) for each in pending)

    def _begin(self) -> None:
        """Have built what the waiting commands need, as many as can be carried out together."""
        count = self._at_most or len(self._waiting)
        self._taken, self._waiting = self._waiting[:count], self._waiting[count:]
        self._at_most = 0
        target = self._folded(self.heard)
        if self._taken:
            self._job = self._pool.submit(self._built, self.heard, target)

    def _built(self, old: Mix, new: Mix) -> PreparedChange:
        """In the builder's thread."""
        return self._builder.build(plan_change(old, new), new)

    def _finish(self, job: Future[PreparedChange]) -> None:
        self._job = None
        try:
            change = job.result()
        except HostError as error:
            self._refuse(error)
            return
        new = self._folded(self.heard)
        numbers = tuple(number for number, _ in self._taken)
        self._taken = []
        if numbers:
            new, again = self._set_again(new)
            self._post(Posted(change.at_levels_of(new), numbers + again, self._not_before))
            self.heard = new

    def _set_again(self, mix: Mix) -> tuple[Mix, tuple[int, ...]]:
        """The mix with the faders that moved while it was built; those done with, no other mix being on its way."""
        done = set()
        for number, command in self._waiting:
            with suppress(HostError):  # what it speaks of may still be on its way
                if isinstance(command, _FADER_COMMANDS):
                    mix = apply(mix, command)
                    done.add(number)
        if any(isinstance(command, _WHOLE_MIXES) for _, command in self._waiting):
            return mix, ()
        told = tuple(number for number, _ in self._waiting if number in done)
        self._waiting = [each for each in self._waiting if each[0] not in done]
        return mix, told

    def _refuse(self, error: HostError) -> None:
        """One of those taken cannot be built: alone it is refused, of several each is tried alone."""
        taken, self._taken = self._taken, []
        if len(taken) == 1:
            self._report(Refused(taken[0][0], str(error)))
        else:
            self._waiting = [*taken, *self._waiting]
            self._at_most = 1

    def _folded(self, mix: Mix) -> Mix:
        """`mix` after the commands taken; those that do not fit it are refused and dropped."""
        good = []
        for number, command in self._taken:
            try:
                mix = apply(mix, command)
                good.append((number, command))
            except HostError as error:
                self._report(Refused(number, str(error)))
        self._taken = good
        return mix


def may_exchange(command: c.Command) -> bool:
    """Whether it may need chains built; what is no fader's may."""
    return not isinstance(command, _FADER_COMMANDS)


def _same_exchange(plan: ChangePlan, other: ChangePlan, new: Mix, mix: Mix) -> bool:
    """Whether what was built for the other plan, which led to `mix`, is what this one, which leads to `new`, needs."""
    parts = [(each.rebuild, each.added, each.removed, each.reread, each.limiter) for each in (plan, other)]
    ceilings = [(each.master.limiter, each.master.ceiling_db) for each in (new, mix)]
    chains = [[chain_of(each, owner) for owner in plan.rebuild] for each in (new, mix)]
    return parts[0] == parts[1] and chains[0] == chains[1] and (not plan.limiter or ceilings[0] == ceilings[1])


def _meet(command: c.Command, other: c.Command) -> bool:
    """Whether both may touch one chain, the limiter, or which tracks there are."""
    if isinstance(command, c.SetLimiter) or isinstance(other, c.SetLimiter):
        return isinstance(command, (*_WHOLE_MIXES, c.SetLimiter)) and isinstance(other, (*_WHOLE_MIXES, c.SetLimiter))
    if isinstance(other, _CHAINS_OF_MANY) or isinstance(command, _CHAINS_OF_MANY):
        return isinstance(other, (*_CHAIN_COMMANDS, *_CHAINS_OF_MANY))
    return isinstance(other, _CHAIN_COMMANDS) and isinstance(command, _CHAIN_COMMANDS) and other.track == command.track
