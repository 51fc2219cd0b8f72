"""Real MIDI ports through python-rtmidi: polled, never by its callback, which under JACK loses and doubles messages.

MidiError of rtmidi → ControlError; a machine without ALSA's sequencer or a JACK server is told apart by name.
"""

import importlib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from plugin_host.control.midi.jack_liveness import JackLiveness, quieten
from plugin_host.control.midi.ports import CLIENT, PortNames
from plugin_host.control.midi.rtmidi_client import CLIENTS_COME_AND_GO, RtClient, RtInput, RtOutput
from plugin_host.errors import ControlError

QUEUE = 4096
"""Messages that rtmidi keeps for us; four seconds of a thousand a second."""
_ALSA = Path("/dev/snd/seq")
APIS = {"alsa": "API_LINUX_ALSA", "jack": "API_UNIX_JACK", "coreaudio": "API_MACOSX_CORE", "winmm": "API_WINDOWS_MM"}
TITLES = {"alsa": "ALSA", "jack": "JACK", "coreaudio": "CoreAudio", "winmm": "Windows MM"}


# Any: python-rtmidi has no types.
def library() -> Any:
    """python-rtmidi; `ControlError` where it is not installed."""
    try:
        return importlib.import_module("rtmidi")
    except ImportError as error:
        raise ControlError(f"MIDI needs python-rtmidi ({error}): pip install python-rtmidi") from error


def usual_api() -> str:
    """What MIDI goes through on this machine, when nobody says: on Linux ALSA where its sequencer is, else JACK."""
    rtmidi = library()
    compiled = rtmidi.get_compiled_api()
    names = [name for name, constant in APIS.items() if getattr(rtmidi, constant) in compiled]
    if "alsa" in names and not _ALSA.exists() and "jack" in names:
        return "jack"
    if not names:
        raise ControlError("this python-rtmidi knows no MIDI system: install its wheel for your platform")
    return names[0]


def open_system(api: str = "") -> "RtMidiSystem":
    """The machine's MIDI: alsa, jack, coreaudio or winmm, or the usual one. `ControlError` where it is not there."""
    name = api or usual_api()
    if name not in APIS:
        raise ControlError(f"MIDI through {name!r}: there are {', '.join(APIS)}")
    if name == "alsa" and not _ALSA.exists():
        raise ControlError(
            f"{_ALSA} is missing: this machine has no ALSA sequencer (a container has none): load snd-seq, or use JACK"
        )
    return RtMidiSystem(name)


class RtMidiSystem:
    """One MIDI system of the machine. For one thread."""

    def __init__(self, api: str) -> None:
        self._rtmidi = library()
        self._api = api
        self._constant = getattr(self._rtmidi, APIS[api])
        self._clients: list[RtClient] = []
        self._names: tuple[RtClient, RtClient] | None = None
        self._inputs, self._outputs = PortNames(), PortNames()
        self._liveness: JackLiveness | None = None
        if self._constant not in self._rtmidi.get_compiled_api():
            raise ControlError(f"this python-rtmidi was built without {TITLES[api]}: install its wheel")
        if api == "jack":
            quieten(self._rtmidi)
        self._enter()

    @property
    def title(self) -> str:
        """ALSA, JACK, CoreAudio or Windows MM."""
        return TITLES[self._api]

    def poll(self) -> bool:
        """Whether the system stands; a JACK server that went is looked for again by the next call."""
        if self._liveness and not self._liveness.beats() and not self._stands():
            self._abandon()
        elif self._names is None:
            with suppress(ControlError):
                self._enter()
        return self._names is not None

    def inputs(self) -> Sequence[str]:
        """Ports that send to us."""
        return self._others(self._names[0], self._inputs) if self._names else ()

    def outputs(self) -> Sequence[str]:
        """Ports that we can send to."""
        return self._others(self._names[1], self._outputs) if self._names else ()

    def open_input(self, name: str, *, virtual: bool = False) -> RtInput:
        """A port that is polled."""
        client = self._made(self._rtmidi.MidiIn, queue_size_limit=QUEUE)
        client.port.ignore_types(sysex=False, timing=False, active_sense=False)
        self._connect(client, self._inputs, name, virtual=virtual)
        return RtInput(client)

    def open_output(self, name: str, *, virtual: bool = False) -> RtOutput:
        """A port to send to."""
        client = self._made(self._rtmidi.MidiOut)
        self._connect(client, self._outputs, name, virtual=virtual)
        return RtOutput(client, self._rtmidi.RtMidiError)

    def close(self) -> None:
        """Leave the system and every port of it that is open."""
        if self._liveness and not self._liveness.answers() and not self._stands():
            self._abandon()
        for client in self._clients:
            client.close()
        self._forget()

    def _enter(self) -> None:
        self._names = (self._made(self._rtmidi.MidiIn), self._made(self._rtmidi.MidiOut))
        if self._api == "jack":
            self._liveness = JackLiveness(*self._names)

    def _stands(self) -> bool:
        """Whether the server that we are in still is: clients that are left open in it go on filling their queues."""
        try:
            witness = self._made(self._rtmidi.MidiOut)
        except ControlError:
            return False
        is_listed = self._liveness is not None and self._liveness.is_listed(witness)
        witness.close()
        return is_listed

    def _abandon(self) -> None:
        for client in self._clients:
            client.abandon()
        self._forget()

    def _forget(self) -> None:
        self._clients, self._names, self._liveness = [], None, None

    def _all(self, client: RtClient, known: PortNames) -> list[str]:
        names = client.port.get_ports()
        return known.told_apart(plain_names(names) if self._api == "winmm" else names)

    def _others(self, client: RtClient, known: PortNames) -> list[str]:
        return [name for name in self._all(client, known) if not name.startswith(CLIENT)]

    # Any: the keywords are rtmidi's own.
    def _made(self, kind: Any, **keywords: Any) -> RtClient:
        try:
            with CLIENTS_COME_AND_GO:
                client = RtClient(kind(self._constant, name=CLIENT, **keywords))
        except self._rtmidi.RtMidiError as error:
            remedy = "start jackd" if self._api == "jack" else "check the system's MIDI"
            raise ControlError(f"{self.title} MIDI cannot be used: {_one_line(error)}: {remedy}") from error
        self._clients = [*(each for each in self._clients if each.is_open), client]
        return client

    def _connect(self, client: RtClient, known: PortNames, name: str, *, virtual: bool) -> None:
        try:
            if virtual:
                client.port.open_virtual_port(name)
                return
            names = self._all(client, known)
            if name in names:
                client.port.open_port(names.index(name), name.rpartition(":")[2] or name)
                return
        except (self._rtmidi.RtMidiError, NotImplementedError) as error:
            client.close()
            raise ControlError(f"MIDI port {name!r} cannot be opened: {_one_line(error)}") from error
        client.close()
        raise ControlError(f"no MIDI port {name!r}: see `stemrack midi ports`")


def plain_names(names: Sequence[str]) -> list[str]:
    """Names under Windows without the ports' places, which rtmidi puts behind them and others that come change."""
    return [name.removesuffix(f" {at}") for at, name in enumerate(names)]


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".?") or type(error).__name__
