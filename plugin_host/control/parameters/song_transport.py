"""What can be done to the song's position, loop, speed, pitch, tempo and markers. Times are seconds of the song."""

from collections.abc import Callable, Iterable
from dataclasses import replace

from plugin_host.control.parameters.control import Control, Make, Read, in_all_forms
from plugin_host.control.parameters.declaration import Parameter, Value
from plugin_host.control.parameters.places import Keys
from plugin_host.control.parameters.sight import Sight
from plugin_host.control.parameters.taper import Linear, Logarithmic
from plugin_host.errors import ControlError
from plugin_host.live.port import EngineCommand
from plugin_host.mix import transport as t
from plugin_host.mix.toml_document import shown, suggestion

FrameOf = Callable[[Sight, float], int]
_STARTS = (t.Play, t.Stop, t.Pause)
_BAR = "the bar, counted from 1, with its part as decimals; 0 where the tempo is not known"
_FRAME = "where the song is, in frames at its own rate: to the sample"
_MAX_BEATS = 32
_NEAR = 0.5
"""Seconds past a marker within which "previous" means the one before it."""


def _timed(sight: Sight, keys: Keys, parameter: Parameter) -> Parameter:
    """A time in the song, which is as long as it is."""
    return replace(parameter, minimum=0.0, maximum=sight.seconds, taper=Linear(0.0, sight.seconds))


def _frame(sight: Sight, seconds: float) -> int:
    return min(max(round(seconds * sight.host.rate), 0), sight.host.frames)


def _now(sight: Sight) -> int:
    """The song frame that is heard, or where it stands."""
    return sight.status().song_frame if sight.transport.playing else sight.transport.position


def _clock(seconds: Value) -> str:
    minutes, thousandths = divmod(round(float(seconds) * 1000.0), 60_000)
    return f"{minutes}:{thousandths / 1000.0:06.3f}"


def _bar(sight: Sight, keys: Keys) -> float:
    transport = sight.transport
    if transport.tempo is None:
        return 0.0
    return 1.0 + _now(sight) / sight.host.rate * transport.tempo / 60 / transport.beats_per_bar


def _loop(sight: Sight) -> tuple[int, int]:
    """The loop that plays, else the one that was last set, else the whole song."""
    return sight.transport.loop or sight.panel.loop or (0, sight.host.frames)


def _begin_frame(sight: Sight, seconds: float) -> int:
    return min(_frame(sight, seconds), max(sight.host.frames - t.SHORTEST_LOOP, 0))


def _end_frame(sight: Sight, seconds: float) -> int:
    return max(_frame(sight, seconds), t.SHORTEST_LOOP)


def _move_begin(sight: Sight, keys: Keys, seconds: float) -> Iterable[EngineCommand]:
    """Moved past the end, the loop keeps its length: so a new loop may be given in either order."""
    old_begin, end = _loop(sight)
    begin = _begin_frame(sight, seconds)
    fits = begin + t.SHORTEST_LOOP <= end
    return (t.SetLoop(begin, end if fits else min(begin + end - old_begin, sight.host.frames)),)


def _move_end(sight: Sight, keys: Keys, seconds: float) -> Iterable[EngineCommand]:
    begin, old_end = _loop(sight)
    end = _end_frame(sight, seconds)
    fits = begin + t.SHORTEST_LOOP <= end
    return (t.SetLoop(begin if fits else max(end - (old_end - begin), 0), end),)


def _switch_loop(sight: Sight, keys: Keys, on: bool) -> Iterable[EngineCommand]:
    return (t.SetLoop(*_loop(sight)) if on else t.ClearLoop(),)


def _toggle(sight: Sight, keys: Keys, value: Value | None) -> Iterable[EngineCommand]:
    return (t.Pause() if sight.transport.playing else t.Play(),)


def _set_tempo(sight: Sight, keys: Keys, tempo: float) -> Iterable[EngineCommand]:
    return (t.SetTempo(tempo or None, sight.transport.beats_per_bar),)


def _names(sight: Sight) -> dict[str, int]:
    return {marker.name: marker.frame for marker in sight.transport.markers}


def _add_marker(sight: Sight, keys: Keys, name: Value | None) -> Iterable[EngineCommand]:
    taken = _names(sight)
    free = next(text for text in (f"marker {number}" for number in range(1, len(taken) + 2)) if text not in taken)
    return (t.AddMarker(name if isinstance(name, str) and name else free, _now(sight)),)


def _goto_marker(sight: Sight, keys: Keys, name: str) -> Iterable[EngineCommand]:
    there = _names(sight)
    if name in there:
        return (t.Seek(there[name]),)
    if name.isdecimal() and 1 <= int(name) <= len(sight.transport.markers):
        return (t.Seek(sight.transport.markers[int(name) - 1].frame),)
    raise ControlError(f"no marker {shown(name)}: {suggestion(name, there)}")


def _next_marker(sight: Sight, keys: Keys, value: Value | None) -> Iterable[EngineCommand]:
    later = [marker.frame for marker in sight.transport.markers if marker.frame > _now(sight)]
    return (t.Seek(min(later, default=sight.host.frames)),)


def _previous_marker(sight: Sight, keys: Keys, value: Value | None) -> Iterable[EngineCommand]:
    near = _NEAR * sight.host.rate if sight.transport.playing else 0.0
    earlier = [marker.frame for marker in sight.transport.markers if marker.frame < _now(sight) - near]
    return (t.Seek(max(earlier, default=0)),)


def _trigger(address: str, description: str, make: Make) -> Control:
    return Control(Parameter(address, "trigger", description, "w"), make=make)


def _seconds(address: str, description: str, read: Read, make: Make, frame: FrameOf) -> Control:
    """One end of the loop. That the panel remembers it changes nothing to be seen."""

    def snap(sight: Sight, seconds: float) -> float:
        return frame(sight, seconds) / sight.host.rate

    parameter = Parameter(address, "float", description, "rw", "s", 0.0)
    return in_all_forms(Control(parameter, read, make, None, (t.SetLoop,), shape=_timed, snap=snap, speak=_clock))


POSITION_CONTROLS = (
    Control(
        Parameter("/transport/play", "trigger", "play from where it stands; reads 1 while it plays"),
        lambda sight, keys: sight.transport.playing,
        lambda sight, keys, value: (t.Play(),),
        told_by=_STARTS,
    ),
    Control(
        Parameter("/transport/stop", "trigger", "stop, and go back to where play began; reads 1 while it stands"),
        lambda sight, keys: not sight.transport.playing,
        lambda sight, keys, value: (t.Stop(),),
        told_by=_STARTS,
    ),
    _trigger("/transport/pause", "stop and stay", lambda sight, keys, value: (t.Pause(),)),
    _trigger("/transport/toggle", "play, or pause while it plays", _toggle),
    in_all_forms(
        Control(
            Parameter("/transport/seek", "float", "go to a time", "w", "s", 0.0),
            make=lambda sight, keys, value: (t.Seek(_frame(sight, value)),),
            shape=_timed,
        )
    ),
    in_all_forms(
        Control(
            Parameter("/transport/position", "float", "where the song is", "r", "s", 0.0, rate_limited=True),
            lambda sight, keys: _now(sight) / sight.host.rate,
            told_by=(*_STARTS, t.Seek),
            shape=_timed,
            speak=_clock,
        )
    ),
    Control(
        Parameter("/transport/frame", "int", _FRAME, "rw", "", 0, rate_limited=True),
        lambda sight, keys: _now(sight),
        lambda sight, keys, value: (t.Seek(value),),
        told_by=(*_STARTS, t.Seek),
        shape=lambda sight, keys, declared: replace(declared, maximum=sight.host.frames),
    ),
    Control(
        Parameter("/transport/bar", "float", _BAR, "rw", "", 0.0, rate_limited=True),
        _bar,
        lambda sight, keys, value: (t.Seek(t.frame_of_bar(sight.transport, value, sight.host.rate)),),
        told_by=(*_STARTS, t.Seek, t.SetTempo),
    ),
    Control(
        Parameter("/transport/length", "float", "how long the song is", "r", "s", 0.0),
        lambda sight, keys: sight.seconds,
    ),
)

PLAYING_CONTROLS = (
    _seconds(
        "/transport/loop/begin",
        "where the loop begins; setting it turns the loop on",
        lambda sight, keys: _loop(sight)[0] / sight.host.rate,
        _move_begin,
        _begin_frame,
    ),
    _seconds(
        "/transport/loop/end",
        "where the loop ends; setting it turns the loop on",
        lambda sight, keys: _loop(sight)[1] / sight.host.rate,
        _move_end,
        _end_frame,
    ),
    Control(
        Parameter("/transport/loop/on", "bool", "play the loop over and over", default=False),
        lambda sight, keys: sight.transport.loop is not None,
        _switch_loop,
        told_by=(t.SetLoop, t.ClearLoop),
    ),
    in_all_forms(
        Control(
            Parameter(
                "/transport/speed",
                "float",
                "1 is the song's own, the pitch stays",
                "rw",
                "",
                t.MIN_SPEED,
                t.MAX_SPEED,
                1.0,
                Logarithmic(t.MIN_SPEED, t.MAX_SPEED),
            ),
            lambda sight, keys: sight.transport.speed,
            lambda sight, keys, value: (t.SetSpeed(value),),
            told_by=(t.SetSpeed,),
        )
    ),
    in_all_forms(
        Control(
            Parameter(
                "/transport/transpose",
                "float",
                "higher or lower at the same speed",
                "rw",
                "semitones",
                -t.MAX_SEMITONES,
                t.MAX_SEMITONES,
                0.0,
                Linear(-t.MAX_SEMITONES, t.MAX_SEMITONES),
            ),
            lambda sight, keys: sight.transport.semitones,
            lambda sight, keys, value: (t.SetTranspose(value, sight.transport.transpose_drums),),
            told_by=(t.SetTranspose,),
        )
    ),
    Control(
        Parameter("/transport/transpose/drums", "bool", "the drums too", default=False),
        lambda sight, keys: sight.transport.transpose_drums,
        lambda sight, keys, value: (t.SetTranspose(sight.transport.semitones, value),),
        told_by=(t.SetTranspose,),
    ),
    in_all_forms(
        Control(
            Parameter(
                "/transport/tempo",
                "float",
                "tempo; below 20 it is not known, and reads 0",
                "rw",
                "BPM",
                0.0,
                t.MAX_TEMPO,
                0.0,
                Linear(0.0, t.MAX_TEMPO),
            ),
            lambda sight, keys: sight.transport.tempo or 0.0,
            _set_tempo,
            told_by=(t.SetTempo,),
            hold=lambda tempo: tempo if tempo >= t.MIN_TEMPO else 0.0,
        )
    ),
    Control(
        Parameter("/transport/beats", "int", "beats in a bar", "rw", "", 1, _MAX_BEATS, 4, Linear(1.0, _MAX_BEATS)),
        lambda sight, keys: sight.transport.beats_per_bar,
        lambda sight, keys, value: (t.SetTempo(sight.transport.tempo, value),),
        told_by=(t.SetTempo,),
    ),
)

MARKER_CONTROLS = (
    Control(
        Parameter("/transport/marker/list", "text", "the markers' names in the song's order, a bar between them", "r"),
        lambda sight, keys: " | ".join(_names(sight)),
        told_by=(t.AddMarker, t.RemoveMarker),
    ),
    _trigger("/transport/marker/add", "mark this place; with a text, under that name", _add_marker),
    Control(
        Parameter("/transport/marker/remove", "text", "forget the marker of that name", "w"),
        make=lambda sight, keys, value: (t.RemoveMarker(value),),
    ),
    Control(
        Parameter("/transport/marker/goto", "text", "go to the marker of that name or number (from 1)", "w"),
        make=_goto_marker,
    ),
    _trigger("/transport/marker/next", "go to the next marker, or the end", _next_marker),
    _trigger("/transport/marker/previous", "go to the marker before, or the start", _previous_marker),
)
