"""What Ardour's /select/… words stand for on one strip of ours: its levels, sends and effects.

Ardour numbers a strip's plugins, and a plugin's parameters, from 1; so do we with the effects of a chain, those in
branches after the parallel effect they belong to. Its compressor and EQ are those of a channel strip: here the first
compressor, high- and low-pass of the chain, and its shelves and peaks in order as bands.

Source: Ardour 9, libs/surfaces/osc (osc.cc, osc_select_observer.cc): addresses, ranges, and values at rest.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from plugin_host.control.osc.dialects.ardour_words import Surface
from plugin_host.control.osc.dialects.laws import (
    ARDOUR_FADER,
    ARDOUR_GAIN,
    ARDOUR_SIGNAL,
    ARDOUR_SILENCE,
    AS_IT_IS,
    NOT,
    PAN,
    TRUTH,
    Law,
)
from plugin_host.control.osc.dialects.routes import DeskView
from plugin_host.control.osc.packet import Argument
from plugin_host.control.parameters.binding import Binding
from plugin_host.control.parameters.table import ParameterTable
from plugin_host.errors import HostError

Place = tuple[str, int]
"""A word after /select/, and its number from 1; 0 where it has none."""
NO_GROUP = "none"
NUMBERED = frozenset(
    {
        "send_gain", "send_fader", "send_enable", "send_name", "plugin/parameter", "plugin/parameter/name",
        "eq_gain", "eq_freq", "eq_q", "eq_shape", "eq_band_name",
    }
)  # fmt: skip
AT_REST: Mapping[str, Argument] = dict.fromkeys(
    (
        "mute", "solo", "polarity", "fader", "signal", "n_inputs", "n_outputs", "send_fader", "send_enable",
        "plugin/activate", "plugin/parameter", "comp_enable", "comp_threshold", "eq_hpf/enable", "eq_hpf/freq",
        "eq_lpf/enable", "eq_lpf/freq", "eq_gain", "eq_freq", "eq_q",
        "trimdB", "recenable", "record_safe", "monitor_input", "monitor_disk", "solo_iso", "solo_safe", "hide",
        "pan_elevation_position", "pan_lfe_control", "master_send_enable", "comp_mode", "comp_makeup", "eq_enable",
        "eq_hpf/slope", "eq_lpf/slope", "eq_shape",
    ),
    0.0,
) | dict.fromkeys(("gain", "send_gain", "meter"), ARDOUR_SILENCE) | dict.fromkeys(
    ("name", "comment", "send_name", "plugin/name", "plugin/parameter/name", "eq_band_name", "comp_mode_name"), " "
) | {"pan_stereo_position": 0.5, "pan_frontback_position": 0.5, "pan_stereo_width": 1.0, "group": NO_GROUP}  # fmt: skip
"""What Ardour shows where a strip has no such thing."""
_GROUP = Law(
    lambda value: "" if str(value).strip() in ("", NO_GROUP) else str(value), lambda value: str(value) or NO_GROUP
)
_PLAIN: Mapping[str, tuple[str, Law]] = {
    "gain": ("/gain", ARDOUR_GAIN),
    "fader": ("/gain", ARDOUR_FADER),
    "mute": ("/mute", TRUTH),
    "solo": ("/solo", TRUTH),
    "polarity": ("/invert", TRUTH),
    "pan_stereo_position": ("/pan", PAN),
    "group": ("/group", _GROUP),
    "signal": ("/meter/peak", ARDOUR_SIGNAL),
}
_BANDS = ("low_shelf_filter", "peak_filter", "high_shelf_filter")
_BAND_WORDS = {"eq_gain": "gain_db", "eq_freq": "cutoff_frequency_hz", "eq_q": "q"}
_STRIP_EFFECTS: Mapping[str, tuple[tuple[str, str, Law], ...]] = {
    "compressor": (("comp_enable", "bypass", NOT), ("comp_threshold", "threshold_db/norm", AS_IT_IS)),
    "highpass_filter": (("eq_hpf/enable", "bypass", NOT), ("eq_hpf/freq", "cutoff_frequency_hz/norm", AS_IT_IS)),
    "lowpass_filter": (("eq_lpf/enable", "bypass", NOT), ("eq_lpf/freq", "cutoff_frequency_hz/norm", AS_IT_IS)),
}


@dataclass(frozen=True, slots=True)
class Picture:
    """What decides the meaning of the words. strip: our address of it. fixed: it is this surface's own choice.

    effects: (slot, kind) of each, in order. plugin: the chosen one, from 1; 0 where there is none. parameter, send:
    how many of them come before the first that is shown.
    """

    strip: str
    fixed: bool
    effects: tuple[tuple[str, str], ...]
    plugin: int
    parameter: int
    send: int


@dataclass(frozen=True, slots=True)
class Sheet:
    """words: what moves, and how it is written; what follows the strip's address with us. texts: what stays."""

    picture: Picture
    words: Mapping[Place, tuple[str, Law]] = field(default_factory=dict)
    texts: Mapping[Place, Argument] = field(default_factory=dict)
    by_ours: Mapping[str, Sequence[tuple[Place, Law]]] = field(default_factory=dict)

    def left_by(self, other: "Sheet | None") -> dict[Place, Argument]:
        """What another strip showed and this one has not, at rest."""
        before = {*other.words, *other.texts} if other else set()
        return {place: AT_REST[place[0]] for place in sorted(before - {*self.words, *self.texts})}


def effects_of(table: ParameterTable, strip: str) -> tuple[tuple[str, str], ...]:
    """Slot and kind of every effect on a strip; none where it is gone just now."""
    found: list[tuple[str, str]] = []
    with suppress(HostError):
        found += [(_slot(binding), str(binding.read())) for binding in table.resolve(f"{strip}/fx/*/kind")]
    return tuple(found)


def parameters_of(table: ParameterTable, strip: str, slot: str) -> list[str]:
    """Names, as in addresses, of what can be set 0 … 1 on an effect: its own in order, then how much is heard.

    Left out are files, and what of a plugin has a range that only the plugin knows.
    """
    names = [
        binding.address.rpartition("/")[2]
        for binding in table.resolve(f"{strip}/fx/{slot}/*")
        if _has_share(binding) and not binding.address.endswith("/bypass")
    ]
    return sorted(names, key="wet".__eq__)


def sheet_of(picture: Picture, table: ParameterTable, view: DeskView, surface: Surface) -> Sheet:
    """All that the strip has."""
    strip = picture.strip
    words = {(word, 0): meant for word, meant in _PLAIN.items() if table.resolve(strip + meant[0])}
    if ("signal", 0) in words:
        words["meter", 0] = ("/meter/peak", surface.meter_law)
    texts: dict[Place, Argument] = {
        ("expand", 0): float(picture.fixed),
        ("name", 0): view.shown(strip),
        ("n_inputs", 0): 2.0,
        ("n_outputs", 0): 2.0,
    }
    for more_words, more_texts in (
        _sends(picture, table, view, surface), _plugin(picture, table, surface), _channel_strip(picture)
    ):  # fmt: skip
        words |= more_words
        texts |= more_texts
    by_ours: defaultdict[str, list[tuple[Place, Law]]] = defaultdict(list)
    for place, (ours, law) in words.items():
        by_ours[ours].append((place, law))
    return Sheet(picture, words, texts, dict(by_ours))


_Part = tuple[dict[Place, tuple[str, Law]], dict[Place, Argument]]


def _sends(picture: Picture, table: ParameterTable, view: DeskView, surface: Surface) -> _Part:
    """A send is always on here: it has no switch."""
    words: dict[Place, tuple[str, Law]] = {}
    texts: dict[Place, Argument] = {}
    there = [binding.address.rpartition("/")[2] for binding in table.resolve(f"{picture.strip}/send/*")]
    for number, aux in _page(there, picture.send, surface.send_page):
        words["send_gain", number] = (f"/send/{aux}", ARDOUR_GAIN)
        words["send_fader", number] = (f"/send/{aux}", ARDOUR_FADER)
        texts["send_enable", number] = 1.0
        texts["send_name", number] = view.shown(f"/aux/{aux}")
    return words, texts


def _plugin(picture: Picture, table: ParameterTable, surface: Surface) -> _Part:
    """The chosen effect."""
    if not picture.plugin:
        return {}, {}
    slot, kind = picture.effects[picture.plugin - 1]
    words: dict[Place, tuple[str, Law]] = {("plugin/activate", 0): (f"/fx/{slot}/bypass", NOT)}
    texts: dict[Place, Argument] = {("plugin/name", 0): kind}
    names = parameters_of(table, picture.strip, slot)
    for number, name in _page(names, picture.parameter, surface.plug_page):
        words["plugin/parameter", number] = (f"/fx/{slot}/{name}/norm", AS_IT_IS)
        texts["plugin/parameter/name", number] = name
    return words, texts


def _channel_strip(picture: Picture) -> _Part:
    """Compressor, filters and EQ."""
    words: dict[Place, tuple[str, Law]] = {}
    texts: dict[Place, Argument] = {}
    for slot, kind in reversed(picture.effects):  # the first of its kind is the last to be written
        words |= {(word, 0): (f"/fx/{slot}/{ours}", law) for word, ours, law in _STRIP_EFFECTS.get(kind, ())}
    bands = [(slot, kind) for slot, kind in picture.effects if kind in _BANDS]
    for number, (slot, kind) in enumerate(bands, 1):
        texts["eq_band_name", number] = kind
        words |= {(word, number): (f"/fx/{slot}/{ours}/norm", AS_IT_IS) for word, ours in _BAND_WORDS.items()}
    return words, texts


def _page(all_there: Sequence[str], before: int, size: int) -> Iterator[tuple[int, str]]:
    """Numbers from 1 and names of what is shown; size 0: all."""
    return enumerate(all_there[before : before + size] if size else all_there, 1)


def _slot(binding: Binding) -> str:
    return binding.address.rpartition("/fx/")[2].partition("/")[0]


def _has_share(binding: Binding) -> bool:
    parameter = binding.parameter
    return parameter.writable and (parameter.kind in ("bool", "choice") or parameter.taper is not None)
