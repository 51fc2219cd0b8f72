"""Changing one place of a chain, however deep in parallel branches: pure, a new chain comes back."""

from collections.abc import Callable
from dataclasses import replace

from plugin_host.errors import MixError
from plugin_host.mix.commands import Slot
from plugin_host.mix.state import Chain, Effect

Edit = Callable[[Chain, int], Chain]
"""(the innermost chain, the place in it) → that chain changed."""


def edit_at(chain: Chain, slot: Slot, edit: Edit) -> Chain:
    """The chain with `edit` done at `slot`; `MixError` where a branch on the way does not exist."""
    path = (slot,) if isinstance(slot, int) else slot
    if len(path) % 2 == 0:
        raise MixError(f"effect place {_spelt(path)}: give effect, or effect, branch, effect, from 0")
    if len(path) == 1:
        return edit(chain, path[0])
    position, branch_index, *rest = path
    effect = effect_at(chain, position)
    if not 0 <= branch_index < len(effect.branches):
        raise MixError(f"{effect.kind} has no branch {branch_index}: it has {len(effect.branches)}, counted from 0")
    branches = list(effect.branches)
    branches[branch_index] = edit_at(branches[branch_index], tuple(rest), edit)
    return put(chain, position, replace(effect, branches=tuple(branches)))


def effect_at(chain: Chain, position: int) -> Effect:
    """The effect at that place of this chain (branches not searched)."""
    if not 0 <= position < len(chain):
        there = ", ".join(f"{i} {effect.kind}" for i, effect in enumerate(chain)) or "none"
        raise MixError(f"no effect at place {position}: there are {there}")
    return chain[position]


def put(chain: Chain, position: int, effect: Effect) -> Chain:
    """The chain with another effect in that place."""
    effect_at(chain, position)
    return (*chain[:position], effect, *chain[position + 1 :])


def insert(chain: Chain, position: int, effect: Effect) -> Chain:
    """The chain with an effect more, standing at that place."""
    if not 0 <= position <= len(chain):
        raise MixError(f"no place {position} in a chain of {len(chain)}: give 0 to {len(chain)}")
    return (*chain[:position], effect, *chain[position:])


def remove(chain: Chain, position: int) -> Chain:
    """The chain without the effect at that place."""
    effect_at(chain, position)
    return (*chain[:position], *chain[position + 1 :])


def move(chain: Chain, position: int, to: int) -> Chain:
    """The chain with the effect at `position` taken out and standing at `to`."""
    effect = effect_at(chain, position)
    effect_at(chain, to)
    return insert(remove(chain, position), to, effect)


def _spelt(path: tuple[int, ...]) -> str:
    return "/".join(map(str, path)) or "(empty)"


def plugin_paths(effect: Effect) -> tuple[str, ...]:
    """Of the external plugins that the effect is, or has in its branches."""
    inner = (path for branch in effect.branches for each in branch for path in plugin_paths(each))
    return (effect.plugin_path, *inner) if effect.plugin_path else tuple(inner)
