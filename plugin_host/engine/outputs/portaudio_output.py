"""PortAudio, through sounddevice: the sound cards of every platform."""

import atexit
import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from plugin_host.engine.outputs.contract import Block, Pull
from plugin_host.engine.outputs.pull_room import PullRoom
from plugin_host.engine.outputs.request import OutputRequest, lane_channels
from plugin_host.errors import OutputError


@dataclass(frozen=True, slots=True)
class SoundCard:
    """A device that plays. index: PortAudio's. host: ALSA, CoreAudio, WASAPI … rate: the device's own, in Hz."""

    index: int
    name: str
    host: str
    channels: int
    rate: int

    @property
    def full_name(self) -> str:
        """As the user sees and gives it."""
        return f"{self.name}, {self.host}"


class PortAudioOutput:
    """An open sound card; any pair of its channels for any signal. Opening looks for devices anew."""

    tells_its_end = False

    def __init__(self, request: OutputRequest) -> None:
        self._library = library()
        card = find_card(sound_cards(self._library), request.device, _usual_index(self._library))
        self._columns = lane_channels(request.lanes)
        self._width = 1 + max(column for column in self._columns if column is not None)
        if self._width > card.channels:
            raise OutputError(
                f"{card.full_name} has {card.channels} output channels and {self._width} are asked for: send fewer"
                " tracks, or use another device"
            )
        self.title, self.channels = card.full_name, len(self._columns)
        self.rate = _usable_rate(self._library, card, self._width, request)
        self.buffer, self.xruns = request.buffer, 0
        self._card = card.index
        self._stream: Any = None
        self._stopped = self._finished = False
        self._room: PullRoom | None = None

    @property
    def alive(self) -> bool:
        """False once the driver has ended the stream."""
        return not self._finished and not self._stopped and (self._stream is None or bool(self._stream.active))

    @property
    def problem(self) -> str:
        """That the driver ended the stream, or what the pull died of."""
        if self._finished and not self._stopped:
            return "its driver ended the stream"
        return "" if self._room is None else self._room.failure

    @property
    def latency_frames(self) -> int:
        """As the driver tells."""
        return self.buffer if self._stream is None else round(self._stream.latency * self.rate)

    def start(self, pull: Pull) -> None:
        """Open the stream and begin to pull."""
        self._room = PullRoom(self.channels, pull)
        try:
            self._stream = self._library.OutputStream(
                device=self._card,
                samplerate=self.rate,
                blocksize=self.buffer,
                channels=self._width,
                dtype="float32",
                latency="low",
                callback=self._process,
                finished_callback=self._note_finished,
            )
            self._stream.start()
        except self._library.PortAudioError as error:
            raise OutputError(f"{self.title}: {_words(error)}; try another --buffer or device") from None

    def stop(self) -> None:
        """Close the stream. Where the device has vanished some drivers never return from this."""
        self._stopped = True
        if self._stream is not None:
            self._stream.close(ignore_errors=True)

    def _process(self, out: Block, frames: int, _: object, status: Any) -> None:
        if status and status.output_underflow:
            self.xruns += 1
        if self._room is None:
            return
        if self.channels < self._width or None in self._columns:
            out.fill(0.0)
        for column, samples in zip(self._columns, self._room.take(frames), strict=True):
            if column is not None:
                out[:, column] = samples

    def _note_finished(self) -> None:
        self._finished = True


def library() -> Any:
    """The `sounddevice` module; `OutputError` names what is missing. (It has no type hints, hence Any.)"""
    try:
        import sounddevice  # here and not above: without PortAudio on this machine it cannot be imported
    except ImportError:
        raise OutputError("sound cards need the Python package sounddevice: pip install sounddevice") from None
    except OSError:
        raise OutputError(
            "PortAudio is not installed here: install it (apt-get install libportaudio2), or use --jack or --null"
        ) from None
    # At exit sounddevice waits for every driver, for ever where one has lost its device; `stop` closes what we opened.
    atexit.unregister(sounddevice._exit_handler)
    return sounddevice


def sound_cards(sounddevice: Any) -> list[SoundCard]:
    """Every device that plays, as of now. No stream of this process may be open: PortAudio is started anew."""
    try:
        # PortAudio looks for devices only when it starts, and sounddevice has no public way to say so.
        sounddevice._terminate()
        sounddevice._initialize()
        hosts = sounddevice.query_hostapis()
        return [
            SoundCard(
                found["index"],
                found["name"],
                hosts[found["hostapi"]]["name"],
                found["max_output_channels"],
                round(found["default_samplerate"]),
            )
            for found in sounddevice.query_devices()
            if found["max_output_channels"] > 0
        ]
    except sounddevice.PortAudioError as error:
        raise OutputError(f"PortAudio does not start: {_words(error)}; use --jack or --null") from None


def find_card(cards: Sequence[SoundCard], wanted: str, usual: int) -> SoundCard:
    """The device of that name: exactly, or the only one whose name holds all its words; "" is the usual one.

    usual: PortAudio's index of it, -1 where there is none. `OutputError` names what there is.
    """
    if not cards:
        raise OutputError("no sound card was found: plug one in, or use --jack or --null")
    if not wanted:
        return next((card for card in cards if card.index == usual), cards[0])
    exact = [card for card in cards if wanted.lower() in (card.name.lower(), card.full_name.lower())]
    words = wanted.lower().split()
    found = exact or [card for card in cards if all(word in card.full_name.lower() for word in words)]
    if not found:
        raise OutputError(f"no sound card {wanted!r}: there is {_nearest(cards, wanted)}")
    if len(found) > 1:
        raise OutputError(f"sound card {wanted!r} could be {_listed(found)}: give one of these names in full")
    return found[0]


def _nearest(cards: Sequence[SoundCard], wanted: str) -> str:
    by_name = {card.full_name.lower(): card for card in cards}
    near = difflib.get_close_matches(wanted.lower(), by_name, n=3, cutoff=0.4)
    return _listed([by_name[name] for name in near] or cards)


def _listed(cards: Sequence[SoundCard]) -> str:
    return "; ".join(card.full_name for card in cards)


def _usual_index(sounddevice: Any) -> int:
    return int(sounddevice.default.device[1])


def _usable_rate(sounddevice: Any, card: SoundCard, channels: int, request: OutputRequest) -> int:
    rates = (request.wanted_rate,) if request.device_rate else (request.rate, card.rate)
    problem = ""
    for rate in rates:
        try:
            sounddevice.check_output_settings(card.index, channels=channels, dtype="float32", samplerate=rate)
        except sounddevice.PortAudioError as error:
            problem = _words(error)
        else:
            return rate
    tried = " nor ".join(str(rate) for rate in rates)
    raise OutputError(f"{card.full_name} does not run at {tried} Hz ({problem}); its own rate is {card.rate}")


def _words(error: Exception) -> str:
    return str(error).split(" [PaErrorCode")[0].splitlines()[0]
