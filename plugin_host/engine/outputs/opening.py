"""From a request to an open output, and what outputs this machine has."""

from dataclasses import dataclass
from typing import assert_never

from plugin_host.engine.outputs import portaudio_output
from plugin_host.engine.outputs.clocked_outputs import NullOutput
from plugin_host.engine.outputs.contract import Output
from plugin_host.engine.outputs.jack_output import JackOutput
from plugin_host.engine.outputs.portaudio_output import PortAudioOutput
from plugin_host.engine.outputs.request import Lane, OutputKind, OutputRequest
from plugin_host.errors import OutputError


def open_output(request: OutputRequest) -> Output:
    """The output that is asked for, not yet started; `OutputError` in one line where that cannot be."""
    match request.kind:
        case "null" | "file":  # what the clock takes for a file is written where it outlives the engine
            return NullOutput(request)
        case "portaudio":
            return PortAudioOutput(request)
        case "jack":
            return JackOutput(request)
        case _:
            assert_never(request.kind)


@dataclass(frozen=True, slots=True)
class Backend:
    """One way out of this machine. devices: what it offers, one line each. problem: why it cannot be used, or ""."""

    kind: OutputKind
    devices: tuple[str, ...] = ()
    problem: str = ""


def list_devices() -> tuple[Backend, ...]:
    """What `stemrack doctor` shows of sound; no output of this process may be playing meanwhile."""
    return _sound_cards(), _jack_server()


def _sound_cards() -> Backend:
    try:
        cards = portaudio_output.sound_cards(portaudio_output.library())
    except OutputError as error:
        return Backend("portaudio", problem=str(error))
    lines = tuple(f"{card.full_name} ({card.channels} channels, {card.rate} Hz)" for card in cards)
    return Backend("portaudio", lines, "" if lines else "no sound card was found")


def _jack_server() -> Backend:
    try:
        output = JackOutput(OutputRequest("jack", rate=48_000, lanes=(Lane("doctor"),)))
    except OutputError as error:
        return Backend("jack", problem=str(error))
    line = f"{output.title} ({output.rate} Hz, {output.buffer} frames)"
    output.stop()
    return Backend("jack", (line,))
