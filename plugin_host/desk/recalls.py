"""Recalling scenes: at once, or over some time once the engine has the chains that takes."""

from collections.abc import Callable, Iterable

from plugin_host.desk import events as e
from plugin_host.desk.morph import Morph
from plugin_host.desk.orders import Orders
from plugin_host.errors import HostError
from plugin_host.mix import commands as c
from plugin_host.mix.scenes import Scene


class RecallDeck:
    """Recalls one scene at a time. Its owner holds a lock meanwhile. clock: seconds."""

    def __init__(self, orders: Orders, clock: Callable[[], float]) -> None:
        self._orders, self._clock = orders, clock
        self._morph: Morph | None = None
        self._awaited: int | None = None
        """The number of the order for its chains: before they are there nothing moves."""
        self._origin = ""

    def recall(self, scene: Scene, seconds: float, origin: str) -> None:
        """Go to a scene in `seconds`; `MixError`: it does not fit. One under way stops where it is."""
        if seconds == 0.0:
            self._orders.change_mix(c.RecallScene(scene), origin)
            self._morph = None
        else:
            mix = self._orders.asked.mix
            self._set_out(Morph(mix.state, mix.tried(c.RecallScene(scene)), seconds), origin)
        self._orders.listeners.tell(e.SceneRecalled(scene.name, seconds, origin))

    def applied(self, number: int) -> None:
        """The engine carried that out: where these were the chains of a morph, it begins."""
        if self._morph is not None and number == self._awaited:
            self._begin(self._morph)

    def refused(self, number: int) -> None:
        """The engine would not: a scene whose chains cannot be built is not recalled at all."""
        if number == self._awaited:
            self._morph = None

    def give_way(self, command: c.Command) -> None:
        """Whatever else is done to the mix wins."""
        if self._morph is not None:
            whole = isinstance(command, c.ReplaceMix | c.RecallScene)
            self._morph = None if whole else self._morph.without(command)

    def advance(self) -> None:
        """Move a morph on."""
        if self._morph is None or self._awaited is not None:
            return
        commands, last = self._morph.step(self._clock())
        self._carry_out(self._morph, commands, "")
        if last:
            self._morph = None

    def _set_out(self, morph: Morph, origin: str) -> None:
        self._morph, self._origin = morph, origin
        if morph.new_chains is None:
            self._begin(morph)
        else:
            self._awaited = self._orders.change_mix(morph.new_chains, origin)

    def _begin(self, morph: Morph) -> None:
        self._awaited = None
        self._carry_out(morph, morph.begin(self._clock()), self._origin)

    def _carry_out(self, morph: Morph, commands: Iterable[c.Command], origin: str) -> None:
        for command in commands:
            try:
                self._orders.change_mix(command, origin)
            except HostError:  # its track or effect is gone by now
                morph.without(command)
