"""A desk over the silent engine, with a clock that a test turns."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from plugin_host.desk.desk import Desk
from plugin_host.desk.events import DeskEvent, Subscription
from plugin_host.desk.silent_engine import SilentEngine
from plugin_host.mix.state import Effect, Mix, Track, plain_mix

RATE = 48_000
FRAMES = 10 * RATE


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Rig:
    """Desk, engine, and what the desk told."""

    desk: Desk
    engine: SilentEngine
    clock: Clock
    heard: Subscription
    told: list[DeskEvent] = field(default_factory=list)

    def run(self, seconds: float = 0.0, step: float = 0.02) -> None:
        """Let time pass, the desk ticking."""
        for _ in range(round(seconds / step)):
            self.clock.now += step
            self.desk.tick()
        self.desk.tick()
        self.told += self.heard.drain()

    def all_told(self, kind: type) -> list[DeskEvent]:
        return [event for event in self.told if isinstance(event, kind)]


@pytest.fixture
def mix() -> Mix:
    chain = (Effect("compressor", {"threshold_db": -18.0, "attack_ms": 10.0}), Effect("delay", {"delay_seconds": 0.25}))
    return Mix((Track("vocals", "vocals", chain), Track("drums", "drums"), Track("bass", "bass")))


@pytest.fixture
def rig_of(tmp_path: Path) -> Callable[[Mix], Rig]:
    def make(mix: Mix) -> Rig:
        clock = Clock()
        engine = SilentEngine(mix, frames=FRAMES, rate=RATE, clock=clock)
        desk = Desk(engine, mix, frames=FRAMES, rate=RATE, takes_folder=tmp_path / "takes", clock=clock)
        return Rig(desk, engine, clock, desk.subscribe())

    return make


@pytest.fixture
def rig(rig_of: Callable[[Mix], Rig], mix: Mix) -> Rig:
    return rig_of(mix)


@pytest.fixture
def plain_rig(rig_of: Callable[[Mix], Rig]) -> Rig:
    return rig_of(plain_mix(("vocals", "drums")))
