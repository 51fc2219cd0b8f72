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


@dataclass(frozen=True, slots=True)
class Track:
    """A stem in the host. Pan is a stereo balance from -1 (left only) over 0 to +1 (right only).

    The side panned away from follows a cosine, the other stays at 0 dB, so a centred track is untouched.
    """

    name: str
    stem: str
    chain: Chain = ()
    gain_db: float = 0.0
    pan: float = 0.0
    mute: bool = False
    solo: bool = False
    invert: bool = False

    def __post_init__(self) -> None:
        check_gain(self.gain_db, f"track {self.name}")
        if not -1.0 <= self.pan <= 1.0:
            raise MixError(f"track {self.name}: pan is {self.pan}: give -1 (left) to 1 (right)")


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
    """Tracks in order, and the master. Track names are unique."""

    tracks: tuple[Track, ...]
    master: Master = field(default_factory=Master)

    def __post_init__(self) -> None:
        names = [track.name for track in self.tracks]
        doubled = sorted({name for name in names if names.count(name) > 1})
        if doubled:
            raise MixError(f"two tracks are called {doubled[0]!r}: give each its own name")

    def track(self, name: str) -> Track:
        """The track of that name; `MixError` lists the names there are."""
        for track in self.tracks:
            if track.name == name:
                return track
        raise MixError(f"no track {name!r}: there are {', '.join(t.name for t in self.tracks)}")


def plain_mix(stems: tuple[str, ...]) -> Mix:
    """One untouched track per stem: played, it is the song again."""
    return Mix(tuple(Track(name=stem, stem=stem) for stem in stems))


def check_gain(gain_db: float, where: str) -> None:
    """A gain is -inf … +12 dB and never NaN."""
    if math.isnan(gain_db) or gain_db > MAX_GAIN_DB:
        raise MixError(f"{where}: gain is {gain_db} dB: give -inf to +{MAX_GAIN_DB:g}")


def is_audible(track: Track, mix: Mix) -> bool:
    """Mute wins over solo; where any track is soloed only soloed tracks sound."""
    return not track.mute and (track.solo or not any(t.solo for t in mix.tracks))
