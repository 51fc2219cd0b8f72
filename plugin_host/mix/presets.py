"""Finding chain presets and scenes by name: the user's own first, then the shipped ones.

User presets are in the platform's config folder (Linux: ~/.config/stemrack/presets), in `chains/` and `scenes/`.
The variable STEMRACK_PRESETS names other folders to look in instead, several parted by the path separator. A user's
preset of the same name takes a shipped one's place, also where a shipped scene asks for a chain by name.
"""

import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from platformdirs import user_config_path

from plugin_host.errors import PresetError
from plugin_host.mix.chain_table import EffectCheck
from plugin_host.mix.preset_files import SCENE_KEYS, ChainPreset, read_chain_preset, read_scene
from plugin_host.mix.scenes import Scene
from plugin_host.mix.state import Chain
from plugin_host.mix.toml_document import read_document, shown, suggestion

FOLDERS_VARIABLE = "STEMRACK_PRESETS"
MAX_LISTED = 10_000
"""Presets listed per folder; a folder with more was named by mistake."""


class PresetKind(StrEnum):
    """What a preset file holds, and the folder it lies in."""

    CHAIN = "chains"
    SCENE = "scenes"

    @property
    def spoken(self) -> str:
        """What a message calls one of them."""
        return "scene" if self is PresetKind.SCENE else "chain preset"


@dataclass(frozen=True, slots=True)
class PresetFile:
    """A preset that was found, not yet read: reading it may still fail."""

    name: str
    path: Path
    shipped: bool


@dataclass(frozen=True, slots=True)
class PresetLibrary:
    """The presets of some folders, the first folder winning; `check` judges every effect read."""

    own_folders: tuple[Path, ...]
    shipped_folder: Path
    check: EffectCheck

    def files(self, kind: PresetKind) -> tuple[PresetFile, ...]:
        """All presets of that kind, by name, each name once; a folder that is absent holds none."""
        found: dict[str, PresetFile] = {}
        for folder, shipped in (*((own, False) for own in self.own_folders), (self.shipped_folder, True)):
            for path in _toml_files(folder / kind):
                found.setdefault(path.stem, PresetFile(path.stem, path, shipped))
        return tuple(found[name] for name in sorted(found))

    def chain(self, name_or_path: str) -> ChainPreset:
        """The chain preset of that name, or in that file; `PresetError` names the nearest name, or file and line."""
        return read_chain_preset(self._path(PresetKind.CHAIN, name_or_path), self.check)

    def scene(self, name_or_path: str) -> Scene:
        """The scene of that name, or in that file; `PresetError` names the nearest name, or file and line."""
        return read_scene(self._path(PresetKind.SCENE, name_or_path), self.check, self._named_chain)

    def _named_chain(self, name: str) -> Chain:
        """A scene may name a preset, not a path: it stays usable on another machine."""
        if _is_path(name):
            raise PresetError(f"{shown(name)} is a path: give a chain preset's name, or write the chain out")
        return self.chain(name).chain

    def _path(self, kind: PresetKind, name_or_path: str) -> Path:
        if _is_path(name_or_path):
            return Path(name_or_path)
        files = {file.name: file.path for file in self.files(kind)}
        if name_or_path not in files:
            raise PresetError(f"no {kind.spoken} {shown(name_or_path)}: {suggestion(name_or_path, files)}")
        return files[name_or_path]


def kind_of_file(path: Path) -> PresetKind:
    """What a preset file holds; one that could be neither counts as a chain, whose reader says what is wrong.

    `PresetError` where it cannot be read, or holds a whole mix.
    """
    values = read_document(path).values
    if isinstance(values.get("tracks"), list):
        raise PresetError(f"{path} is a whole mix, no preset: `stemrack info SESSION` shows the one of a session")
    is_scene = "chain" not in values and any(key in values for key in SCENE_KEYS)
    return PresetKind.SCENE if is_scene else PresetKind.CHAIN


def find_library(check: EffectCheck) -> PresetLibrary:
    """The user's presets and the shipped ones."""
    return PresetLibrary(own_folders(), shipped_folder(), check)


def own_folders() -> tuple[Path, ...]:
    """Where the user's presets are looked for, the first wins."""
    named = os.environ.get(FOLDERS_VARIABLE, "")
    if named:
        return tuple(Path(part) for part in named.split(os.pathsep) if part)
    return (user_config_path("stemrack") / "presets",)


def shipped_folder() -> Path:
    """The presets that come along: inside the package in a wheel, beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    in_wheel = package / "shipped_presets"
    return in_wheel if in_wheel.is_dir() else package.parent / "presets"


def _is_path(name_or_path: str) -> bool:
    return name_or_path.endswith(".toml") or "/" in name_or_path or os.sep in name_or_path


def _toml_files(folder: Path) -> list[Path]:
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix == ".toml" and not path.name.startswith("."))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise PresetError(f"{folder}: cannot be read: {error.strerror or error}") from error
    return paths[:MAX_LISTED]
