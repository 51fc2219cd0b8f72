"""The table over a desk whose engine makes no sound."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from plugin_host.control.parameters.binding import Binding
from plugin_host.control.parameters.declaration import Value
from plugin_host.control.parameters.feedback import Change, Feedback
from plugin_host.control.parameters.table import ParameterTable
from plugin_host.desk.desk import Desk
from plugin_host.desk.silent_engine import SilentEngine
from plugin_host.effects.catalogue import check_effect
from plugin_host.mix.presets import PresetLibrary, shipped_folder
from plugin_host.mix.state import Effect, Group, Mix, Track

RATE = 48_000
FRAMES = 100 * RATE


@dataclass
class Surface:
    """A table, its desk, and one listener."""

    table: ParameterTable
    desk: Desk
    feedback: Feedback

    def at(self, address: str) -> Binding:
        (binding,) = self.table.resolve(address)
        return binding

    def read(self, address: str) -> Value:
        return self.at(address).read()

    def write(self, address: str, value: Value | None = None, origin: str = "") -> Value | None:
        return self.at(address).write(value, origin)

    def told(self) -> dict[str, Value]:
        return {change.address: change.value for change in self.changes()}

    def changes(self) -> list[Change]:
        return self.feedback.drain()


@pytest.fixture
def mix() -> Mix:
    deep = Effect("parallel", branches=((), (Effect("chorus"), Effect("ladder_filter"))))
    chain = (Effect("compressor", {"threshold_db": -18.0}), deep)
    names = ("lead vocals", "drums", "bass", "a/b", *(f"synth {number}" for number in range(1, 8)))
    tracks = tuple(Track(name, "vocals", chain if name == "lead vocals" else ()) for name in names)
    return Mix(tracks, groups=(Group("band"),))


@pytest.fixture
def surface_of(tmp_path: Path) -> Callable[[Mix], Surface]:
    def make(mix: Mix) -> Surface:
        engine = SilentEngine(mix, frames=FRAMES, rate=RATE, clock=lambda: 0.0)
        desk = Desk(engine, mix, frames=FRAMES, rate=RATE, takes_folder=tmp_path / "takes", clock=lambda: 0.0)
        library = PresetLibrary((tmp_path / "presets",), shipped_folder(), check_effect)
        table = ParameterTable(
            desk,
            library,
            frames=FRAMES,
            rate=RATE,
            takes_folder=tmp_path / "takes",
            captures_folder=tmp_path / "captures",
            mix_file=tmp_path / "mix.toml",
        )
        return Surface(table, desk, Feedback(table))

    return make


@pytest.fixture
def surface(surface_of: Callable[[Mix], Surface], mix: Mix) -> Surface:
    return surface_of(mix)
