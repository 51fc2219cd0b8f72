"""Which effect the engine was working on, kept where it outlives the engine."""

import threading

from plugin_host.errors import MixError
from plugin_host.live.shared import SharedState
from plugin_host.mix import commands as c
from plugin_host.mix.apply import chain_of
from plugin_host.mix.state import Mix

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


def bypass_of(blame: str, mix: Mix) -> c.SetEffectBypass | None:
    """The command that passes by the blamed effect; None where the mix has no such effect."""
    found = _find(blame, mix)
    return c.SetEffectBypass(*found, bypass=True) if found else None


def in_words(blame: str, mix: Mix) -> str:
    """Such as "track vocals: effect 2, vst3 ZamCompX2"; "" where nothing is blamed."""
    found = _find(blame, mix)
    if found is None:
        return ""
    owner, slot = found
    effect = chain_of(mix, owner)[slot]
    where = f"track {owner}" if isinstance(owner, str) else owner.value
    name = effect.plugin_name or effect.plugin_path.rpartition("/")[2]
    return f"{where}: effect {slot + 1}, {effect.kind} {name}".rstrip()


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
