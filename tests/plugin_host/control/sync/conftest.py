"""A desk that plays nothing, by a clock that a test turns, and wires on which a test is the master."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from mido import Message

from plugin_host.control.midi.ports import Arrival
from plugin_host.control.parameters.table import ParameterTable
from plugin_host.control.sync.follower import FollowSettings, SyncFollower
from plugin_host.control.sync.sender import SendSettings, SyncOutput, SyncSender
from plugin_host.desk.desk import Desk
from plugin_host.desk.events import DeskWarning
from plugin_host.desk.silent_engine import SilentEngine
from plugin_host.effects.catalogue import check_effect
from plugin_host.errors import ControlError
from plugin_host.mix.presets import PresetLibrary, shipped_folder
from plugin_host.mix.state import plain_mix

RATE = 48_000
SECONDS = 60
Say = Callable[[float], Sequence[tuple[float, Message]]]


class Wire:
    """One direction of a MIDI cable inside the process."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.refused = 0
        self.sent: list[Arrival] = []
        self._clock = clock
        self._waiting: list[Arrival] = []

    def send(self, message: Message, seconds: float | None = None) -> None:
        arrival = Arrival(message, self._clock() if seconds is None else seconds)
        self.sent.append(arrival)
        self._waiting.append(arrival)

    def receive(self) -> list[Arrival]:
        waiting, self._waiting = self._waiting, []
        return waiting

    def close(self) -> None:
        return


@dataclass
class Wires:
    """A MIDI system whose ports are wires; every port is reached by its name."""

    clock: Callable[[], float]
    names: list[str] = field(default_factory=lambda: ["daw:clock"])
    wires: dict[str, Wire] = field(default_factory=dict)
    stands: bool = True
    title: str = "wires"

    def poll(self) -> bool:
        return self.stands

    def inputs(self) -> Sequence[str]:
        return self.names

    def outputs(self) -> Sequence[str]:
        return self.names

    def open_input(self, name: str, *, virtual: bool = False) -> Wire:
        return self._wire(name, virtual)

    def open_output(self, name: str, *, virtual: bool = False) -> Wire:
        return self._wire(name, virtual)

    def close(self) -> None:
        return

    def _wire(self, name: str, virtual: bool) -> Wire:
        if not virtual and name not in self.names:
            raise ControlError(f"no MIDI port {name!r}")
        return self.wires.setdefault(name, Wire(self.clock))


class Stage:
    """Desk, follower, sender and master on one clock; `run` lets time pass."""

    def __init__(self, folder: Path) -> None:
        self.now = 100.0
        mix = plain_mix(("vocals", "drums"))
        frames = SECONDS * RATE
        self.engine = SilentEngine(mix, frames=frames, rate=RATE, clock=lambda: self.now)
        self.desk = Desk(
            self.engine, mix, frames=frames, rate=RATE, takes_folder=folder / "takes", clock=lambda: self.now
        )
        library = PresetLibrary((folder,), shipped_folder(), check_effect)
        self.table = ParameterTable(self.desk, library, frames=frames, rate=RATE)
        self.panel = self.table.host.panel
        self.told = self.desk.subscribe()
        self.midi = Wires(lambda: self.now)
        self.follower: SyncFollower | None = None
        self.sender: SyncSender | None = None

    def follow(self, source: str, settings: FollowSettings | None = None) -> None:
        settings = settings or FollowSettings(part="daw")
        self.follower = SyncFollower(self.table.host, lambda: self.midi, settings, clock=lambda: self.now)
        self.panel.change("test", sync_source=source)
        self.follower.step()
        self.follower.step()

    def lead(self, settings: SendSettings) -> Wire:
        output = SyncOutput(self.midi, settings.part, self.desk.warn)
        self.sender = SyncSender(self.desk, RATE, output, settings, clock=lambda: self.now)
        self.sender.step()
        return self.midi.wires["sync out"]

    @property
    def wire(self) -> Wire:
        return self.midi.wires["daw:clock"]

    @property
    def place(self) -> float:
        return self.desk.status().song_frame / RATE

    def warnings(self) -> list[str]:
        return [event.text for event in self.told.drain() if isinstance(event, DeskWarning)]

    def run(self, seconds: float, say: Say = lambda now: (), step: float = 0.002) -> None:
        """say: (when, message) of all that the master says from the last call on, up to now."""
        for _ in range(round(seconds / step)):
            self.now += step
            for when, message in say(self.now):
                self.wire.send(message, when)
            if self.follower:
                self.follower.step()
            if self.sender:
                self.sender.step()
            self.desk.tick()


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)
