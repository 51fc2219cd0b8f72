"""Ardour's words for what a strip, the master and the transport have, beside our addresses."""

from plugin_host.control.osc.dialects.laws import ARDOUR_FADER, ARDOUR_GAIN, ARDOUR_SIGNAL, AS_IT_IS, PAN, TRUTH, Law
from plugin_host.control.osc.dialects.routes import Route

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


def clock_text(seconds: float) -> str:
    """Hours, minutes, seconds and thousandths."""
    whole, thousandths = divmod(round(seconds * 1000.0), 1000)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}.{thousandths:03}"


def bar_text(beats: float, beats_per_bar: int) -> str:
    """Bar and beat, counted from 1, and 1920ths of a beat, of a place so many beats from the beginning."""
    whole, ticks = divmod(round(beats * TICKS), TICKS)
    return f"{whole // beats_per_bar + 1:03}|{whole % beats_per_bar + 1:02}|{ticks:04}"
