"""What surfaces wrote, kept so that exactly that is fed back to all of them."""

from collections.abc import Hashable

from plugin_host.control.parameters.declaration import Value

MAX_KEPT = 200_000
"""More than the largest mix has addresses."""


class Echoes:
    """For each address the last value written, and the value in the parameter's own unit that it led to.

    A fader at 64 of 127 leads to some dB, and from these dB no surface should compute 63: as long as the parameter
    holds the value that the fader led to, the fader is told what it wrote. For any number of threads.
    """

    def __init__(self) -> None:
        self._written: dict[Hashable, tuple[Value, Value]] = {}

    def remember(self, which: Hashable, raw: Value, written: Value) -> None:
        """`written` leads to `raw`."""
        if len(self._written) >= MAX_KEPT:
            self.forget()
        self._written[which] = (raw, written)

    def written(self, which: Hashable, raw: Value) -> Value | None:
        """What was written there, if it is what led to `raw`."""
        kept = self._written.get(which)
        return kept[1] if kept is not None and kept[0] == raw else None

    def forget(self) -> None:
        """Everything; addresses mean other things from now on."""
        self._written = {}
