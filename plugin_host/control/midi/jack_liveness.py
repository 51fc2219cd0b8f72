"""Noticing that a JACK server went, which rtmidi does not: its clients go on listing the ports of the dead."""

import ctypes
import ctypes.util
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any

from plugin_host.control.midi.rtmidi_client import RtClient

_BEAT = [0xFE]
_PORT = "heartbeat"
MISSED = 3
"""Beats in a row; fewer may only be late."""
ANSWER_SECONDS = 0.5


class JackLiveness:
    """A beat from a client of ours to another of ours, through the server. For one thread."""

    def __init__(self, ear: RtClient, heart: RtClient) -> None:
        self._ear, self._heart = ear.port, heart.port
        self._name = f"{_PORT} {uuid.uuid4().hex[:8]}"
        self._missed = 0
        self._ear.ignore_types(sysex=True, timing=True, active_sense=False)
        self._ear.open_virtual_port(self._name)
        ours = [at for at, name in enumerate(self._heart.get_ports()) if self._is_ours(name)]
        if ours:
            self._heart.open_port(ours[0], _PORT)
        self._heart.send_message(_BEAT)

    def beats(self) -> bool:
        """Whether a beat arrived lately; sends the next. To be asked about once a second.

        Where none did the server is dead, or so busy that it skips us: `is_listed` tells which.
        """
        self._missed = 0 if self._heard() else self._missed + 1
        self._heart.send_message(_BEAT)
        return self._missed % MISSED != 0 or self._missed == 0

    def is_listed(self, witness: RtClient) -> bool:
        """Whether a client that has just found a server sees our ear there; it is not in one that was started since."""
        return any(self._is_ours(name) for name in witness.port.get_ports())

    def answers(self) -> bool:
        """Whether a beat arrives now; waits for it a moment."""
        self._heart.send_message(_BEAT)
        until = time.monotonic() + ANSWER_SECONDS
        while time.monotonic() < until:
            if self._heard():
                return True
            time.sleep(0.002)
        return False

    def _is_ours(self, port: str) -> bool:
        return port.endswith(f":{self._name}")

    def _heard(self) -> bool:
        heard = False
        while self._ear.get_message() is not None:
            heard = True
        return heard


# Any: the rtmidi module.
def quieten(rtmidi: Any) -> None:
    """Keep libjack from writing to stderr, into the terminal view, each time no server is there.

    libjack takes any C function of one text; strlen does no harm with it, and unlike a Python function may be called
    from libjack's threads while Python ends.
    """
    folder = Path(rtmidi.__file__).parents[1]
    bundled = sorted(folder.glob("python_rtmidi*/libjack*"))
    names = [str(path) for path in bundled] or [name for name in (ctypes.util.find_library("jack"),) if name]
    for name in names:
        with suppress(OSError, AttributeError):
            jack = ctypes.CDLL(name)
            silent = ctypes.cast(ctypes.CDLL(None).strlen, ctypes.c_void_p)
            for setting in (jack.jack_set_error_function, jack.jack_set_info_function):
                setting.argtypes, setting.restype = [ctypes.c_void_p], None
                setting(silent)
