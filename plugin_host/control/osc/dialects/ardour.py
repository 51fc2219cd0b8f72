"""Surfaces made for Ardour's OSC control.

Source: Ardour's manual, "Controlling Ardour with OSC". Strips are the tracks, then the two aux buses where the surface
asks for buses, then the master where it asks for that. One that is told without having asked gets buttons and values.
Of /select, see `ardour_select`. Not spoken: plugins of strips that are not selected, /cue.
"""

import math
from collections.abc import Callable

from plugin_host.control.osc.dialects.ardour_select import SelectedStrip
from plugin_host.control.osc.dialects.ardour_words import (
    BARS,
    BUSES,
    BUTTONS,
    DESK_ROUTES,
    HEARTBEAT,
    LIGHTS,
    MASTER,
    MASTER_STRIP,
    MASTER_WORDS,
    METERS,
    PLAIN_REPLY,
    SAMPLES,
    SIGNAL,
    STRIP_WORDS,
    TIME,
    TIMECODE,
    VALUES,
    Surface,
    bar_text,
    clock_text,
    smpte_text,
)
from plugin_host.control.osc.dialects.laws import ARDOUR_SIGNAL, Law, number, whole
from plugin_host.control.osc.dialects.routes import DeskView, Routes
from plugin_host.control.osc.dialects.session import Line, Meant, Told
from plugin_host.control.osc.packet import Argument, OscMessage
from plugin_host.control.parameters.declaration import Value
from plugin_host.control.parameters.table import ParameterTable
from plugin_host.control.sync.timecode import TimecodeRate
from plugin_host.errors import ControlError

_POSITION = "/transport/position"
_LOOP = "/transport/loop/on"
_SEEK = "/transport/seek"
_MOST_SAID = 10_000


class ArdourSession:
    """One such surface. timecode: its frames a second. origin: seconds of time code at which the song begins."""

    name = "ardour"

    def __init__(self, view: DeskView, table: ParameterTable, timecode: TimecodeRate, origin: float = 0.0) -> None:
        self._view, self._frames, self._rate = view, table.host.frames, table.host.rate
        self._timecode, self._origin = timecode, origin
        self._surface = Surface(feedback=BUTTONS | VALUES)
        self._before_bank = 0
        self._beat = False
        self._routes = Routes(DESK_ROUTES, view)
        self._select = SelectedStrip(view, table, self._all_strips)
        self._said: dict[str, tuple[str, str]] = {}
        """For our address of a value: the one that the surface last set it by, and its word for that."""

    @property
    def levels(self) -> bool:
        """Whether it wants meters."""
        return bool(self._surface.feedback & (METERS | LIGHTS | SIGNAL))

    def incoming(self, message: OscMessage, line: Line) -> list[Meant] | None:
        """What a message means."""
        meant = self._meant(message, line)
        for each in meant or ():
            if len(self._said) >= _MOST_SAID:
                self._said.clear()
            self._said[self._select.canonical(each.address)] = each.address, _path(each.theirs, each.which)
        return meant

    def outgoing(self, address: str, value: Value) -> list[Told]:
        """One of our values in Ardour's words, as far as the surface asked for such."""
        if address == _POSITION:
            return self._position(float(value))
        if address.startswith("/transport/"):
            return self._routes.outgoing(address, value) if self._surface.feedback & MASTER else []
        strip = "/".join(address.split("/", 3)[: 2 if address.startswith("/master/") else 3])
        strips, rest = self._strips(), address[len(strip) + 1 :]
        told = self._strip_told(strips.index(strip) + 1, rest, value) if strip in strips else []
        return [*told, *self._master(address, value), *self._select.outgoing(address, value)]

    def own(self, address: str, value: Value) -> tuple[bool, list[Told]]:
        """What it changed itself, by the other words there are for it; and which strip is no longer selected."""
        if address.endswith("/select") and not value:
            return True, self.outgoing(address, value)
        used, said = self._said.get(self._select.canonical(address), ("", ""))
        told = self.outgoing(address, value) if used else []
        return used in ("", address), [each for each in told if _path(*each[:2]) != said]

    def each_second(self, line: Line) -> None:
        """The heartbeat, 1 and 0 in turn; and a look whether something else is selected."""
        if self._surface.feedback & HEARTBEAT:
            self._beat = not self._beat
            line.answer("/heartbeat", float(self._beat))
        self._select.look(line)

    def _meant(self, message: OscMessage, line: Line) -> list[Meant] | None:
        word, *rest = message.address[1:].split("/")
        own: dict[str, Callable[[list[Argument], Line], None]] = {
            "set_surface": self._set_surface,
            "bank_up": self._bank_up,
            "bank_down": self._bank_down,
        }
        if word in own:
            own[word]([*rest, *message.arguments], line)
            return []
        if word == "strip" and rest:
            return self._strip(rest, list(message.arguments), message.address, line)
        if word == "select" and rest:
            return self._select.incoming(rest, list(message.arguments), line)
        if word == "master" and len(rest) == 1 and rest[0] in MASTER_WORDS:
            ours, law = MASTER_WORDS[rest[0]]
            given = message.arguments
            value = law.ours(given[0]) if given else None
            return [Meant(ours, value, message.address, law=law, asks=not given)]
        if word == "loop_toggle":
            pressed = _pressed(list(message.arguments))
            return [Meant(_LOOP, None, message.address, turns=True)] if pressed else []
        if word in ("goto_start", "goto_end", "locate"):
            return self._go(word, list(message.arguments), message.address)
        meant = self._routes.incoming(message)
        return None if meant is None else [meant]

    def _set_surface(self, given: list[Argument], line: Line) -> None:
        if not given:
            now = self._surface
            line.answer("/set_surface", now.bank_size, now.strip_types, now.feedback, now.gainmode, now.send_page)
            return
        numbers = [whole(argument) for argument in given[:7]]
        self._surface = Surface(*numbers)
        self._before_bank = 0
        self._select.begin(self._surface)
        line.subscribe(math.inf, self._surface.port)
        line.refresh()

    def _bank_up(self, given: list[Argument], line: Line) -> None:
        if _pressed(given) and self._surface.bank_size:
            last = max(len(self._all_strips()) - self._surface.bank_size, 0)
            self._before_bank = min(self._before_bank + self._surface.bank_size, last)
            line.refresh()

    def _bank_down(self, given: list[Argument], line: Line) -> None:
        if _pressed(given) and self._surface.bank_size:
            self._before_bank = max(self._before_bank - self._surface.bank_size, 0)
            line.refresh()

    def _go(self, word: str, given: list[Argument], address: str) -> list[Meant]:
        """To either end when pressed; /locate FRAME [ROLL] plays on from there where ROLL is 1."""
        if word == "locate":
            if not given:
                raise ControlError("/locate takes a sample's number and whether to roll")
            rolls = len(given) > 1 and number(given[1]) == 1.0
            play = [Meant("/transport/play", True, address)] if rolls else []
            return [Meant(_SEEK, number(given[0]) / self._rate, address), *play]
        seconds = 0.0 if word == "goto_start" else self._frames / self._rate
        return [Meant(_SEEK, seconds, address)] if _pressed(given) else []

    def _all_strips(self) -> list[str]:
        """What strips are called by us."""
        tracks = [f"/track/{name}" for name in self._view.of("track")]
        buses = ["/aux/1", "/aux/2"] if self._surface.strip_types & BUSES else []
        return [*tracks, *buses, *(["/master"] if self._surface.strip_types & MASTER_STRIP else [])]

    def _strips(self) -> list[str]:
        """Those in the bank, which ends with the last of them, also where there were more before."""
        strips, size = self._all_strips(), self._surface.bank_size
        self._before_bank = min(self._before_bank, max(len(strips) - size, 0))
        return strips[self._before_bank : self._before_bank + size] if size else strips

    def _strip(self, words: list[str], given: list[Argument], address: str, line: Line) -> list[Meant]:
        if words == ["list"]:
            self._list_strips(line)
            return []
        while words[-1].isdecimal():  # /strip/fader/1 is /strip/fader 1
            given.insert(0, int(words.pop()))
        word = "/".join(words)
        if word == "expand":
            return self._expand(given, line)
        if word not in STRIP_WORDS:
            raise ControlError(f"{address!r} means nothing here: there are {', '.join(STRIP_WORDS)}")
        template, law = STRIP_WORDS[word]
        places = 1 + ("{send}" in template)
        if not places <= len(given) <= places + 1:
            raise ControlError(f"{address!r} takes a strip's number and a value")
        which = tuple(whole(each) for each in given[:places])
        ours = self._strip_at(which[0]) + template.replace("{send}", str(which[-1]))
        value = law.ours(given[places]) if len(given) > places else None
        if word == "select" and value is not None:
            self._select.hold("")
            line.refresh("/master")  # which is meant where nothing is selected any more
        return [Meant(ours, value, f"/strip/{word}", which, law, asks=value is None)]

    def _strip_at(self, ssid: int) -> str:
        strips = self._strips()
        if not 1 <= ssid <= len(strips):
            raise ControlError(f"there is no strip {ssid}: there are {len(strips)}")
        return strips[ssid - 1]

    def _expand(self, given: list[Argument], line: Line) -> list[Meant]:
        """/select means that strip for this surface alone, or the selected one again."""
        if len(given) != 2:
            raise ControlError("/strip/expand takes a strip's number, and 1 or 0")
        self._select.hold(self._strip_at(whole(given[0])) if number(given[1]) > 0.0 else "")
        self._select.look(line)
        return []

    def _list_strips(self, line: Line) -> None:
        """What an Ardour answers to /strip/list: a message for each strip, and one that ends the list."""
        reply = "/reply" if self._surface.feedback & PLAIN_REPLY else "#reply"
        kinds = {"track": "AT", "aux": "B", "master": "MA"}
        for ssid, strip in enumerate(self._strips(), 1):
            muted, soloed = self._view.switches(strip)
            kind = kinds[strip.split("/")[1]]
            line.answer(reply, kind, self._view.shown(strip), 2, 2, int(muted), int(soloed), ssid, 0)
        line.answer(reply, "end_route_list", self._rate, self._frames, 0)

    def _strip_told(self, ssid: int, rest: str, value: Value) -> list[Told]:
        told: list[Told] = []
        for word, (template, law) in STRIP_WORDS.items():
            shape = template[1:].split("/")
            parts = rest.split("/")
            fits = len(shape) == len(parts) and all(a in (b, "{send}") for a, b in zip(shape, parts, strict=True))
            if fits and self._surface.asks_for(word):
                sends = tuple(int(b) for a, b in zip(shape, parts, strict=True) if a == "{send}")
                law = self._surface.meter_law if word == "meter" else law
                told.append((*self._surface.placed(f"/strip/{word}", (ssid, *sends)), (law.theirs(value),)))
        return told

    def _master(self, address: str, value: Value) -> list[Told]:
        laws: dict[str, Law] = {}
        if address == "/master/gain":
            laws = {word: law for word, (_, law) in MASTER_WORDS.items() if self._surface.reads(word)}
        elif address == "/master/meter/peak":
            shown = {"meter": self._surface.meter_law, "signal": ARDOUR_SIGNAL}
            laws = {word: law for word, law in shown.items() if self._surface.asks_for(word)}
        asked = self._surface.feedback & MASTER
        return [(f"/master/{word}", (), (law.theirs(value),)) for word, law in laws.items() if asked]

    def _position(self, seconds: float) -> list[Told]:
        asked, bars = self._surface.feedback, self._view.bars(seconds)
        texts = {
            "samples": str(round(seconds * self._rate)) if asked & SAMPLES else "",
            "smpte": smpte_text(seconds + self._origin, self._timecode) if asked & TIMECODE else "",
            "time": clock_text(seconds) if asked & TIME else "",
            "bbt": bar_text(*bars) if asked & BARS and bars else "",
        }
        return [(f"/position/{word}", (), (text,)) for word, text in texts.items() if text]


def _path(address: str, which: tuple[Argument, ...]) -> str:
    """An address with the arguments that say whose value it is, wherever they stand."""
    return "/".join((address, *map(str, which)))


def _pressed(given: list[Argument]) -> bool:
    return not given or number(given[0]) > 0.0
