"""Why messages could not be used, gathered until a person is told."""

from collections import Counter

MOST_KEPT = 100
MOST_TOLD = 3
"""Different reasons that are kept apart, and that one line names."""
LONGEST = 300
"""Characters of a reason that are told."""


class Reasons:
    """Counts each reason. For one thread."""

    def __init__(self) -> None:
        self._times: Counter[str] = Counter()
        self._count = 0

    def __bool__(self) -> bool:
        """Whether there is something to tell."""
        return self._count > 0

    def add(self, text: str, count: int = 1) -> None:
        """So many messages could not be used because of that."""
        self._count += count
        text = text if len(text) <= LONGEST else f"{text[:LONGEST]} …"
        if text in self._times or len(self._times) < MOST_KEPT:
            self._times[text] += count

    def taken(self) -> str:
        """How many, and the most frequent reasons, in one line; from now on anew."""
        count, times = self._count, self._times
        self._count, self._times = 0, Counter()
        told = times.most_common(MOST_TOLD)
        rest = count - sum(often for _, often in told)
        parts = [f"{text} ({often}×)" if often > 1 and len(times) > 1 else text for text, often in told]
        parts += [f"and {rest} more"] if rest else []
        return f"{count} message{'s' * (count > 1)} could not be used: {'; '.join(parts)}"
