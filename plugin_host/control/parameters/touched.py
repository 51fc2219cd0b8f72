"""Which parameters an event may have changed."""

from collections import defaultdict
from collections.abc import Mapping

from plugin_host.control.parameters.control import Control
from plugin_host.control.parameters.declared import CONTROLS
from plugin_host.control.parameters.panel import PanelChanged
from plugin_host.control.parameters.places import Keys
from plugin_host.desk import events as e
from plugin_host.mix import commands as c

Touched = tuple[tuple[Control, Keys], ...]
"""Controls, and for which track, effect or other thing."""
_EVERYTHING = (e.EventsLost, e.EngineBack)


def touched_by(event: e.DeskEvent | PanelChanged) -> Touched | None:
    """The controls, and for which track or effect; None where it may be any of them."""
    if isinstance(event, e.MixChanged | e.TransportChanged):
        if type(event.command) not in _TOLD_BY:
            return None
        keys = _keys_of(event.command) if isinstance(event, e.MixChanged) else Keys()
        return tuple((control, keys) for control in _TOLD_BY[type(event.command)] if _is_of(control, keys))
    if isinstance(event, PanelChanged):
        return _panel(event)
    return None if isinstance(event, _EVERYTHING) else tuple((control, Keys()) for control in _told_by(type(event)))


def _panel(event: PanelChanged) -> Touched:
    """The track that is selected, the one that was, and everything else about the panel."""
    before, after = event.before.selected, event.after.selected
    owners = [name for name in dict.fromkeys((before, after)) if name] if before != after else []
    told = _told_by(PanelChanged)
    plain = tuple((control, Keys()) for control in told if control is not _SELECT)
    return (*plain, *((_SELECT, Keys(owner=name)) for name in owners))


def _keys_of(command: object) -> Keys:
    """What a command is about, as the tree of addresses has it."""
    match command:
        case c.SetAuxGain(aux) | c.SetAuxMute(aux):
            return Keys(owner=c.AUX_BUSES[aux], aux=aux)
        case c.SetSend(track, aux):
            return Keys(owner=track, aux=aux)
        case c.SetGroupGain(group) | c.SetGroupMute(group) | c.SetGroupSolo(group):
            return Keys(group=group)
        case c.SetMasterGain() | c.SetLimiter():
            return Keys(owner=c.MASTER)
        case c.SetEffectParam(owner, slot, name):
            return Keys(owner, _aux(owner), slot=slot, name=name)
        case c.SetEffectBypass(owner, slot) | c.SetEffectWet(owner, slot):
            return Keys(owner, _aux(owner), slot=slot)
        case _:
            return Keys(owner=getattr(command, "track", ""))


def _aux(owner: c.ChainOwner) -> int:
    return c.AUX_BUSES.index(owner) if isinstance(owner, c.Bus) and owner in c.AUX_BUSES else 0


def _is_of(control: Control, keys: Keys) -> bool:
    """Effects stand on tracks, aux buses and the master alike; this is the owner's."""
    if "/fx/" not in control.parameter.address:
        return True
    prefix = "/track" if isinstance(keys.owner, str) else "/master" if keys.owner is c.MASTER else "/aux"
    return control.parameter.address.startswith(prefix)


def _told_by(kind: type) -> tuple[Control, ...]:
    return _TOLD_BY.get(kind, ())


def _by_kind() -> Mapping[type, tuple[Control, ...]]:
    told: dict[type, list[Control]] = defaultdict(list)
    for control in CONTROLS:
        for kind in control.told_by:
            told[kind].append(control)
    return {kind: tuple(controls) for kind, controls in told.items()}


_TOLD_BY = _by_kind()
_SELECT = next(control for control in CONTROLS if control.parameter.address == "/track/{track}/select")
