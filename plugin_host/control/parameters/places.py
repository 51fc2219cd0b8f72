"""The places in braces of an address, `{track}` and its like: what can stand there, and what that means.

A name stands in an address as it is, but for what OSC forbids there (space and #*,/?[]{}), the percent sign, control
characters and what is not ASCII, which are percent-encoded as in a URL: `/track/lead%20vocals/gain`.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from urllib.parse import quote

from plugin_host.control.parameters.panel import BANK
from plugin_host.control.parameters.sight import Sight
from plugin_host.effects.catalogue import effect_type
from plugin_host.mix.apply import chain_of
from plugin_host.mix.chain_edit import effect_at
from plugin_host.mix.commands import AUX_BUSES, MASTER, ChainOwner, Slot
from plugin_host.mix.presets import PresetKind
from plugin_host.mix.state import AUXES, Chain, Effect, Mix

_KEPT = "!$&'()+:;<=>@^`|~\"\\"


@dataclass(frozen=True, slots=True)
class Keys:
    """Which one of its kind an address means. aux: counted from 0. name: of an effect's parameter, or a scene."""

    owner: ChainOwner = ""
    aux: int = 0
    group: str = ""
    slot: Slot = 0
    name: str = ""


Candidate = tuple[tuple[str, ...], Keys]
"""(how it is spelt, the spelling of feedback first; what it means)."""


@dataclass(frozen=True, slots=True)
class Place:
    """What can stand in one place of an address. spell: the canonical segment for keys."""

    candidates: Callable[[Sight, Keys], Iterator[Candidate]]
    spell: Callable[[Keys], str]


def segment(name: str) -> str:
    """A name as it stands in an address."""
    return quote(name, safe=_KEPT)


def slot_text(slot: Slot) -> str:
    """An effect's place counted from 1, its branches after dots: 2, or 3.1.2."""
    return ".".join(str(at + 1) for at in ((slot,) if isinstance(slot, int) else slot))


def bank_of(sight: Sight) -> tuple[str, ...]:
    """Names of the tracks in the bank, at most eight."""
    first = sight.panel.bank
    return tuple(track.name for track in sight.mix.tracks[first : first + BANK])


def effect_of(mix: Mix, keys: Keys) -> Effect:
    """The effect that the keys mean; `MixError` where there is none."""
    chain = chain_of(mix, keys.owner)
    path = (keys.slot,) if isinstance(keys.slot, int) else keys.slot
    effect = effect_at(chain, path[0])
    for branch, at in zip(path[1::2], path[2::2], strict=True):
        effect = effect_at(effect.branches[branch] if branch < len(effect.branches) else (), at)
    return effect


def _spelt(name: str, *others: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys((segment(name), name, *others)))


def _tracks(sight: Sight, keys: Keys) -> Iterator[Candidate]:
    names = {track.name for track in sight.mix.tracks}
    for number, track in enumerate(sight.mix.tracks, 1):
        numbered = () if str(number) in names else (str(number),)
        yield _spelt(track.name, *numbered), replace(keys, owner=track.name)


def _strips(sight: Sight, keys: Keys) -> Iterator[Candidate]:
    for number, name in enumerate(bank_of(sight), 1):
        yield (str(number),), replace(keys, owner=name)


def _selected(sight: Sight, keys: Keys) -> Iterator[Candidate]:
    if any(track.name == sight.panel.selected for track in sight.mix.tracks):
        yield ("selected",), replace(keys, owner=sight.panel.selected)


def _master(sight: Sight, keys: Keys) -> Iterator[Candidate]:
    yield ("master",), replace(keys, owner=MASTER)


def _sends(sight: Sight, keys: Keys) -> Iterator[Candidate]:
    for aux in range(AUXES):
        yield (str(aux + 1),), replace(keys, aux=aux)


def _auxes(sight: Sight, keys: Keys) -> Iterator[Candidate]:
    for aux in range(AUXES):
        yield (str(aux + 1),), replace(keys, aux=aux, owner=AUX_BUSES[aux])


def _groups(sight: Sight, keys: Keys) -> Iterator[Candidate]:
    for group in sight.mix.groups:
        yield _spelt(group.name), replace(keys, group=group.name)


def _effects(sight: Sight, keys: Keys) -> Iterator[Candidate]:
    for slot in _slots(chain_of(sight.mix, keys.owner), ()):
        place: Slot = slot[0] if len(slot) == 1 else slot
        yield (slot_text(place),), replace(keys, slot=place)


def _slots(chain: Chain, within: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    for at, effect in enumerate(chain):
        yield (*within, at)
        for number, branch in enumerate(effect.branches):
            yield from _slots(branch, (*within, at, number))


def _params(sight: Sight, keys: Keys) -> Iterator[Candidate]:
    """An effect's own parameters; of a plugin those that the chain names, for only the plugin knows the others."""
    effect = effect_of(sight.mix, keys)
    known = [parameter.name for parameter in effect_type(effect.kind).parameters] or sorted(effect.params)
    for name in known:
        yield _spelt(name), replace(keys, name=name)


def _scenes(sight: Sight, keys: Keys) -> Iterator[Candidate]:
    for file in sight.host.library.files(PresetKind.SCENE):
        yield _spelt(file.name), replace(keys, name=file.name)


PLACES: Mapping[str, Place] = {
    "{track}": Place(_tracks, lambda keys: segment(str(keys.owner))),
    "{strip}": Place(_strips, lambda keys: "{strip}"),
    "selected": Place(_selected, lambda keys: "selected"),
    "master": Place(_master, lambda keys: "master"),
    "{send}": Place(_sends, lambda keys: str(keys.aux + 1)),
    "{aux}": Place(_auxes, lambda keys: str(keys.aux + 1)),
    "{group}": Place(_groups, lambda keys: segment(keys.group)),
    "{n}": Place(_effects, lambda keys: slot_text(keys.slot)),
    "{param}": Place(_params, lambda keys: segment(keys.name)),
    "{scene}": Place(_scenes, lambda keys: segment(keys.name)),
}
"""By how it is written in a declared address. "master" and "selected" look like any word, but mean a bus or track."""


def address_of(template: str, keys: Keys) -> str:
    """The canonical address: the declared one with its places filled."""
    parts = template.split("/")
    return "/".join(PLACES[part].spell(keys) if part in PLACES else part for part in parts)
