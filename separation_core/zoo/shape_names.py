"""What the readers of shapes share: their result, counting by names, and what stems are usually called."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Shapes = Mapping[str, tuple[int, ...]]
"""Shape of each weight by its name."""

FOUR_STEMS = ("drums", "bass", "other", "vocals")
STEMS_BY_COUNT = {
    1: ("vocals", "other"),
    2: ("vocals", "other"),
    4: FOUR_STEMS,
    6: (*FOUR_STEMS, "guitar", "piano"),
}
"""Names by the number of estimates, as nearly all published models have them."""


@dataclass(frozen=True, slots=True)
class Recognised:
    """A network by its weights: its architecture and published keyword arguments.

    stems: names in output order; one more than there are estimates means the remainder. assumed: what the shapes do
    not tell, as `field value`.
    """

    architecture: str
    configuration: Mapping[str, Any]
    stems: tuple[str, ...]
    assumed: tuple[str, ...] = field(default=())


def stem_names(count: int) -> tuple[str, ...]:
    """Names for that many estimates."""
    return STEMS_BY_COUNT.get(count) or tuple(f"stem_{number}" for number in range(1, count + 1))


def many(shapes: Shapes, pattern: str) -> int:
    """How many different numbers the group in `pattern` takes at the beginning of the names."""
    return len({found[1] for key in shapes if (found := re.match(pattern, key))})
