"""The engine in its own process, playing."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plugin_host.desk.desk import Desk
from plugin_host.desk.promptness import be_prompt, set_aside_what_is_loaded
from plugin_host.live.host import EngineHost
from plugin_host.live.messages import Begin, LiveSettings
from plugin_host.live.port import EngineStatus
from plugin_host.mix.state import Mix
from plugin_host.mix.transport import Play, SetLoop, Transport
from plugin_host.stems.open_session import HostSession

WARM_UP_SECONDS = 2.0
"""What happens while a client joins the server and its memory is first touched is not counted."""


@dataclass(frozen=True)
class Rig:
    """A running engine under its desk."""

    engine: EngineHost
    desk: Desk

    def play_looped(self, frames: int) -> EngineStatus:
        """Play the song over and over; how things are once it has settled."""
        self.desk.do(SetLoop(0, frames))
        self.desk.do(Play())
        time.sleep(WARM_UP_SECONDS)
        return self.engine.status()


@contextmanager
def rig(session: HostSession, mix: Mix, *, takes_folder: Path | None = None, **settings: Any) -> Iterator[Rig]:
    """Engine and desk as `stemrack play` has them, ended in reverse. settings: of `LiveSettings`."""
    be_prompt()
    with EngineHost(LiveSettings(session.folder, **settings), Begin(mix, Transport()), session.frames) as engine:
        desk = Desk(engine, mix, frames=session.frames, rate=session.rate, takes_folder=takes_folder)
        desk.start()
        set_aside_what_is_loaded()
        try:
            yield Rig(engine, desk)
        finally:
            desk.close()
