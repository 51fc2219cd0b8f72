"""A desk over the silent engine."""

from dataclasses import dataclass

import pytest

from plugin_host.desk.desk import Desk
from plugin_host.desk.events import Subscription
from plugin_host.desk.silent_engine import SilentEngine
from plugin_host.mix.state import Mix, Track


@dataclass
class Listening:
    desk: Desk
    heard: Subscription


@pytest.fixture
def listening() -> Listening:
    mix = Mix(tuple(Track(name, "stem") for name in ("vocals", "a/b gain", "Bäss")))
    desk = Desk(SilentEngine(mix, frames=480_000, rate=48_000, clock=lambda: 0.0), mix, frames=480_000, rate=48_000)
    return Listening(desk, desk.subscribe())
