"""All declared addresses as a tree, in which addresses and patterns are looked up segment by segment."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from plugin_host.control.parameters.control import Control, Form
from plugin_host.control.parameters.patterns import DEEP, Matches, is_pattern, segment_matcher
from plugin_host.control.parameters.places import PLACES, Keys
from plugin_host.control.parameters.sight import Sight


class Leaf(NamedTuple):
    """What stands at an address."""

    control: Control
    form: Form


class Found(NamedTuple):
    """What an address means in the mix as it is."""

    control: Control
    form: Form
    keys: Keys

    @property
    def template(self) -> str:
        """The declared address."""
        return dict(self.control.addresses)[self.form]


@dataclass(slots=True, eq=False)
class Node:
    """What may follow here: words, places in braces; and what stands here itself."""

    words: dict[str, "Node"] = field(default_factory=dict)
    places: dict[str, "Node"] = field(default_factory=dict)
    leaves: list[Leaf] = field(default_factory=list)

    def put(self, parts: Iterable[str], leaf: Leaf) -> None:
        """Add what stands at an address below."""
        node = self
        for part in parts:
            children = node.places if part in PLACES else node.words
            node = children.setdefault(part, Node())
        node.leaves.append(leaf)

    def children(self, sight: Sight, keys: Keys) -> Iterator[tuple[tuple[str, ...], "Node", Keys]]:
        """(spellings, node, keys) of all that can follow here."""
        for word, node in self.words.items():
            yield (word,), node, keys
        for place, node in self.places.items():
            for spellings, meant in PLACES[place].candidates(sight, keys):
                if not (node.leaves and self._means_itself(spellings)):
                    yield spellings, node, meant

    def _means_itself(self, spellings: tuple[str, ...]) -> bool:
        """Whether a word of that spelling has a value: it goes before a name ("wet" before a plugin's own "wet")."""
        return any(spelling in self.words and self.words[spelling].leaves for spelling in spellings)


_Step = Matches | None
"""How one segment is matched; None for `//`."""


def found(roots: Iterable[Node], parts: Iterable[str], sight: Sight) -> Iterator[Found]:
    """All that an address or pattern means in any of the trees, each once.

    `ControlError` where a pattern is malformed.
    """
    steps: list[_Step] = [
        None if part == DEEP else segment_matcher(part) if is_pattern(part) else part.__eq__ for part in parts
    ]
    seen: set[tuple[int, Keys, int]] = set()
    told: set[Found] = set()
    for root in roots:
        for meant in _walk(root, Keys(), steps, 0, sight, seen):
            if meant not in told:
                told.add(meant)
                yield meant


def _walk(
    node: Node, keys: Keys, steps: list[_Step], at: int, sight: Sight, seen: set[tuple[int, Keys, int]]
) -> Iterator[Found]:
    state = (id(node), keys, at)
    if state in seen:
        return
    seen.add(state)
    if at == len(steps):
        yield from (Found(leaf.control, leaf.form, keys) for leaf in node.leaves)
        return
    step = steps[at]
    if step is None:
        yield from _walk(node, keys, steps, at + 1, sight, seen)
    for spellings, child, meant in node.children(sight, keys):
        if step is None:
            yield from _walk(child, meant, steps, at, sight, seen)
        elif any(step(spelling) for spelling in spellings):
            yield from _walk(child, meant, steps, at + 1, sight, seen)


def everything(node: Node, sight: Sight, keys: Keys) -> Iterator[Found]:
    """All there is below, in declared order."""
    yield from (Found(leaf.control, leaf.form, keys) for leaf in node.leaves)
    for _, child, meant in node.children(sight, keys):
        yield from everything(child, sight, meant)
