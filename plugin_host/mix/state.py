"""The whole mix as frozen data: what the engine renders and what `mix.toml` keeps.

Values are checked when they are made, so a `Mix` that exists can be played: no NaN, no gain above +12 dB.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from plugin_host.errors import MixError

MAX_GAIN_DB = 12.0
SILENCE_DB = -math.inf

ParamValue = float | int | bool | str
Params = Mapping[str, ParamValue]


@dataclass(frozen=True, slots=True)
class Effect:
    """One slot of a chain.

    kind: catalogue name ("compressor", "vst3", "parallel"). params: catalogue parameter name to value; those left
    out take the catalogue's default. wet: 0 dry … 1 effect only, mixed after the effect, the dry signal delayed by
    the effect's latency. branches: only for "parallel", chains that all hear the input and whose outputs are summed.
    plugin_path, plugin_name, plugin_state: only for "vst3"; the state is base64 of the plugin's own preset data.
    """

    kind: str
    params: Params = field(default_factory=dict)
    bypass: bool = False
    wet: float = 1.0
    branches: tuple["Chain", ...] = ()
    plugin_path: str = ""
    plugin_name: str = ""
    plugin_state: str = ""

    def __post_init__(self) -> None:
        if not 0.0 <= self.wet <= 1.0:
            raise MixError(f"wet is {self.wet}: give 0 (dry) to 1 (effect only)")
        for name, value in self.params.items():
            if isinstance(value, float) and math.isnan(value):
                raise MixError(f"{self.kind}: {name} is NaN: give a number")


Chain = tuple[Effect, ...]

AUXES = 2
"""Aux buses a mix has."""


@dataclass(frozen=True, slots=True)
class Track:
    """A stem in the host. Pan is a stereo balance from -1 (left only) over 0 to +1 (right only).

    The side panned away from follows a cosine, the other stays at 0 dB, so a centred track is untouched.
    group: name of the group whose fader, mute and solo also hold for the track; "" is none. sends: dB to each aux
    bus, -inf … +12, taken after the fader.
    """

    name: str
    stem: str
    chain: Chain = ()
    gain_db: float = 0.0
    pan: float = 0.0
    mute: bool = False
    solo: bool = False
    invert: bool = False
    group: str = ""
    sends: tuple[float, ...] = (SILENCE_DB,) * AUXES

    def __post_init__(self) -> None:
        check_gain(self.gain_db, f"track {self.name}")
        if not -1.0 <= self.pan <= 1.0:
            raise MixError(f"track {self.name}: pan is {self.pan}: give -1 (left) to 1 (right)")
        if len(self.sends) != AUXES:
            raise MixError(f"track {self.name}: {len(self.sends)} sends: give {AUXES}, one for each aux bus")
        for number, gain_db in enumerate(self.sends, 1):
            check_gain(gain_db, f"track {self.name}: send {number}")


@dataclass(frozen=True, slots=True)
class Group:
    """Tracks ridden together: its gain is added to theirs in dB (a VCA), its mute and solo hold for all of them."""

    name: str
    gain_db: float = 0.0
    mute: bool = False
    solo: bool = False

    def __post_init__(self) -> None:
        check_gain(self.gain_db, f"group {self.name}")


@dataclass(frozen=True, slots=True)
class Aux:
    """A bus that the tracks' sends feed: its chain, then its gain into the master. Solo leaves it alone."""

    name: str
    chain: Chain = ()
    gain_db: float = 0.0
    mute: bool = False

    def __post_init__(self) -> None:
        check_gain(self.gain_db, f"aux {self.name}")


def usual_auxes() -> tuple[Aux, ...]:
    """What a new mix has: a room to send to, and an echo."""
    room = Effect("reverb", {"room_size": 0.6, "wet_level": 1.0, "dry_level": 0.0})
    echo = Effect("delay", {"delay_seconds": 0.375, "feedback": 0.35, "mix": 1.0})
    return (Aux("reverb", (room,)), Aux("delay", (echo,)))


@dataclass(frozen=True, slots=True)
class Master:
    """What the summed tracks pass through: chain, gain, then the safety limiter (on unless switched off)."""

    chain: Chain = ()
    gain_db: float = 0.0
    limiter: bool = True
    ceiling_db: float = -1.0

    def __post_init__(self) -> None:
        check_gain(self.gain_db, "master")
        if not -24.0 <= self.ceiling_db <= 0.0:
            raise MixError(f"master: limiter ceiling is {self.ceiling_db} dB: give -24 to 0")


@dataclass(frozen=True, slots=True)
class Mix:
    """Tracks in order, the master, groups and the aux buses. Names of tracks, and of groups, are unique."""

    tracks: tuple[Track, ...]
    master: Master = field(default_factory=Master)
    groups: tuple[Group, ...] = ()
    auxes: tuple[Aux, ...] = field(default_factory=usual_auxes)

    def __post_init__(self) -> None:
        _check_unique([track.name for track in self.tracks], "tracks")
        _check_unique([group.name for group in self.groups], "groups")
        if len(self.auxes) != AUXES:
            raise MixError(f"{len(self.auxes)} aux buses: give {AUXES}")
        for track in self.tracks:
            if track.group:
                self.group(track.group)

    def track(self, name: str) -> Track:
        """The track of that name; `MixError` lists the names there are."""
        for track in self.tracks:
            if track.name == name:
                return track
        raise MixError(f"no track {name!r}: there are {', '.join(t.name for t in self.tracks)}")

    def group(self, name: str) -> Group:
        """The group of that name; `MixError` lists the names there are."""
        for group in self.groups:
            if group.name == name:
                return group
        raise MixError(f"no group {name!r}: there are {', '.join(g.name for g in self.groups) or 'none'}")


def _check_unique(names: list[str], what: str) -> None:
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise MixError(f"two {what} are called {doubled[0]!r}: give each its own name")


def plain_mix(stems: tuple[str, ...]) -> Mix:
    """One untouched track per stem: played, it is the song again."""
    return Mix(tuple(Track(name=stem, stem=stem) for stem in stems))


def check_gain(gain_db: float, where: str) -> None:
    """A gain is -inf … +12 dB and never NaN."""
    if math.isnan(gain_db) or gain_db > MAX_GAIN_DB:
        raise MixError(f"{where}: gain is {gain_db} dB: give -inf to +{MAX_GAIN_DB:g}")


def is_audible(track: Track, mix: Mix) -> bool:
    """Mute wins over solo; where any track or group is soloed only these sound."""
    return sounds(track, mix, any_solo(mix))


def sounds(track: Track, mix: Mix, soloed: bool) -> bool:
    """`is_audible` for many tracks of one mix; soloed: `any_solo` of it."""
    group = mix.group(track.group) if track.group else None
    if track.mute or (group and group.mute):
        return False
    return track.solo or bool(group and group.solo) or not soloed


def any_solo(mix: Mix) -> bool:
    """Whether anything is soloed."""
    return any(track.solo for track in mix.tracks) or any(group.solo for group in mix.groups)


def track_gain_db(track: Track, mix: Mix) -> float:
    """The track's fader and its group's together, held at +12 dB."""
    group_db = mix.group(track.group).gain_db if track.group else 0.0
    return min(track.gain_db + group_db, MAX_GAIN_DB)
