"""Keeping how the mix stands as a scene of the user's own."""

from dataclasses import fields
from pathlib import Path
from typing import Any, cast

import tomli_w

from plugin_host.errors import MixError, PresetError
from plugin_host.mix.chain_table import chain_values
from plugin_host.mix.mix_file import replace_file
from plugin_host.mix.presets import PresetKind
from plugin_host.mix.scenes import EVERY_OTHER, AuxScene, MasterScene, Scene, TrackScene
from plugin_host.mix.state import Aux, Chain, Master, Mix, Track
from plugin_host.mix.toml_document import MAX_BYTES, MAX_NAME, shown


def scene_of(mix: Mix, name: str, purpose: str = "") -> Scene:
    """All that a scene can hold of that mix, by track name. `MixError` where a name cannot stand in a scene."""
    if any(track.name == EVERY_OTHER for track in mix.tracks):
        raise MixError(f"a track called {EVERY_OTHER!r} means every other one in a scene: rename it first")
    return Scene(
        name=name,
        purpose=purpose.strip() or f"The mix kept as {name}",
        tracks={track.name: TrackScene(**_values(TrackScene, track)) for track in mix.tracks},
        master=MasterScene(**_values(MasterScene, mix.master)),
        auxes={str(place): AuxScene(**_values(AuxScene, aux)) for place, aux in enumerate(mix.auxes, 1)},
    )


def _values(kind: type[TrackScene | MasterScene | AuxScene], owner: Track | Master | Aux) -> dict[str, Any]:
    return {part.name: getattr(owner, part.name) for part in fields(kind)}


def store_scene(presets_folder: Path, scene: Scene) -> Path:
    """Write the scene into a presets folder, atomically; one of that name is replaced. Returns the file.

    `MixError` for a name no file can have, `PresetError` where it cannot be written.
    """
    name = scene.name
    if not name.strip() or len(name) > MAX_NAME // 2 or not name.isprintable() or name[0] == "." or set(name) & _UNFIT:
        raise MixError(f'{shown(name)} cannot name a scene: give a short name without / \\ : * ? " < > |')
    data = tomli_w.dumps(_scene_values(scene)).encode()
    if len(data) > MAX_BYTES:
        raise MixError(f"scene {name}: {len(data)} bytes, at most {MAX_BYTES} can be read again: take plugins out")
    folder = presets_folder / PresetKind.SCENE
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PresetError(f"{folder}: cannot be made: {error.strerror or error}") from error
    replace_file(folder / f"{name}.toml", data)
    return folder / f"{name}.toml"


_UNFIT = set('/\\:*?"<>|')


def _scene_values(scene: Scene) -> dict[str, object]:
    return {
        "purpose": scene.purpose,
        **({"needs": list(scene.needs)} if scene.needs else {}),
        "tracks": {name: _entry_values(entry) for name, entry in scene.tracks.items()},
        "roles": {name: _entry_values(entry) for name, entry in scene.roles.items()},
        "master": _entry_values(scene.master),
        "aux": {name: _entry_values(entry) for name, entry in scene.auxes.items()},
    }


def _entry_values(entry: TrackScene | MasterScene | AuxScene) -> dict[str, object]:
    pairs = ((part.name, getattr(entry, part.name)) for part in fields(entry))
    return {name: _plain(name, value) for name, value in pairs if value is not None}


def _plain(name: str, value: object) -> object:
    if name == "chain":
        return chain_values(cast(Chain, value))
    return list(value) if isinstance(value, tuple) else value
