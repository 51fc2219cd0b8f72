"""Ardour's /select/…: the words that mean the selected strip, and what a surface is told of it (feedback 8192).

The selected strip is our selected track; the master where none is selected, as in Ardour. A surface may hold on to a
strip of its own instead ("expand"), which can also be an aux bus. Which effect is shown, and which page of its
parameters and of the sends, each surface chooses for itself.
"""

import math
import time
from collections.abc import Callable, Mapping
from urllib.parse import unquote

from plugin_host.control.osc.dialects.ardour_sheet import (
    AT_REST,
    NUMBERED,
    Picture,
    Place,
    Sheet,
    effects_of,
    parameters_of,
    sheet_of,
)
from plugin_host.control.osc.dialects.ardour_words import SELECTED, Surface
from plugin_host.control.osc.dialects.laws import NOT, TRUTH, number
from plugin_host.control.osc.dialects.routes import DeskView
from plugin_host.control.osc.dialects.session import Line, Meant, Told
from plugin_host.control.osc.lately_told import LatelyTold, News, is_same
from plugin_host.control.osc.packet import Argument
from plugin_host.control.parameters.declaration import Value
from plugin_host.control.parameters.followed import FollowedTrack
from plugin_host.control.parameters.places import segment
from plugin_host.control.parameters.table import ParameterTable
from plugin_host.errors import ControlError

MASTER_BUS = "/master"
LEVELS = ("meter", "signal")
_OURS = "/selected"
_TRACK = "/track/"
_SENDS = 2
_FARTHEST = 10_000.0
"""Numbers of plugins, parameters and sends, and steps between them, are held at this."""
_Given = list[Argument]


class SelectedStrip:
    """For one surface. strips: our addresses of all the strips it knows, in order."""

    def __init__(self, view: DeskView, table: ParameterTable, strips: Callable[[], list[str]]) -> None:
        self._view, self._table, self._strips = view, table, strips
        self._surface = Surface()
        self._fixed = self._fixed_track = ""
        self._followed = FollowedTrack()
        self._plugin, self._before_parameter, self._before_send = 1, 0, 0
        self._now: Sheet | None = None
        self._told: Sheet | None = None
        self._lately, self._formerly = LatelyTold(), LatelyTold()
        """What was told by each word of the strip that is shown, and of the one before it."""
        self._steps: Mapping[str, Callable[[int], None]] = {
            "plugin": self._step_plugin,
            "plug_page": self._step_parameters,
            "send_page": self._step_sends,
        }

    def begin(self, surface: Surface) -> None:
        """The surface says what it is like."""
        self._surface = surface
        self._before_parameter = self._before_send = 0
        self._now = self._told = None

    def hold(self, strip: str) -> None:
        """Keep to a strip whatever is selected; "": follow the selection again."""
        self._fixed = strip
        self._fixed_track = unquote(strip.removeprefix(_TRACK)) if strip.startswith(_TRACK) else ""
        self._strip()  # it is followed from where it is now

    def canonical(self, address: str) -> str:
        """An address of the selected track by its name."""
        if address.startswith(f"{_OURS}/"):
            return f"{_TRACK}{segment(self._table.host.panel.state.selected)}{address.removeprefix(_OURS)}"
        return address

    def incoming(self, words: list[str], given: _Given, line: Line) -> list[Meant]:
        """What /select/WORDS means; `ControlError` for what is no word of Ardour's."""
        while words and words[-1].isdecimal():  # /select/send_gain/1 is /select/send_gain 1
            given.insert(0, int(words.pop()))
        word = "/".join(words)
        if word in ("next", "previous"):
            return self._step(word, line) if not given or number(given[0]) > 0.0 else []
        if word in self._steps:
            self._steps[word](_step_of(word, given))
        elif word == "expand" and given:
            self.hold(self._strip() if number(given[0]) > 0.0 else "")
        else:
            return self._value(word, given, line)
        self.look(line)
        return []

    def outgoing(self, address: str, value: Value) -> list[Told]:
        """One of our values, and before it whatever else the strip shows where it is another one than before."""
        strip = self._meant_by(address) if self._surface.feedback & SELECTED else ""
        if not strip:
            return []
        sheet, before = self._sheet(), self._told
        told: list[Told] = []
        if sheet is not before:
            told += self._head(sheet, before)
            self._told, self._lately, self._formerly = sheet, LatelyTold(), self._lately
        places = sheet.by_ours.get(address.removeprefix(strip), ())
        told += [self._written(place, law.theirs(value)) for place, law in places if self._shows(place[0])]
        for theirs, which, (shown,) in told:
            if shown is not None:
                self._lately.remember(News(_path(theirs, which), shown), time.monotonic())
        return told

    def look(self, line: Line) -> None:
        """Have all of it told anew where the strip, or what is shown of it, is another one than before."""
        if self._surface.feedback & SELECTED and self._told is not None and self._sheet() is not self._told:
            line.refresh(self._strip())

    def _value(self, word: str, given: _Given, line: Line) -> list[Meant]:
        if word not in AT_REST and word != "expand":
            raise ControlError(f"'/select/{word[:60]}' means nothing here")
        if word == "plugin/parameter" and len(given) == 3:
            self._choose(_whole(word, given), line)
        place: Place = (word, _whole(word, given) if word in NUMBERED else 0)
        if len(given) > 1:
            raise ControlError(f"/select/{word} takes one value, not {len(given)}")
        sheet = self._sheet()
        if place not in sheet.words:
            self._stays(place, sheet.texts.get(place, AT_REST.get(word, 0.0)), given, line)
            return []
        theirs, which = self._surface.placed(f"/select/{word}", place[1:] if place[1] else ())
        if given and word in LEVELS:
            return []
        ours, law = sheet.words[place]
        is_switch = law in (TRUTH, NOT)  # which a hand presses soon after it went to another strip
        asks = not given or (not is_switch and self._is_of_another(sheet, _path(theirs, which), given[0]))
        return [Meant(self._prefix() + ours, None if asks else law.ours(given[0]), theirs, which, law, asks=asks)]

    def _is_of_another(self, sheet: Sheet, word: str, given: Argument) -> bool:
        """Whether a slow surface only says again what it was told of the strip, or the page, before this one.

        It is answered with what stands now.
        """
        told = self._formerly if sheet is self._told else self._lately
        return given is not None and told.repeats(News(word, given, "surface"), time.monotonic())

    def _stays(self, place: Place, stands: Argument, given: _Given, line: Line) -> None:
        """What cannot be set is answered with what stands, as Ardour does, that the knob goes back there."""
        same = bool(given) and (given[0] == stands or _is_same(given[0], stands))
        if not same:  # what only says again what it was told gets no answer, or both would go on for ever
            theirs, which, (shown,) = self._written(place, stands)
            line.answer(theirs, *which, shown)

    def _step(self, word: str, line: Line) -> list[Meant]:
        """The next strip, after the last one the first; of those that can be selected, or to hold on to."""
        strips = [strip for strip in self._strips() if self._fixed or not strip.startswith("/aux/")]
        now, by = self._strip(), 1 if word == "next" else -1
        there = strips[(strips.index(now) + by) % len(strips)] if now in strips else strips[0] if strips else now
        if self._fixed:
            self.hold(there)
            self.look(line)
            return []
        if there == now:
            return []
        if there != MASTER_BUS:
            return [Meant(f"{there}/select", True, f"/select/{word}")]
        line.refresh(MASTER_BUS)
        return [Meant(f"{now}/select", False, f"/select/{word}")]

    def _choose(self, plugin: int, line: Line) -> None:
        """The effect of that number from 1; `ControlError` where there is none."""
        effects = self._sheet().picture.effects
        if not 1 <= plugin <= len(effects):
            raise ControlError(f"there is no plugin {plugin} on {self._strip()}: there are {len(effects)}")
        if plugin != self._sheet().picture.plugin:
            self._plugin, self._before_parameter = plugin, 0
            self.look(line)

    def _step_plugin(self, by: int) -> None:
        effects = self._sheet().picture.effects
        if by and effects:
            self._plugin = min(max(self._sheet().picture.plugin + by, 1), len(effects))
            self._before_parameter = 0

    def _step_parameters(self, by: int) -> None:
        picture, size = self._sheet().picture, self._surface.plug_page
        if by and size and picture.plugin:
            there = len(parameters_of(self._table, picture.strip, picture.effects[picture.plugin - 1][0]))
            self._before_parameter = _turned(self._before_parameter, by, size, there)

    def _step_sends(self, by: int) -> None:
        size = self._surface.send_page
        if by and size:
            self._before_send = _turned(self._before_send, by, size, _SENDS)

    def _sheet(self) -> Sheet:
        """What the words stand for now; the same object as long as nothing of that changed."""
        strip = self._strip()
        if self._now is not None and self._now.picture.strip != strip:
            self._before_parameter = 0
        effects = effects_of(self._table, strip)
        plugin = min(self._plugin, len(effects))
        picture = Picture(strip, bool(self._fixed), effects, plugin, self._before_parameter, self._before_send)
        if self._now is None or self._now.picture != picture:
            self._now = sheet_of(picture, self._table, self._view, self._surface)
        return self._now

    def _head(self, sheet: Sheet, before: Sheet | None) -> list[Told]:
        """What is not told by itself: names, what the strip before had, and levels, which are told as they move."""
        told = [self._written(place, value) for place, value in (sheet.left_by(before) | dict(sheet.texts)).items()]
        for binding in self._table.resolve(f"{sheet.picture.strip}/meter/peak"):
            level = binding.read()
            for place, law in sheet.by_ours["/meter/peak"]:
                told += [self._written(place, law.theirs(level))] if self._shows(place[0]) else []
        return told

    def _written(self, place: Place, value: Argument) -> Told:
        """Numbers are floats, as Ardour sends them."""
        address, which = self._surface.placed(f"/select/{place[0]}", place[1:] if place[1] else ())
        return address, which, (float(value) if isinstance(value, int) else value,)

    def _shows(self, word: str) -> bool:
        return self._surface.asks_for_level(word) if word in LEVELS else self._surface.reads(word)

    def _strip(self) -> str:
        """Our address of the strip that is meant."""
        self._fixed = self._where_it_went()
        if self._fixed:
            return self._fixed
        selected = segment(self._table.host.panel.state.selected)
        return f"{_TRACK}{selected}" if selected in self._view.of("track") else MASTER_BUS

    def _where_it_went(self) -> str:
        """Our address of the strip that is held on to, whatever it is called by now; "" where it is gone."""
        if not self._fixed_track:
            return self._fixed if self._fixed in self._strips() else ""
        tracks = self._table.host.desk.mix.tracks
        name = self._followed.name_now(self._fixed_track, tracks)
        self._fixed_track = name if any(track.name == name for track in tracks) else ""
        return f"{_TRACK}{segment(name)}" if self._fixed_track else ""

    def _prefix(self) -> str:
        """What stands before the words with us: of the selection itself, so that an echo of it is known for one."""
        strip = self._strip()
        return _OURS if strip.startswith(_TRACK) and not self._fixed else strip

    def _meant_by(self, address: str) -> str:
        """What stands before the strip's own part of an address; "" where it is another strip's."""
        if self._fixed:
            strip = self._strip()
            return strip if address.startswith(f"{strip}/") else ""
        if address.startswith(f"{_OURS}/"):
            return _OURS
        return MASTER_BUS if address.startswith(f"{MASTER_BUS}/") and self._strip() == MASTER_BUS else ""


def _turned(before: int, by: int, size: int, there: int) -> int:
    """Where a page begins after the next, or the one before; the last page is not left."""
    turned = before + int(math.copysign(size, by))
    return max(turned, 0) if turned < there else before


def _step_of(word: str, given: _Given) -> int:
    if len(given) != 1:
        raise ControlError(f"/select/{word} takes one number: 1 or -1")
    return int(min(max(number(given[0]), -_FARTHEST), _FARTHEST))


def _whole(word: str, given: _Given) -> int:
    if not given:
        raise ControlError(f"/select/{word} takes a number from 1 and a value")
    return int(min(max(number(given.pop(0)), 0.0), _FARTHEST))


def _path(address: str, which: tuple[Argument, ...]) -> str:
    return "/".join((address, *map(str, which)))


def _is_same(given: Argument, stands: Argument) -> bool:
    return isinstance(stands, float) and isinstance(given, int | float) and is_same(stands, float(given))
