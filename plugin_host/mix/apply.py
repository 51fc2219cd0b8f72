"""`apply(mix, command) -> mix`: pure, so that live, offline and replay do exactly the same.

What a turning knob overshoots is held at the end of its range (gain +12 dB, pan ±1, wet 0…1, ceiling -24…0 dB);
what can only be a mistake (no such track, NaN, no such effect) is a `MixError` and the old mix stays.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import singledispatch

from plugin_host.errors import MixError
from plugin_host.mix import chain_edit
from plugin_host.mix import commands as c
from plugin_host.mix.limits import MAX_GROUPS, MAX_TRACKS, check_chain_size
from plugin_host.mix.scenes import apply_scene
from plugin_host.mix.state import AUXES, MAX_GAIN_DB, SILENCE_DB, Aux, Chain, Effect, Group, Mix, Track


def apply(mix: Mix, command: c.Command) -> Mix:
    """The mix after the command; the given one is unchanged. `MixError` says in one line what does not fit."""
    return _changed(command, mix)


@singledispatch
def _changed(command: object, mix: Mix) -> Mix:
    raise MixError(f"{type(command).__name__} is no command of a mix")


@_changed.register
def _set_gain(command: c.SetGain, mix: Mix) -> Mix:
    gain_db = _held(command.gain_db, SILENCE_DB, MAX_GAIN_DB, f"track {command.track}: gain")
    return _with_track(mix, replace(mix.track(command.track), gain_db=gain_db))


@_changed.register
def _set_pan(command: c.SetPan, mix: Mix) -> Mix:
    pan = _held(command.pan, -1.0, 1.0, f"track {command.track}: pan")
    return _with_track(mix, replace(mix.track(command.track), pan=pan))


@_changed.register
def _set_mute(command: c.SetMute, mix: Mix) -> Mix:
    return _with_track(mix, replace(mix.track(command.track), mute=command.mute))


@_changed.register
def _set_solo(command: c.SetSolo, mix: Mix) -> Mix:
    return _with_track(mix, replace(mix.track(command.track), solo=command.solo))


@_changed.register
def _clear_solo(command: c.ClearSolo, mix: Mix) -> Mix:
    tracks = tuple(replace(track, solo=False) for track in mix.tracks)
    return replace(mix, tracks=tracks, groups=tuple(replace(group, solo=False) for group in mix.groups))


@_changed.register
def _set_invert(command: c.SetInvert, mix: Mix) -> Mix:
    return _with_track(mix, replace(mix.track(command.track), invert=command.invert))


@_changed.register
def _set_send(command: c.SetSend, mix: Mix) -> Mix:
    track = mix.track(command.track)
    at = _aux_place(command.aux)
    gain_db = _held(command.gain_db, SILENCE_DB, MAX_GAIN_DB, f"track {command.track}: send {at + 1}")
    return _with_track(mix, replace(track, sends=(*track.sends[:at], gain_db, *track.sends[at + 1 :])))


@_changed.register
def _set_group(command: c.SetGroup, mix: Mix) -> Mix:
    name = command.group.strip()
    new = () if not name or any(group.name == name for group in mix.groups) else (Group(name),)
    if new and len(mix.groups) >= MAX_GROUPS:
        raise MixError(f"a mix holds at most {MAX_GROUPS} groups: remove one first")
    grouped = replace(mix, groups=(*mix.groups, *new))
    return _with_track(grouped, replace(mix.track(command.track), group=name))


@_changed.register
def _set_group_gain(command: c.SetGroupGain, mix: Mix) -> Mix:
    gain_db = _held(command.gain_db, SILENCE_DB, MAX_GAIN_DB, f"group {command.group}: gain")
    return _with_group(mix, replace(mix.group(command.group), gain_db=gain_db))


@_changed.register
def _set_group_mute(command: c.SetGroupMute, mix: Mix) -> Mix:
    return _with_group(mix, replace(mix.group(command.group), mute=command.mute))


@_changed.register
def _set_group_solo(command: c.SetGroupSolo, mix: Mix) -> Mix:
    return _with_group(mix, replace(mix.group(command.group), solo=command.solo))


@_changed.register
def _remove_group(command: c.RemoveGroup, mix: Mix) -> Mix:
    gone = mix.group(command.group)
    tracks = tuple(replace(track, group="") if track.group == gone.name else track for track in mix.tracks)
    return replace(mix, tracks=tracks, groups=tuple(group for group in mix.groups if group is not gone))


@_changed.register
def _set_aux_gain(command: c.SetAuxGain, mix: Mix) -> Mix:
    at = _aux_place(command.aux)
    gain_db = _held(command.gain_db, SILENCE_DB, MAX_GAIN_DB, f"aux {at + 1}: gain")
    return _with_aux(mix, at, replace(mix.auxes[at], gain_db=gain_db))


@_changed.register
def _set_aux_mute(command: c.SetAuxMute, mix: Mix) -> Mix:
    at = _aux_place(command.aux)
    return _with_aux(mix, at, replace(mix.auxes[at], mute=command.mute))


@_changed.register
def _set_chain(command: c.SetChain, mix: Mix) -> Mix:
    return _with_chain(mix, command.track, command.chain)


@_changed.register
def _add_effect(command: c.AddEffect, mix: Mix) -> Mix:
    chain = chain_of(mix, command.track)
    slot = len(chain) if command.slot is None else command.slot
    added = chain_edit.edit_at(chain, slot, lambda inner, at: chain_edit.insert(inner, at, command.effect))
    return _with_chain(mix, command.track, added)


@_changed.register
def _remove_effect(command: c.RemoveEffect, mix: Mix) -> Mix:
    return _with_edit(mix, command.track, command.slot, chain_edit.remove)


@_changed.register
def _move_effect(command: c.MoveEffect, mix: Mix) -> Mix:
    return _with_edit(mix, command.track, command.slot, lambda chain, at: chain_edit.move(chain, at, command.to))


@_changed.register
def _set_effect_param(command: c.SetEffectParam, mix: Mix) -> Mix:
    def with_param(effect: Effect) -> Effect:
        return replace(effect, params={**effect.params, command.name: command.value})

    return _with_effect(mix, command.track, command.slot, with_param)


@_changed.register
def _set_effect_bypass(command: c.SetEffectBypass, mix: Mix) -> Mix:
    return _with_effect(mix, command.track, command.slot, lambda effect: replace(effect, bypass=command.bypass))


@_changed.register
def _set_effect_wet(command: c.SetEffectWet, mix: Mix) -> Mix:
    wet = _held(command.wet, 0.0, 1.0, "wet")
    return _with_effect(mix, command.track, command.slot, lambda effect: replace(effect, wet=wet))


@_changed.register
def _add_track(command: c.AddTrack, mix: Mix) -> Mix:
    if len(mix.tracks) >= MAX_TRACKS:
        raise MixError(f"a mix holds at most {MAX_TRACKS} tracks: remove one first")
    check_chain_size(command.track.chain, f"track {command.track.name}")
    at = len(mix.tracks) if command.position is None else _track_place(mix, command.position, len(mix.tracks))
    return replace(mix, tracks=(*mix.tracks[:at], command.track, *mix.tracks[at:]))


@_changed.register
def _remove_track(command: c.RemoveTrack, mix: Mix) -> Mix:
    gone = mix.track(command.track)
    return replace(mix, tracks=tuple(track for track in mix.tracks if track is not gone))


@_changed.register
def _rename_track(command: c.RenameTrack, mix: Mix) -> Mix:
    if not command.name.strip():
        raise MixError(f"track {command.track}: the new name is empty: give one")
    old = mix.track(command.track)
    renamed = replace(old, name=command.name)
    return replace(mix, tracks=tuple(renamed if track is old else track for track in mix.tracks))


@_changed.register
def _move_track(command: c.MoveTrack, mix: Mix) -> Mix:
    moved = mix.track(command.track)
    rest = [track for track in mix.tracks if track is not moved]
    rest.insert(_track_place(mix, command.to, len(rest)), moved)
    return replace(mix, tracks=tuple(rest))


@_changed.register
def _set_master_gain(command: c.SetMasterGain, mix: Mix) -> Mix:
    gain_db = _held(command.gain_db, SILENCE_DB, MAX_GAIN_DB, "master: gain")
    return replace(mix, master=replace(mix.master, gain_db=gain_db))


@_changed.register
def _set_limiter(command: c.SetLimiter, mix: Mix) -> Mix:
    wanted = mix.master.ceiling_db if command.ceiling_db is None else command.ceiling_db
    ceiling_db = _held(wanted, -24.0, 0.0, "master: limiter ceiling")
    return replace(mix, master=replace(mix.master, limiter=command.limiter, ceiling_db=ceiling_db))


@_changed.register
def _recall_scene(command: c.RecallScene, mix: Mix) -> Mix:
    return apply_scene(mix, command.scene)


@_changed.register
def _replace_mix(command: c.ReplaceMix, mix: Mix) -> Mix:
    return command.mix


def _held(value: float, lowest: float, highest: float, where: str) -> float:
    if math.isnan(value):
        raise MixError(f"{where} is NaN: give a number")
    return min(max(float(value), lowest), highest)


def _track_place(mix: Mix, position: int, last: int) -> int:
    if not 0 <= position <= last:
        raise MixError(f"no place {position} among {len(mix.tracks)} tracks: give 0 to {last}")
    return position


def _with_track(mix: Mix, changed: Track) -> Mix:
    return replace(mix, tracks=tuple(changed if track.name == changed.name else track for track in mix.tracks))


def _with_group(mix: Mix, changed: Group) -> Mix:
    return replace(mix, groups=tuple(changed if group.name == changed.name else group for group in mix.groups))


def _aux_place(aux: int) -> int:
    if not 0 <= aux < AUXES:
        raise MixError(f"no aux bus {aux + 1}: give 1 to {AUXES}")
    return aux


def _with_aux(mix: Mix, at: int, changed: Aux) -> Mix:
    return replace(mix, auxes=(*mix.auxes[:at], changed, *mix.auxes[at + 1 :]))


def chain_of(mix: Mix, owner: c.ChainOwner) -> Chain:
    """The chain of a track or bus; `MixError` where there is no such track."""
    if isinstance(owner, str):
        return mix.track(owner).chain
    return mix.master.chain if owner is c.MASTER else mix.auxes[c.AUX_BUSES.index(owner)].chain


def _with_chain(mix: Mix, owner: c.ChainOwner, chain: Chain) -> Mix:
    check_chain_size(chain, f"track {owner}" if isinstance(owner, str) else owner.value)
    if isinstance(owner, str):
        return _with_track(mix, replace(mix.track(owner), chain=chain))
    if owner is c.MASTER:
        return replace(mix, master=replace(mix.master, chain=chain))
    at = c.AUX_BUSES.index(owner)
    return _with_aux(mix, at, replace(mix.auxes[at], chain=chain))


def _with_edit(mix: Mix, owner: c.ChainOwner, slot: c.Slot, edit: chain_edit.Edit) -> Mix:
    return _with_chain(mix, owner, chain_edit.edit_at(chain_of(mix, owner), slot, edit))


def _with_effect(mix: Mix, owner: c.ChainOwner, slot: c.Slot, change: Callable[[Effect], Effect]) -> Mix:
    def edit(chain: Chain, at: int) -> Chain:
        return chain_edit.put(chain, at, change(chain_edit.effect_at(chain, at)))

    return _with_edit(mix, owner, slot, edit)
