"""A command carried out with every effect it touches held against the catalogue.

The mix itself knows no effects: a parameter out of range is found here, before the engine hears of it.
"""

from collections.abc import Iterator

from plugin_host.mix.apply import apply
from plugin_host.mix.chain_table import EffectCheck
from plugin_host.mix.commands import Command
from plugin_host.mix.state import Chain, Mix


def checked_apply(mix: Mix, command: Command, check: EffectCheck) -> Mix:
    """The mix after the command; `MixError` or `EffectError` where it does not fit, and the given mix stays."""
    changed = apply(mix, command)
    before = {id(chain) for chain in _chains(mix)}
    for chain in _chains(changed):
        if id(chain) not in before:
            for effect in chain:
                check(effect)
    return changed


def _chains(mix: Mix) -> Iterator[Chain]:
    """Every chain; one that a command leaves alone stays the same object."""
    yield from (track.chain for track in mix.tracks)
    yield from (aux.chain for aux in mix.auxes)
    yield mix.master.chain
