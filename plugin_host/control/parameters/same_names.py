"""Whether two mixes have the same addresses, and these mean the same."""

from plugin_host.mix.state import Aux, Chain, Effect, Mix, Track


def same_names(old: Mix, new: Mix) -> bool:
    """Whether the same addresses mean the same: the same tracks, groups and effects in the same places."""
    if old is new:
        return True
    if len(old.tracks) != len(new.tracks) or [group.name for group in old.groups] != [g.name for g in new.groups]:
        return False
    before: tuple[Track | Aux, ...] = (*old.tracks, *old.auxes)
    after: tuple[Track | Aux, ...] = (*new.tracks, *new.auxes)
    pairs = zip(before, after, strict=True)
    same = all(was is now or (was.name == now.name and _same_kinds(was.chain, now.chain)) for was, now in pairs)
    return same and _same_kinds(old.master.chain, new.master.chain)


def _same_kinds(old: Chain, new: Chain) -> bool:
    if old is new:
        return True
    return len(old) == len(new) and all(
        was is now or (_kind(was) == _kind(now) and _same_branches(was, now)) for was, now in zip(old, new, strict=True)
    )


def _same_branches(old: Effect, new: Effect) -> bool:
    branches = (old.branches, new.branches)
    return len(old.branches) == len(new.branches) and all(_same_kinds(*pair) for pair in zip(*branches, strict=True))


def _kind(effect: Effect) -> tuple[object, ...]:
    """Its parameters are its kind's; a plugin's are those it was given."""
    return (effect.kind, effect.plugin_path, *effect.params) if effect.kind == "vst3" else (effect.kind,)
