"""Finding controllers: the user's own device and binding files first, then the shipped ones.

They lie in `controllers/devices` and `controllers/bindings` of the presets folders (see `mix.presets`).
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from plugin_host.control.midi.assignments import AssignmentSet
from plugin_host.control.midi.binding_file import read_bindings
from plugin_host.control.midi.device import Device
from plugin_host.control.midi.device_file import read_device
from plugin_host.errors import PresetError
from plugin_host.mix.presets import own_folders, shipped_folder
from plugin_host.mix.toml_document import shown, suggestion

FOLDER = "controllers"
_DEVICES, _BINDINGS = "devices", "bindings"
MAX_LISTED = 1000
Content = TypeVar("Content")


@dataclass(frozen=True, slots=True)
class Mapped:
    """A device and what its controls do."""

    device: Device
    bindings: AssignmentSet


BARE = Mapped(Device("learned", "a port with learned controls"), AssignmentSet("learned", "", "learned", 0, ()))
"""For a port that no device file knows, but whose controls were learned."""


class ControllerLibrary:
    """The device and binding files of some presets folders, the first folder winning.

    `problems` tells, in one line each, of files that could not be used, and which file of that name is used instead,
    where a later folder has one.
    """

    def __init__(self, folders: Iterable[Path]) -> None:
        self._folders = [folder / FOLDER for folder in folders]
        self.problems: list[str] = []
        self._devices: dict[str, Device] = {}
        self._mapped: dict[str, Mapped] = {}
        self._wrong: dict[str, str] = {}
        for name, paths in self._files(_BINDINGS).items():
            try:
                self._mapped[name] = self._first_whole(paths, self._read)
            except PresetError as error:
                self._wrong[name] = str(error)
                self.problems.append(str(error))

    @property
    def learned_file(self) -> Path:
        """Where what was learned is kept: in the user's first folder."""
        return self._folders[0] / "learned.toml"

    @property
    def names(self) -> tuple[str, ...]:
        """Every binding file's name."""
        return tuple(self._mapped)

    def mapped(self, name: str) -> Mapped:
        """The binding file of that name with its device; `PresetError`: what is wrong with it, or the nearest name."""
        if name in self._wrong:
            raise PresetError(self._wrong[name])
        if name not in self._mapped:
            raise PresetError(f"no controller {shown(name)}: {suggestion(name, self._mapped)}")
        return self._mapped[name]

    def recognised(self, port: str) -> Mapped | None:
        """What fits a port's name: the longest part of a name that is in it, and of several bindings of a device the
        one called like it."""
        fitting = [
            (len(part), mapped.bindings.name == mapped.device.name, name)
            for name, mapped in self._mapped.items()
            for part in mapped.device.ports
            if part.lower() in port.lower()
        ]
        return self._mapped[max(fitting)[2]] if fitting else None

    def _read(self, path: Path) -> Mapped:
        bindings = read_bindings(path, self._device)
        return Mapped(self._device(bindings.device), bindings)

    def _device(self, name: str) -> Device:
        if name not in self._devices:
            files = self._files(_DEVICES)
            if name not in files:
                raise PresetError(f"no device {shown(name)}: {suggestion(name, files)}")
            self._devices[name] = self._first_whole(files[name], read_device)
        return self._devices[name]

    def _first_whole(self, paths: Sequence[Path], read: Callable[[Path], Content]) -> Content:
        """What the first file says that has nothing wrong; where all have, `PresetError` says what the first has."""
        wrong: list[PresetError] = []
        for path in paths:
            try:
                content = read(path)
            except PresetError as error:
                wrong.append(error)
            else:
                self.problems += [f"{error}; {path} is used instead" for error in wrong]
                return content
        raise wrong[0]

    def _files(self, kind: str) -> dict[str, list[Path]]:
        """By name, in the order of the folders."""
        found: defaultdict[str, list[Path]] = defaultdict(list)
        for folder in self._folders:
            for path in sorted((folder / kind).glob("[!.]*.toml"))[:MAX_LISTED]:
                found[path.stem].append(path)
        return dict(found)


def find_controllers() -> ControllerLibrary:
    """The user's controllers and the shipped ones."""
    return ControllerLibrary((*own_folders(), shipped_folder()))
