"""Clients of python-rtmidi: what is read from them, what is sent, and how they end."""

import ctypes
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from mido import Message

from plugin_host.control.midi.ports import Arrival, Clock

CLIENTS_COME_AND_GO = threading.Lock()
"""To be held while a client of this process is opened or closed: in two threads at once, libjack crashes."""


class RtClient:
    """An rtmidi.MidiIn or MidiOut that ends once."""

    # Any: python-rtmidi has no types.
    def __init__(self, port: Any) -> None:
        self.port = port
        self.is_open = True

    def close(self) -> None:
        """Leave the port and the system."""
        if self.is_open:
            self.is_open = False
            with CLIENTS_COME_AND_GO:
                self.port.close_port()
                self.port.delete()

    def abandon(self) -> None:
        """Leave it as it is for good: libjack may crash the process when a client of a dead server is closed.

        Nor may Python close it when nobody needs it any more, so it is kept alive.
        """
        if self.is_open:
            self.is_open = False
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self.port))


class RtInput:
    """An rtmidi input. refused: arrivals that were no message."""

    def __init__(self, client: RtClient, clock: Clock = time.monotonic) -> None:
        self.refused = 0
        self._client, self._clock = client, clock
        self._last: float | None = None

    def receive(self) -> list[Arrival]:
        """All that came, with the times at which the system took them in."""
        arrivals: list[Arrival] = []
        while self._client.is_open and (found := self._client.port.get_message()) is not None:
            data, since = found
            seconds = self._arrived(since)
            message = parsed(data)
            if message is None:
                self.refused += 1
            else:
                arrivals.append(Arrival(message, seconds))
        return arrivals

    def close(self) -> None:
        """Leave the port."""
        self._client.close()

    def _arrived(self, since: float) -> float:
        """rtmidi tells only the time between messages: where they add up to the future, the sum started too late."""
        now = self._clock()
        self._last = now if self._last is None else min(self._last + since, now)
        return self._last


class RtOutput:
    """An rtmidi output."""

    # Any: python-rtmidi's exception.
    def __init__(self, client: RtClient, failure: Any) -> None:
        self._client, self._failure = client, failure

    def send(self, message: Message) -> None:
        """Send it."""
        if self._client.is_open:
            with suppress(self._failure):  # it went away; whoever watches the names will see
                self._client.port.send_message(message.bytes())

    def close(self) -> None:
        """Leave the port."""
        self._client.close()


def parsed(data: Sequence[int]) -> Message | None:
    """The message these bytes are, None where they are none."""
    try:
        message = Message.from_bytes(data)
    except (ValueError, TypeError, LookupError):
        return None
    return message if len(message.bytes()) == len(data) else None  # mido takes a pitch bend of any length
