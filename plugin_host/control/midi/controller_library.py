"""Finding controllers: the user's own device and binding files first, then the shipped ones.

They lie in `controllers/devices` and `controllers/bindings` of the presets folders (see `mix.presets`).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

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


@dataclass(frozen=True, slots=True)
class Mapped:
    """A device and what its controls do."""

    device: Device
    bindings: AssignmentSet


BARE = Mapped(Device("learned", "a port with learned controls"), AssignmentSet("learned", "", "learned", 0, ()))
"""For a port that no device file knows, but whose controls were learned."""


class ControllerLibrary:
    """The device and binding files of some presets folders, the first folder winning.

    `problems` tells of files that could not be used; they are passed over.
    """

    def __init__(self, folders: Iterable[Path]) -> None:
        self._folders = [folder / FOLDER for folder in folders]
        self.problems: list[str] = []
        self._mapped: dict[str, Mapped] = {}
        for name, path in self._files(_BINDINGS).items():
            try:
                self._mapped[name] = self._read(path)
            except PresetError as error:
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
        """The binding file of that name with its device; `PresetError` names the nearest name."""
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
        files = self._files(_DEVICES)
        if name not in files:
            raise PresetError(f"no device {shown(name)}: {suggestion(name, files)}")
        return read_device(files[name])

    def _files(self, kind: str) -> dict[str, Path]:
        found: dict[str, Path] = {}
        for folder in self._folders:
            for path in sorted((folder / kind).glob("[!.]*.toml"))[:MAX_LISTED]:
                found.setdefault(path.stem, path)
        return found


def find_controllers() -> ControllerLibrary:
    """The user's controllers and the shipped ones."""
    return ControllerLibrary((*own_folders(), shipped_folder()))
