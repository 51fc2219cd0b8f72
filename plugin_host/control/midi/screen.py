"""What a controller shows: motors, lights and rings brought in line with the table, by as few messages as can be."""

from collections.abc import Iterator

from mido import Message

from plugin_host.control.midi.controller import Controller
from plugin_host.control.midi.device import Control, ControlKind, Ring
from plugin_host.control.midi.scaling import share_of_value, value_of_share
from plugin_host.control.midi.sources import Source, SourceKey
from plugin_host.errors import HostError

STILL_SECONDS = 0.4
"""A fader that cannot feel a finger counts as touched for so long after it moved."""
MAX_MESSAGES = 96
"""Sent at once; the rest comes with the next call, so that no port's buffer runs over."""


class Screen:
    """What one controller was last told to show."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self._shown: dict[SourceKey, int] = {}

    def forget(self) -> None:
        """Nothing is known of what it shows: it was just plugged in, or asks for everything."""
        self._shown.clear()

    def moved(self, name: str) -> None:
        """The control was moved by hand, and may show anything now."""
        for source in _sources(self._controller.device.controls[name]):
            self._shown.pop(source.key, None)

    def update(self) -> list[Message]:
        """The messages that bring it in line; none for what already is, and none to a fader under a finger."""
        messages: list[Message] = []
        for control in self._controller.device.controls.values():
            if len(messages) >= MAX_MESSAGES:
                break
            if control.motor or control.light or control.ring:
                messages += self._update(control)
        return messages

    def _update(self, control: Control) -> Iterator[Message]:
        share, is_centred = self._state(control)
        if control.light:
            on = share is not None and share >= 0.5
            yield from self._show(control.light.source, control.light.on if on else control.light.off)
        if control.ring:
            yield from self._show(control.ring.source, _ring_value(control.ring, share, is_centred=is_centred))
        if control.motor and not self._is_touched(control):
            yield from self._drive(control, share or 0.0)

    def _drive(self, control: Control, share: float) -> Iterator[Message]:
        value = value_of_share(share, control.source.limit)
        for message in self._show(control.source, value):
            self._controller.grip.placed(control.name, share_of_value(value, control.source.limit))
            yield message

    def _show(self, source: Source, value: int) -> list[Message]:
        if self._shown.get(source.key) == value:
            return []
        self._shown[source.key] = value
        return source.messages(value)

    def _state(self, control: Control) -> tuple[float | None, bool]:
        """(where it should stand or whether it should be lit, None for nothing to show; whether zero is its middle)."""
        does = self._controller.assignment(control.name)
        if does and does.to_layer:
            return float(self._controller.layer == does.to_layer), False
        try:
            target = self._controller.target(control.name)
            if target is None or not target.binding.parameter.readable:
                return None, False
            if control.kind is ControlKind.BUTTON and target.assignment.value is not None:
                return float(target.binding.read() == target.assignment.value), False
            return target.share(), target.is_centred
        except HostError:  # gone this moment, or a plugin's parameter whose value nobody knows yet
            return None, False

    def _is_touched(self, control: Control) -> bool:
        if control.touch:
            return control.name in self._controller.touched
        moved = self._controller.moved_at.get(control.name)
        return moved is not None and self._controller.clock() - moved < STILL_SECONDS


def _sources(control: Control) -> Iterator[Source]:
    yield control.source
    if control.light:
        yield control.light.source
    if control.ring:
        yield control.ring.source


def _ring_value(ring: Ring, share: float | None, *, is_centred: bool) -> int:
    if share is None:
        return ring.off
    add = ring.add_centred if is_centred else ring.add
    return add + ring.first + round(share * (ring.last - ring.first))
