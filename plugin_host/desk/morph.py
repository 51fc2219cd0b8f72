"""A scene recalled over some time: what can glide does so, the rest switches at the end where it disturbs least."""

from collections.abc import Iterator

from plugin_host.desk.glides import Glide, chain_glides, fader_glides, key_of
from plugin_host.errors import MixError
from plugin_host.mix import commands as c
from plugin_host.mix.scenes import AuxScene, MasterScene, Scene, TrackScene
from plugin_host.mix.state import Chain, Mix, any_solo

MAX_SECONDS = 600.0
KNOBS = ("SetEffectParam", "SetEffectWet")


class Morph:
    """The way from one mix to another of the same tracks and groups, in `seconds`.

    First chains switch, all or none (`new_chains`; None where none has to). Once they are there it begins: what is to
    be heard comes in, then faders and knobs move, and at the end what is to be silent goes. What does not differ is
    never touched. Whatever else is done to the mix meanwhile wins: `without` takes what a command turns out of the
    morph.
    """

    def __init__(self, old: Mix, new: Mix, seconds: float) -> None:
        if not 0.0 < seconds <= MAX_SECONDS:
            raise MixError(f"a morph of {seconds} s: give more than 0 and at most {MAX_SECONDS:g}")
        self._began = 0.0
        self._seconds = seconds
        self.new_chains = _new_chains(old, new)
        self._glides = {glide.key: glide for glide in (*fader_glides(old, new), *_knobs(old, new))}
        self._at_start = {key_of(command): command for command in (*_routes(old, new), *_coming_in(old, new))}
        self._at_end = {key_of(command): command for command in (*_turned_chains(old, new), *_going_out(old, new))}

    def begin(self, now: float) -> tuple[c.Command, ...]:
        """From now on time counts; the commands that come before all steps."""
        self._began = now
        return tuple(self._at_start.values())

    def step(self, now: float) -> tuple[tuple[c.Command, ...], bool]:
        """The commands due now, and whether these were the last."""
        share = (now - self._began) / self._seconds
        moves = tuple(glide.at(share) for glide in self._glides.values())
        if share < 1.0:
            return moves, False
        return (*moves, *self._at_end.values()), True

    def without(self, command: c.Command) -> "Morph":
        """Leave alone what that command sets: the same fader or switch, or all knobs of a chain it changes."""
        key = key_of(command)
        for part in (self._at_start, self._glides, self._at_end):
            part.pop(key, None)
        if isinstance(command, c.SetChain | c.AddEffect | c.RemoveEffect | c.MoveEffect):
            self._glides = {
                key: glide for key, glide in self._glides.items() if key[0] not in KNOBS or key[1] != command.track
            }
        if isinstance(command, _CHAIN_COMMANDS):
            self._at_end.pop(("SetChain", command.track), None)
        if isinstance(command, c.ClearSolo):
            self._at_start, self._at_end = _without_solos(self._at_start), _without_solos(self._at_end)
        return self


_Keyed = dict[tuple[object, ...], c.Command]
_CHAIN_COMMANDS = (c.AddEffect, c.RemoveEffect, c.MoveEffect, c.SetEffectParam, c.SetEffectBypass, c.SetEffectWet)


def _without_solos(commands: _Keyed) -> _Keyed:
    return {key: command for key, command in commands.items() if not isinstance(command, c.SetSolo)}


def _chains(mix: Mix) -> Iterator[tuple[c.ChainOwner, Chain]]:
    yield from ((track.name, track.chain) for track in mix.tracks)
    yield from ((bus, aux.chain) for bus, aux in zip(c.AUX_BUSES, mix.auxes, strict=True))
    yield c.MASTER, mix.master.chain


def _knobs(old: Mix, new: Mix) -> Iterator[Glide]:
    for (owner, was), (_, chain) in zip(_chains(old), _chains(new), strict=True):
        yield from chain_glides(owner, was, chain) or ()


def _turned_chains(old: Mix, new: Mix) -> Iterator[c.Command]:
    """What the knobs arrive at, to the letter: a value left out is not the same as its default written out."""
    for (owner, was), (_, chain) in zip(_chains(old), _chains(new), strict=True):
        if was != chain and chain_glides(owner, was, chain) is not None:
            yield c.SetChain(owner, chain)


def _new_chains(old: Mix, new: Mix) -> c.RecallScene | None:
    """In one command, which the engine carries out whole or not at all."""
    pairs = zip(_chains(old), _chains(new), strict=True)
    changed = {owner: chain for (owner, was), (_, chain) in pairs if chain_glides(owner, was, chain) is None}
    if not changed:
        return None
    scene = Scene(
        "chains of a morph",
        "",
        tracks={track.name: TrackScene(chain=changed.get(track.name)) for track in new.tracks},
        master=MasterScene(chain=changed.get(c.MASTER)),
        auxes={str(place): AuxScene(chain=changed.get(bus)) for place, bus in enumerate(c.AUX_BUSES, 1)},
    )
    return c.RecallScene(scene)


def _routes(old: Mix, new: Mix) -> Iterator[c.Command]:
    for was_track, track in zip(old.tracks, new.tracks, strict=True):
        if track.invert != was_track.invert:
            yield c.SetInvert(track.name, track.invert)
        if track.group != was_track.group:
            yield c.SetGroup(track.name, track.group)


def _coming_in(old: Mix, new: Mix) -> Iterator[c.Command]:
    """What makes something audible, and the limiter's help."""
    yield from (command for command in _mutes(old, new) if not command.mute)
    solos = tuple(_solos(old, new))
    if any_solo(old):
        lifts_all = not any_solo(new)
        yield from (command for command in solos if command.solo or lifts_all)
    if new.master.limiter and not old.master.limiter:
        yield c.SetLimiter(True)


def _going_out(old: Mix, new: Mix) -> Iterator[c.Command]:
    """What silences something: a first solo silences the others."""
    yield from (command for command in _mutes(old, new) if command.mute)
    solos = tuple(_solos(old, new))
    if not any_solo(old):
        yield from solos
    elif any_solo(new):
        yield from (command for command in solos if not command.solo)
    if old.master.limiter and not new.master.limiter:
        yield c.SetLimiter(False, new.master.ceiling_db)


def _mutes(old: Mix, new: Mix) -> Iterator[c.SetMute | c.SetGroupMute | c.SetAuxMute]:
    for was, track in zip(old.tracks, new.tracks, strict=True):
        if was.mute != track.mute:
            yield c.SetMute(track.name, track.mute)
    for was_group, group in zip(old.groups, new.groups, strict=True):
        if was_group.mute != group.mute:
            yield c.SetGroupMute(group.name, group.mute)
    for number, (was_aux, aux) in enumerate(zip(old.auxes, new.auxes, strict=True)):
        if was_aux.mute != aux.mute:
            yield c.SetAuxMute(number, aux.mute)


def _solos(old: Mix, new: Mix) -> Iterator[c.SetSolo | c.SetGroupSolo]:
    for was, track in zip(old.tracks, new.tracks, strict=True):
        if was.solo != track.solo:
            yield c.SetSolo(track.name, track.solo)
    for was_group, group in zip(old.groups, new.groups, strict=True):
        if was_group.solo != group.solo:
            yield c.SetGroupSolo(group.name, group.solo)
