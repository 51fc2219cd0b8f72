"""A scene: a named partial mix. Recalled, it changes what it names and leaves everything else alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from plugin_host.errors import MixError
from plugin_host.mix.roles import roles_of
from plugin_host.mix.state import Chain, Mix, Track

EVERY_OTHER = "*"


@dataclass(frozen=True, slots=True)
class TrackScene:
    """What a scene sets on a track; None leaves it as it is. Units and ranges are `Track`'s."""

    gain_db: float | None = None
    pan: float | None = None
    mute: bool | None = None
    solo: bool | None = None
    invert: bool | None = None
    chain: Chain | None = None
    sends: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True)
class MasterScene:
    """What a scene sets on the master; None leaves it as it is. Units and ranges are `Master`'s."""

    gain_db: float | None = None
    limiter: bool | None = None
    ceiling_db: float | None = None
    chain: Chain | None = None


@dataclass(frozen=True, slots=True)
class AuxScene:
    """What a scene sets on an aux bus; None leaves it as it is. Units and ranges are `Aux`'s."""

    gain_db: float | None = None
    mute: bool | None = None
    chain: Chain | None = None


@dataclass(frozen=True, slots=True)
class Scene:
    """A scene as loaded, its chains in full.

    tracks: by track name (or stem name), "*" for every track that nothing else names. roles: by role ("voice",
    "drums", "bass", "guitar", "keys", "harmony", "rhythm", "accompaniment", see `roles.STEM_ROLES`). needs: roles
    without which the scene makes no sense (a karaoke needs a voice to take away). auxes: by place, "1" the first.
    """

    name: str
    purpose: str
    tracks: Mapping[str, TrackScene] = field(default_factory=dict)
    roles: Mapping[str, TrackScene] = field(default_factory=dict)
    master: MasterScene = MasterScene()
    needs: tuple[str, ...] = ()
    auxes: Mapping[str, AuxScene] = field(default_factory=dict)


def apply_scene(mix: Mix, scene: Scene) -> Mix:
    """The mix with what the scene names changed.

    For each track one entry counts, nothing is merged: its name, else its stem's name, else its stem's roles from
    the narrowest to the widest, else "*". `MixError` where no track has a role that the scene needs.
    """
    _check_needs(mix, scene)
    tracks = tuple(replace(track, **_changes(_entry(track, scene))) for track in mix.tracks)
    auxes = tuple(replace(aux, **_changes(scene.auxes.get(str(place)))) for place, aux in enumerate(mix.auxes, 1))
    return replace(mix, tracks=tracks, master=replace(mix.master, **_changes(scene.master)), auxes=auxes)


def _check_needs(mix: Mix, scene: Scene) -> None:
    there = {role for track in mix.tracks for role in roles_of(track.stem)}
    for role in scene.needs:
        if role not in there:
            stems = ", ".join(track.stem for track in mix.tracks) or "none"
            raise MixError(
                f"scene {scene.name!r} needs a stem of role {role!r}, this mix has {stems}: "
                "separate the song into more stems, or choose another scene"
            )


def _entry(track: Track, scene: Scene) -> TrackScene | None:
    named = (scene.tracks.get(name) for name in (track.name, track.stem))
    by_role = (scene.roles.get(role) for role in roles_of(track.stem))
    candidates = (*named, *by_role, scene.tracks.get(EVERY_OTHER))
    return next((entry for entry in candidates if entry is not None), None)


def _changes(entry: TrackScene | MasterScene | AuxScene | None) -> dict[str, Any]:
    """The fields that the entry sets."""
    if entry is None:
        return {}
    values = {part.name: getattr(entry, part.name) for part in fields(entry)}
    return {name: value for name, value in values.items() if value is not None}
