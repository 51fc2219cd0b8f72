"""A scene that this machine cannot build is refused whole, at once or as a morph, in the same words."""

from collections.abc import Callable
from pathlib import Path

import pytest

from plugin_host.desk.desk import Desk
from plugin_host.desk.events import DeskEvent, DeskWarning
from plugin_host.live.host import EngineHost
from plugin_host.mix.scenes import MasterScene, Scene, TrackScene
from plugin_host.mix.state import Effect, plain_mix
from plugin_host.mix.transport import Play, Transport
from plugin_host.stems.open_session import HostSession

Launch = Callable[..., EngineHost]
Until = Callable[[Callable[[], object]], None]

LOOP = Transport(loop=(0, 16_000))
GONE = "plugin {} is not there: install it, or pass it by with --allow-missing"


def scene_with(plugin: Path) -> Scene:
    """It also changes faders, a switch, and chains that could be built."""
    tracks = {
        "vocals": TrackScene(chain=(Effect("vst3", plugin_path=str(plugin)),)),
        "other": TrackScene(chain=(Effect("gain", {"gain_db": -20.0}),), gain_db=-20.0),
        "bass": TrackScene(invert=True),
    }
    return Scene("elsewhere", "…", tracks=tracks, master=MasterScene(gain_db=-20.0, limiter=False))


@pytest.mark.parametrize("seconds", [0.0, 0.3])
def test_a_scene_with_a_plugin_that_is_not_there_changes_nothing(
    session: HostSession, launch: Launch, until: Until, tmp_path: Path, seconds: float
) -> None:
    mix, plugin = plain_mix(session.stems), tmp_path / "Gone.vst3"
    desk = Desk(launch(session, transport=LOOP), mix, frames=session.frames, rate=session.rate, transport=LOOP)
    desk.start()
    told: list[DeskEvent] = []
    try:
        with desk.subscribe() as heard:
            desk.do(Play())
            desk.recall(scene_with(plugin), seconds)
            until(lambda: told.extend(heard.drain()) or any(isinstance(event, DeskWarning) for event in told))
            frame = desk.status().engine_frame
            until(lambda: desk.status().engine_frame > frame + session.rate)
            told += heard.drain()
        warnings = [event.text for event in told if isinstance(event, DeskWarning)]
        assert len(warnings) == 1
        assert warnings[0].endswith(GONE.format(plugin))
        assert desk.mix == mix
        assert desk.status().tracks["other"].peak > (0.05, 0.05)
    finally:
        desk.close()
