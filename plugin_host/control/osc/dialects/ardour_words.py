"""Ardour's words for what a strip, the master and the transport have, beside our addresses; what a surface asks for."""

import math
from dataclasses import dataclass

from plugin_host.control.osc.dialects.laws import (
    ARDOUR_FADER,
    ARDOUR_GAIN,
    ARDOUR_LIGHTS,
    ARDOUR_METER,
    ARDOUR_SIGNAL,
    AS_IT_IS,
    PAN,
    TRUTH,
    Law,
)
from plugin_host.control.osc.dialects.routes import Route
from plugin_host.control.osc.packet import Argument
from plugin_host.control.sync.timecode import TimecodeRate, timecode_of

BUTTONS, VALUES, SSID_IN_PATH, HEARTBEAT, MASTER, BARS, TIMECODE = 1, 2, 4, 8, 16, 32, 64
METERS, LIGHTS, SIGNAL, SAMPLES, TIME, SELECTED, PLAIN_REPLY = 128, 256, 512, 1024, 2048, 8192, 16384
BUSES, MASTER_STRIP = 4, 32
_ALL_STRIPS = 159
TICKS = 1920
"""Of a beat, as Ardour counts."""
STRIP_WORDS: dict[str, tuple[str, Law]] = {
    "gain": ("/gain", ARDOUR_GAIN),
    "fader": ("/gain", ARDOUR_FADER),
    "mute": ("/mute", TRUTH),
    "solo": ("/solo", TRUTH),
    "pan_stereo_position": ("/pan", PAN),
    "polarity": ("/invert", TRUTH),
    "select": ("/select", TRUTH),
    "name": ("/name", AS_IT_IS),
    "send/gain": ("/send/{send}", ARDOUR_GAIN),
    "send/fader": ("/send/{send}", ARDOUR_FADER),
    "meter": ("/meter/peak", ARDOUR_GAIN),
    "signal": ("/meter/peak", ARDOUR_SIGNAL),
}
"""After /strip/; what follows a strip's own address with us, and how values are written."""
MASTER_WORDS: dict[str, tuple[str, Law]] = {
    "gain": ("/master/gain", ARDOUR_GAIN),
    "fader": ("/master/gain", ARDOUR_FADER),
}
DESK_ROUTES = (
    Route("/transport_play", "/transport/play", TRUTH, asks=False),
    Route("/transport_stop", "/transport/stop", TRUTH, asks=False),
    Route("/loop_toggle", "/transport/loop/on", TRUTH, writes=False),
    Route("/toggle_roll", "/transport/toggle", reads=False),
    Route("/cancel_all_solos", "/solo/clear", reads=False),
    Route("/add_marker", "/transport/marker/add", reads=False),
    Route("/next_marker", "/transport/marker/next", reads=False),
    Route("/prev_marker", "/transport/marker/previous", reads=False),
)


@dataclass(frozen=True, slots=True)
class Surface:
    """What /set_surface says. bank_size: strips at a time, 0 for all. strip_types, feedback: sums of bits.

    gainmode: 0 is dB, 1 and 3 the fader's position, 2 both. send_page, plug_page: sends, and parameters of an effect,
    at a time, 0 for all. port: where answers go, 0 where it sends from.
    """

    bank_size: int = 0
    strip_types: int = _ALL_STRIPS
    feedback: int = 0
    gainmode: int = 0
    send_page: int = 0
    plug_page: int = 0
    port: int = 0

    def asks_for(self, word: str) -> bool:
        """Whether a strip's word is told to it."""
        if word in ("meter", "signal"):
            return self.asks_for_level(word)
        if word in ("mute", "solo", "select", "polarity", "name"):
            return bool(self.feedback & BUTTONS)
        return bool(self.feedback & VALUES) and self.reads(word)

    def asks_for_level(self, word: str) -> bool:
        """Whether "meter" or "signal" is told to it."""
        return bool(self.feedback & (SIGNAL if word == "signal" else METERS | LIGHTS))

    def reads(self, word: str) -> bool:
        """Whether a level is told in this word: gain in dB, fader as its position; other words always are."""
        if word.endswith("gain"):
            return self.gainmode in (0, 2)
        return self.gainmode != 0 if word.endswith("fader") else True

    @property
    def meter_law(self) -> Law:
        """Decibels, or 0 … 1 for those whose faders are so; a row of lights where it asks for that alone."""
        if not self.feedback & METERS:
            return ARDOUR_LIGHTS
        return ARDOUR_METER if self.gainmode else ARDOUR_GAIN

    def placed(self, address: str, which: tuple[int, ...]) -> tuple[str, tuple[Argument, ...]]:
        """An address and the arguments that say whose value it is: both in the address where it wants that."""
        if self.feedback & SSID_IN_PATH:
            return "/".join((address, *map(str, which))), ()
        return address, which


def clock_text(seconds: float) -> str:
    """Hours, minutes, seconds and thousandths."""
    whole, thousandths = divmod(round(seconds * 1000.0), 1000)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}.{thousandths:03}"


def smpte_text(seconds: float, rate: TimecodeRate) -> str:
    """The label of the time code's frame that a place lies in; Ardour writes colons even where labels are dropped."""
    number = math.floor(round(seconds * float(rate.frames_a_second), 6))
    label = timecode_of(max(number, 0), rate)
    return f"{label.hours:02}:{label.minutes:02}:{label.seconds:02}:{label.frames:02}"


def bar_text(beats: float, beats_per_bar: int) -> str:
    """Bar and beat, counted from 1, and 1920ths of a beat, of a place so many beats from the beginning."""
    whole, ticks = divmod(round(beats * TICKS), TICKS)
    return f"{whole // beats_per_bar + 1:03}|{whole % beats_per_bar + 1:02}|{ticks:04}"
