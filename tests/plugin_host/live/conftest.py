"""A real engine in its own process, over a small session, at the pace of a clock."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, Protocol

import pytest

from plugin_host.live.host import EngineHost
from plugin_host.live.messages import Begin, LiveSettings
from plugin_host.live.port import EngineEvent
from plugin_host.mix.state import Mix, plain_mix
from plugin_host.mix.transport import Transport
from plugin_host.stems.open_session import HostSession

PATIENCE = 30.0


class Launch(Protocol):
    """Starts an engine; it ends with the test."""

    def __call__(
        self, session: HostSession, mix: Mix | None = None, transport: Transport | None = None, **settings: Any
    ) -> EngineHost: ...


@pytest.fixture
def launch() -> Iterator[Launch]:
    with ExitStack() as stack:

        def start(
            session: HostSession, mix: Mix | None = None, transport: Transport | None = None, **settings: Any
        ) -> EngineHost:
            begin = Begin(mix or plain_mix(session.stems), transport or Transport())
            chosen = LiveSettings(session.folder, **{"buffer": 128, "ahead": 4} | settings)
            return stack.enter_context(EngineHost(chosen, begin, session.frames))

        yield start


@pytest.fixture
def heard_until() -> Callable[[EngineHost, Callable[[EngineEvent], bool]], list[EngineEvent]]:
    """All events up to the first that is wanted."""

    def listen(engine: EngineHost, wanted: Callable[[EngineEvent], bool]) -> list[EngineEvent]:
        heard: list[EngineEvent] = []
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            for event in engine.events():
                heard.append(event)
                if wanted(event):
                    return heard
            time.sleep(0.005)
        raise AssertionError(f"not heard in {PATIENCE} s; heard were {heard[-5:]}")

    return listen


@pytest.fixture
def until() -> Callable[[Callable[[], object]], None]:
    """Wait for something to come true."""

    def wait(holds: Callable[[], object]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not holds():
            assert time.monotonic() < deadline, "it did not come true"
            time.sleep(0.005)

    return wait
