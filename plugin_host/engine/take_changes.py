"""A take in a bounce: its commands carried out at the frames at which they were carried out live."""

from dataclasses import replace

from plugin_host.engine.builder import Builder
from plugin_host.engine.changes import PreparedChange, plan_change
from plugin_host.errors import MixError
from plugin_host.mix.apply import apply
from plugin_host.mix.state import Mix
from plugin_host.mix.take import Take, TakeEvent


class TakeChanges:
    """What a renderer that began with `take.mix` must do, in order. limited: False leaves the safety limiter off."""

    def __init__(self, take: Take, builder: Builder, rate: int, *, limited: bool = True) -> None:
        self._events, self._builder, self._rate, self._limited = take.events, builder, rate, limited
        self._mix = take.mix
        self._done = 0
        self._held: PreparedChange | None = None
        self.warnings: tuple[str, ...] = ()

    @property
    def frames(self) -> tuple[int, ...]:
        """Song frames at which something happens."""
        return tuple(sorted({event.frame for event in self._events}))

    def due(self, frame: int, free: bool) -> PreparedChange | None:
        """What is to be carried out before song frame `frame`; built here, so slow.

        free: whether the renderer can exchange chains; where it cannot, such a change and what follows waits.
        """
        if self._held is None:
            self._held = self._next(frame)
        if self._held is None or not (free or self._held.is_light):
            return None
        change, self._held = self._held, None
        self.warnings += change.warnings
        return change

    @property
    def holding(self) -> bool:
        """Whether a change waits until the renderer is free."""
        return self._held is not None

    def _next(self, frame: int) -> PreparedChange | None:
        old, first = self._mix, self._done
        while self._done < len(self._events) and self._events[self._done].frame <= frame:
            self._mix = self._applied(self._events[self._done])
            self._done += 1
        if self._done == first:
            return None
        old, new = self._heard(old), self._heard(self._mix)
        return self._builder.build(plan_change(old, new), new)

    def _applied(self, event: TakeEvent) -> Mix:
        try:
            return apply(self._mix, event.command)
        except MixError as error:
            raise MixError(f"take at {event.frame / self._rate:.3f} s: {error}") from error

    def _heard(self, mix: Mix) -> Mix:
        return mix if self._limited else replace(mix, master=replace(mix.master, limiter=False))
