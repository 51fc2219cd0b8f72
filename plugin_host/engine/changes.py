"""From one mix to the next while it plays: what merely moves, and which chains must be built anew."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from plugin_host.effects.chain import named, split_render_ahead
from plugin_host.effects.moves import chain_moves
from plugin_host.engine.gains import MixGains, mix_gains
from plugin_host.engine.strip import Runner, RunningChain
from plugin_host.mix.commands import AUX_BUSES, MASTER, ChainOwner
from plugin_host.mix.state import Chain, Mix, Track
from separation_core.audio.frames import FrameSource


@dataclass(frozen=True, slots=True)
class ParamMove:
    """A parameter on its way. slot: the effect's, and where it stands in a branch, branch and slot in turn.

    name: the parameter, or `effects.stages.WET` for the slot's own share.
    """

    owner: ChainOwner
    slot: tuple[int, ...]
    name: str
    value: float


@dataclass(frozen=True, slots=True)
class ChangePlan:
    """What lies between two mixes.

    gains: whether any fader may move. moves: parameters that glide. rebuild: whose chains must be built anew. added,
    removed: tracks. reread: tracks of `rebuild` that play another source (another stem, or rendered ahead otherwise).
    limiter: whether the safety limiter is another.
    """

    gains: bool = False
    moves: tuple[ParamMove, ...] = ()
    rebuild: tuple[ChainOwner, ...] = ()
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    reread: tuple[str, ...] = ()
    limiter: bool = False

    @property
    def is_light(self) -> bool:
        """Whether nothing needs to be built: it can be carried out at once, also during a fade."""
        return not (self.rebuild or self.added or self.removed or self.limiter)


@dataclass(frozen=True, slots=True)
class PreparedChange:
    """A change ready to be carried out by `MixRenderer.apply`.

    names: the tracks of the new mix. gains: theirs, in that order. chains: what is built anew, and added tracks'.
    sources: what the feed must read for these tracks from now on. drums: which tracks play drums. limiter: the new one
    (None: off), where the plan has another. warnings: plugins passed by, one line each.
    """

    plan: ChangePlan
    names: tuple[str, ...]
    gains: MixGains
    chains: Mapping[ChainOwner, RunningChain] = field(default_factory=dict)
    sources: Mapping[str, FrameSource] = field(default_factory=dict)
    drums: frozenset[str] = frozenset()
    limiter: Runner | None = None
    warnings: tuple[str, ...] = ()

    @property
    def is_light(self) -> bool:
        """See `ChangePlan.is_light`."""
        return self.plan.is_light

    def at_levels_of(self, mix: Mix) -> "PreparedChange":
        """The same change arriving at the faders of `mix`, which has the same tracks."""
        return replace(self, names=_names(mix), gains=mix_gains(mix), plan=replace(self.plan, gains=True))


def plan_change(old: Mix, new: Mix) -> ChangePlan:
    """What must be done to a renderer of `old` so that it sounds as `new`; the order of tracks is not heard.

    A renamed track is one removed and one added. Raises `EffectError`, naming the owner, where a parameter that would
    move has a value that no effect takes; what must be built is checked when it is built.
    """
    before, after = {track.name: track for track in old.tracks}, {track.name: track for track in new.tracks}
    kept = [name for name in before if name in after]
    reread = tuple(name for name in kept if _plays_otherwise(before[name], after[name]))
    moves: list[ParamMove] = []
    rebuild: list[ChainOwner] = list(reread)
    for owner, was, becomes in _chains(before, after, old, new):
        found = None if owner in reread else _moves(owner, was, becomes)
        if found is not None:
            moves += found
        elif owner not in reread:
            rebuild.append(owner)
    return ChangePlan(
        gains=_faders_differ(old, new),
        moves=tuple(moves),
        rebuild=tuple(rebuild),
        added=tuple(name for name in after if name not in before),
        removed=tuple(name for name in before if name not in after),
        reread=reread,
        limiter=_limiter(old) != _limiter(new),
    )


def light_change(old: Mix, new: Mix) -> PreparedChange:
    """What of `plan_change(old, new)` needs nothing built. Both have the same tracks."""
    return PreparedChange(ChangePlan(gains=True, moves=plan_moves(old, new)), _names(new), mix_gains(new))


def plan_moves(old: Mix, new: Mix) -> tuple[ParamMove, ...]:
    """The parameters that glide between two mixes of the same tracks whose chains differ in nothing else."""
    before, after = {track.name: track for track in old.tracks}, {track.name: track for track in new.tracks}
    found = (_moves(owner, was, becomes) for owner, was, becomes in _chains(before, after, old, new))
    return tuple(move for moves in found for move in moves or ())


def _names(mix: Mix) -> tuple[str, ...]:
    return tuple(track.name for track in mix.tracks)


def _chains(
    before: Mapping[str, Track], after: Mapping[str, Track], old: Mix, new: Mix
) -> Iterator[tuple[ChainOwner, Chain, Chain]]:
    """The chains that both mixes have and that differ."""
    pairs: list[tuple[ChainOwner, Chain, Chain]] = [
        (name, before[name].chain, after[name].chain) for name in before if name in after
    ]
    pairs += [
        (bus, was.chain, becomes.chain) for bus, was, becomes in zip(AUX_BUSES, old.auxes, new.auxes, strict=True)
    ]
    pairs.append((MASTER, old.master.chain, new.master.chain))
    return ((owner, was, becomes) for owner, was, becomes in pairs if was != becomes)


def _moves(owner: ChainOwner, was: Chain, becomes: Chain) -> list[ParamMove] | None:
    with named(where(owner)):
        moves = chain_moves(was, becomes)
    return None if moves is None else [ParamMove(owner, *move) for move in moves]


def where(owner: ChainOwner) -> str:
    """Whose chain, as errors name it."""
    return f"track {owner}" if isinstance(owner, str) else owner.value


def _plays_otherwise(before: Track, after: Track) -> bool:
    if before is after or (before.stem == after.stem and before.chain == after.chain):
        return False
    return before.stem != after.stem or split_render_ahead(before.chain)[0] != split_render_ahead(after.chain)[0]


def _limiter(mix: Mix) -> tuple[bool, float]:
    return mix.master.limiter, mix.master.ceiling_db if mix.master.limiter else 0.0


def _faders_differ(old: Mix, new: Mix) -> bool:
    """Whether anything differs that `mix_gains` looks at; cheap, as it is asked for every command."""
    if _names(old) != _names(new) or old.groups != new.groups or old.master.gain_db != new.master.gain_db:
        return True
    tracks, auxes = zip(old.tracks, new.tracks, strict=True), zip(old.auxes, new.auxes, strict=True)
    return any(was is not becomes and _fader(was) != _fader(becomes) for was, becomes in tracks) or any(
        (was.gain_db, was.mute) != (becomes.gain_db, becomes.mute) for was, becomes in auxes
    )


def _fader(track: Track) -> tuple[object, ...]:
    return (track.gain_db, track.pan, track.mute, track.solo, track.invert, track.group, track.sends)
