"""All a user can do to a mix, offline and live, as frozen data.

A surface, the command line or a take only makes these; `apply.apply` is the one place that carries them out.
Tracks are named by `Track.name`. An effect's place in a chain is a `Slot`.
"""

from dataclasses import dataclass
from enum import Enum

from plugin_host.mix.scenes import Scene
from plugin_host.mix.state import Chain, Effect, Mix, ParamValue, Track


class Bus(Enum):
    """What has a chain but is no track (a track may well be called "master")."""

    MASTER = "master"
    AUX_1 = "aux 1"
    AUX_2 = "aux 2"


MASTER = Bus.MASTER
AUX_BUSES = (Bus.AUX_1, Bus.AUX_2)

ChainOwner = str | Bus
"""A track's name, or a bus."""

Slot = int | tuple[int, ...]
"""An effect's place, counted from 0: 2 is the third effect; (2, 0, 1) is, inside the third effect, the second of the
first branch."""


@dataclass(frozen=True, slots=True)
class SetGain:
    """Fader of a track in dB; -inf is silence. Above +12 it is held at +12."""

    track: str
    gain_db: float


@dataclass(frozen=True, slots=True)
class SetPan:
    """Balance of a track, -1 left … +1 right; beyond it is held at the end."""

    track: str
    pan: float


@dataclass(frozen=True, slots=True)
class SetMute:
    """Silence a track, or let it sound again."""

    track: str
    mute: bool


@dataclass(frozen=True, slots=True)
class SetSolo:
    """Hear only the soloed tracks."""

    track: str
    solo: bool


@dataclass(frozen=True, slots=True)
class ClearSolo:
    """Take every track out of solo."""


@dataclass(frozen=True, slots=True)
class SetInvert:
    """Flip a track's polarity."""

    track: str
    invert: bool


@dataclass(frozen=True, slots=True)
class SetSend:
    """How much of a track, after its fader, goes to an aux bus (counted from 0), in dB; above +12 it is held there."""

    track: str
    aux: int
    gain_db: float


@dataclass(frozen=True, slots=True)
class SetGroup:
    """Put a track into a group, which is made if it is not there yet; "" takes it out of its group."""

    track: str
    group: str


@dataclass(frozen=True, slots=True)
class SetGroupGain:
    """Fader of a group in dB, added to those of its tracks; above +12 it is held there."""

    group: str
    gain_db: float


@dataclass(frozen=True, slots=True)
class SetGroupMute:
    """Silence all tracks of a group, or let them sound again."""

    group: str
    mute: bool


@dataclass(frozen=True, slots=True)
class SetGroupSolo:
    """Hear only the tracks of this group, and what else is soloed."""

    group: str
    solo: bool


@dataclass(frozen=True, slots=True)
class RemoveGroup:
    """Dissolve a group; its tracks stay as they are."""

    group: str


@dataclass(frozen=True, slots=True)
class SetAuxGain:
    """Level of an aux bus (counted from 0) into the master, in dB; above +12 it is held there."""

    aux: int
    gain_db: float


@dataclass(frozen=True, slots=True)
class SetAuxMute:
    """Silence an aux bus, or let it sound again."""

    aux: int
    mute: bool


@dataclass(frozen=True, slots=True)
class SetChain:
    """Replace the whole chain of a track or bus; () clears it."""

    track: ChainOwner
    chain: Chain


@dataclass(frozen=True, slots=True)
class AddEffect:
    """Insert an effect before `slot`; without one, at the end of the chain."""

    track: ChainOwner
    effect: Effect
    slot: Slot | None = None


@dataclass(frozen=True, slots=True)
class RemoveEffect:
    """Take an effect out."""

    track: ChainOwner
    slot: Slot


@dataclass(frozen=True, slots=True)
class MoveEffect:
    """Move an effect within its own chain or branch, so that it ends up at place `to` (counted from 0)."""

    track: ChainOwner
    slot: Slot
    to: int


@dataclass(frozen=True, slots=True)
class SetEffectParam:
    """One parameter of one effect. Its range is the catalogue's to check, which this room does not know."""

    track: ChainOwner
    slot: Slot
    name: str
    value: ParamValue


@dataclass(frozen=True, slots=True)
class SetEffectBypass:
    """Let the signal past an effect, or through it again."""

    track: ChainOwner
    slot: Slot
    bypass: bool


@dataclass(frozen=True, slots=True)
class SetEffectWet:
    """How much of an effect is heard: 0 dry … 1 effect only; beyond it is held at the end."""

    track: ChainOwner
    slot: Slot
    wet: float


@dataclass(frozen=True, slots=True)
class AddTrack:
    """Put a further track in the rack (a stem may be played by several); without a place, at the end."""

    track: Track
    position: int | None = None


@dataclass(frozen=True, slots=True)
class RemoveTrack:
    """Take a track out; its stem stays in the session."""

    track: str


@dataclass(frozen=True, slots=True)
class RenameTrack:
    """Call a track something else."""

    track: str
    name: str


@dataclass(frozen=True, slots=True)
class MoveTrack:
    """Move a track so that it ends up at place `to` (counted from 0). Order is for the eye; the sound is the same."""

    track: str
    to: int


@dataclass(frozen=True, slots=True)
class SetMasterGain:
    """Master fader in dB, before the limiter; held at +12."""

    gain_db: float


@dataclass(frozen=True, slots=True)
class SetLimiter:
    """The safety limiter on or off, and, if given, the level it holds (dB, held to -24 … 0)."""

    limiter: bool
    ceiling_db: float | None = None


@dataclass(frozen=True, slots=True)
class RecallScene:
    """Change what a scene names, and only that."""

    scene: Scene


@dataclass(frozen=True, slots=True)
class ReplaceMix:
    """Put another whole mix in place (a file opened, an undo)."""

    mix: Mix


Command = (
    SetGain
    | SetPan
    | SetMute
    | SetSolo
    | ClearSolo
    | SetInvert
    | SetSend
    | SetGroup
    | SetGroupGain
    | SetGroupMute
    | SetGroupSolo
    | RemoveGroup
    | SetAuxGain
    | SetAuxMute
    | SetChain
    | AddEffect
    | RemoveEffect
    | MoveEffect
    | SetEffectParam
    | SetEffectBypass
    | SetEffectWet
    | AddTrack
    | RemoveTrack
    | RenameTrack
    | MoveTrack
    | SetMasterGain
    | SetLimiter
    | RecallScene
    | ReplaceMix
)
