"""Scenes, takes, the original beside the remix, capturing, banks: what is done with the desk as a whole."""

from dataclasses import replace
from pathlib import Path

from plugin_host.control.parameters.control import Control, Read
from plugin_host.control.parameters.conversion import taken
from plugin_host.control.parameters.declaration import Parameter, Value
from plugin_host.control.parameters.panel import BANK, PanelChanged
from plugin_host.control.parameters.places import Keys, address_of
from plugin_host.control.parameters.sight import Host, Sight
from plugin_host.desk.events import CaptureChanged, ReferenceChanged, TakeBegun, TakeRecorded
from plugin_host.desk.morph import MAX_SECONDS
from plugin_host.desk.take_files import take_names
from plugin_host.effects.catalogue import check_effect
from plugin_host.errors import ControlError
from plugin_host.live.capture_file import part_of
from plugin_host.live.port import ClearClips, SetReference
from plugin_host.mix import commands as c
from plugin_host.mix.limits import MAX_TRACKS
from plugin_host.mix.mix_file import read_mix, write_mix
from plugin_host.mix.presets import PresetKind

_TAKES = (TakeBegun, TakeRecorded)
_SECONDS = Parameter("/scene/{scene}", "float", "how long to take", "w", "s", 0.0, MAX_SECONDS)


def _recall(host: Host, keys: Keys, seconds: Value | None, origin: str) -> None:
    """A switch says true, a word or nothing, which is at once; a number, also as text, is the time to take."""
    is_time = seconds.strip()[:1].isdecimal() if isinstance(seconds, str) else not isinstance(seconds, bool | None)
    parameter = replace(_SECONDS, address=address_of(_SECONDS.address, keys))
    time = taken(parameter, seconds) if is_time and seconds is not None else 0.0
    host.desk.recall(host.library.scene(keys.name), float(time), origin)


def _scene_list(sight: Sight, keys: Keys) -> str:
    return " | ".join(file.name for file in sight.host.library.files(PresetKind.SCENE))


def _record(host: Host, keys: Keys, name: Value | None, origin: str) -> None:
    host.desk.record(name if isinstance(name, str) else "")


def _end_recording(host: Host, keys: Keys, value: Value | None, origin: str) -> None:
    host.desk.end_recording()


def _replay(host: Host, keys: Keys, name: str, origin: str) -> None:
    host.desk.replay(name)


def _take_list(sight: Sight, keys: Keys) -> str:
    folder = sight.host.takes_folder
    return "" if folder is None else " | ".join(take_names(folder))


def _capture(host: Host, keys: Keys, on: bool, origin: str) -> None:
    if not on:
        host.desk.capture(None, origin)
        return
    folder = host.captures_folder
    if folder is None:
        raise ControlError("/capture: this host has no folder to capture into")
    if host.desk.capturing is None:
        numbered = (folder / f"capture {number}.wav" for number in range(1, 100_000))
        free = (path for path in numbered if not path.exists() and not part_of(path).exists())
        host.desk.capture(next(free), origin)


def _mix_file(host: Host) -> Path:
    if host.mix_file is None:
        raise ControlError("this host keeps its mix in no file")
    return host.mix_file


def _save_mix(host: Host, keys: Keys, value: Value | None, origin: str) -> None:
    write_mix(_mix_file(host), host.desk.mix)


def _reload_mix(host: Host, keys: Keys, value: Value | None, origin: str) -> None:
    """What is wrong in the file is refused with its line, and the mix stays as it is."""
    host.desk.do(c.ReplaceMix(read_mix(_mix_file(host), check_effect)), origin)


def _move_bank(host: Host, keys: Keys, first: int, origin: str) -> None:
    host.panel.change(origin, bank=first)


def _next_bank(host: Host, keys: Keys, value: Value | None, origin: str) -> None:
    bank = host.panel.state.bank
    if bank + BANK < len(host.desk.mix.tracks):
        _move_bank(host, keys, bank + BANK, origin)


def _previous_bank(host: Host, keys: Keys, value: Value | None, origin: str) -> None:
    _move_bank(host, keys, max(host.panel.state.bank - BANK, 0), origin)


def _shown(address: str, description: str, read: Read, *told_by: type) -> Control:
    return Control(Parameter(address, "text", description, "r"), read, told_by=told_by)


SCENE_CONTROLS = (
    _shown("/scene/list", "the scenes there are, a bar between them", _scene_list),
    Control(
        Parameter("/scene/{scene}", "trigger", "recall the scene; a number is how many seconds to morph", "w", "s"),
        act=_recall,
    ),
)

TAKE_CONTROLS = (
    Control(
        Parameter("/take/record", "trigger", "record a take; a text names it; reads 1 while one is recorded"),
        lambda sight, keys: bool(sight.host.desk.recording),
        act=_record,
        told_by=_TAKES,
    ),
    Control(Parameter("/take/stop", "trigger", "end the take", "w"), act=_end_recording),
    Control(Parameter("/take/replay", "text", "replay the take of that name", "w"), act=_replay),
    _shown("/take/name", "the take being recorded", lambda sight, keys: sight.host.desk.recording, *_TAKES),
    _shown("/take/list", "the takes there are, a bar between them", _take_list, TakeRecorded),
    Control(
        Parameter("/capture", "bool", "write what is heard to a new file", default=False),
        lambda sight, keys: sight.host.desk.capturing is not None,
        act=_capture,
        told_by=(CaptureChanged,),
    ),
)

MIX_CONTROLS = (
    Control(Parameter("/mix/save", "trigger", "keep the mix in the session's mix.toml", "w"), act=_save_mix),
    Control(Parameter("/mix/reload", "trigger", "the mix as the session's mix.toml has it now", "w"), act=_reload_mix),
)

LISTENING_CONTROLS = (
    Control(
        Parameter("/ab", "bool", "hear the original song instead of the remix", default=False),
        lambda sight, keys: sight.reference,
        lambda sight, keys, value: (SetReference(value),),
        told_by=(ReferenceChanged,),
    ),
    Control(
        Parameter("/ab/toggle", "trigger", "the original, or the remix again", "w"),
        make=lambda sight, keys, value: (SetReference(not sight.reference),),
    ),
    Control(
        Parameter("/solo/clear", "trigger", "take everything out of solo", "w"),
        make=lambda sight, keys, value: (c.ClearSolo(),),
    ),
    Control(
        Parameter("/meter/clear", "trigger", "put the clip lights out", "w"),
        make=lambda sight, keys, value: (ClearClips(),),
    ),
)

BANK_CONTROLS = (
    Control(
        Parameter("/bank/offset", "int", "tracks before the bank's first", "rw", "", 0, MAX_TRACKS - 1, 0),
        lambda sight, keys: sight.panel.bank,
        act=_move_bank,
        told_by=(PanelChanged,),
        shape=lambda sight, keys, declared: replace(declared, maximum=max(len(sight.mix.tracks) - 1, 0)),
    ),
    Control(Parameter("/bank/next", "trigger", f"the next {BANK} tracks", "w"), act=_next_bank),
    Control(Parameter("/bank/prev", "trigger", f"the {BANK} tracks before", "w"), act=_previous_bank),
    _shown(
        "/track/list", "the tracks' names, a bar between them", lambda s, keys: " | ".join(t.name for t in s.mix.tracks)
    ),
    Control(
        Parameter("/track/count", "int", "how many tracks there are", "r"),
        lambda sight, keys: len(sight.mix.tracks),
    ),
    _shown(
        "/group/list", "the groups' names, a bar between them", lambda s, keys: " | ".join(g.name for g in s.mix.groups)
    ),
)
