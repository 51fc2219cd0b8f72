"""Which effect the engine was working on, kept where it outlives the engine."""

import threading
from collections import Counter

from plugin_host.errors import MixError
from plugin_host.live.shared import SharedState
from plugin_host.mix import commands as c
from plugin_host.mix.apply import chain_of
from plugin_host.mix.chain_edit import plugin_paths
from plugin_host.mix.state import Effect, Mix

_BUS, _TRACK = "bus", "track"


class BlameMarker:
    """Called before an effect is worked on, with whose chain and which place it is, and with None after it.

    `rendering` must be called in the render thread; what other threads work on is being built.
    """

    def __init__(self, shared: SharedState) -> None:
        self._shared = shared
        self._render_thread = 0
        self._spelt: dict[tuple[c.ChainOwner, int], bytes] = {}

    def __call__(self, owner: c.ChainOwner | None, slot: int) -> None:
        """Note it; cheap, as it is done for every block."""
        building = threading.get_ident() != self._render_thread
        if owner is None:
            self._shared.blame_on(b"", building)
            return
        spelt = self._spelt.get((owner, slot))
        if spelt is None:
            spelt = self._spelt[(owner, slot)] = _spelt(owner, slot)
        self._shared.blame_on(spelt, building)

    def rendering(self) -> None:
        """From now on this thread is the render thread."""
        self._render_thread = threading.get_ident()


def _spelt(owner: c.ChainOwner, slot: int) -> bytes:
    kind, name = (_TRACK, owner) if isinstance(owner, str) else (_BUS, owner.value)
    return f"{slot} {kind} {name}".encode()


CRASHES_BEFORE_BYPASS = 2


class Suspects:
    """What was at work when engines died, and what is done about it. avoid: plugins never to be loaded again."""

    def __init__(self) -> None:
        self.avoid: tuple[str, ...] = ()
        self._crashes: Counter[str] = Counter()

    def sentence(self, blame: str, building: bool, heard: Mix, wanted: Mix) -> c.SetEffectBypass | None:
        """Note a crash; the command that passes by an effect which crashed twice, if `heard` has it.

        wanted: what was to be heard, where the effect was found. building: it never got as far as being heard, so that
        a bypass, which asks for its latency, would not do: its plugin is avoided.
        """
        self._crashes[blame] += 1
        effect = effect_of(blame, wanted)
        if effect is None or self._crashes[blame] < CRASHES_BEFORE_BYPASS:
            return None
        if building:
            self.avoid += plugin_paths(effect)
        return bypass_of(blame, heard) if effect_of(blame, heard) == effect else None


def bypass_of(blame: str, mix: Mix) -> c.SetEffectBypass | None:
    """The command that passes by the blamed effect; None where the mix has no such effect."""
    found = _find(blame, mix)
    return c.SetEffectBypass(*found, bypass=True) if found else None


def in_words(blame: str, mix: Mix) -> str:
    """Such as "track vocals: effect 2, vst3 ZamCompX2"; "" where nothing is blamed."""
    found, effect = _find(blame, mix), effect_of(blame, mix)
    if found is None or effect is None:
        return ""
    owner, slot = found
    where = f"track {owner}" if isinstance(owner, str) else owner.value
    name = effect.plugin_name or effect.plugin_path.rpartition("/")[2]
    return f"{where}: effect {slot + 1}, {effect.kind} {name}".rstrip()


def effect_of(blame: str, mix: Mix) -> Effect | None:
    """The blamed effect; None where the mix has no such."""
    found = _find(blame, mix)
    return chain_of(mix, found[0])[found[1]] if found else None


def _find(blame: str, mix: Mix) -> tuple[c.ChainOwner, int] | None:
    slot, _, owner = blame.partition(" ")
    kind, _, name = owner.partition(" ")
    if not slot.isdigit():
        return None
    try:
        where: c.ChainOwner = c.Bus(name) if kind == _BUS else name
        chain = chain_of(mix, where)
    except (ValueError, MixError):
        return None
    return (where, int(slot)) if int(slot) < len(chain) else None
