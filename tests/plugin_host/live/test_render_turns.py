"""What the render thread carries out when."""

import time

import pytest

from plugin_host.engine.changes import light_change, plan_change
from plugin_host.live.messages import Begin, LiveSettings
from plugin_host.live.render_loop import Posted
from plugin_host.live.shared import SharedState
from plugin_host.live.signal_path import open_path
from plugin_host.mix import commands as c
from plugin_host.mix.apply import apply
from plugin_host.mix.state import Effect, plain_mix
from plugin_host.mix.transport import Transport
from plugin_host.stems.open_session import HostSession

PATIENCE = 30.0


@pytest.mark.parametrize("buffer", [128, 1024])
def test_chains_are_exchanged_at_a_frame_of_their_own(session: HostSession, buffer: int) -> None:
    """What begins at one frame is one change in a bounce: with other moves at it, it would sound another way there.

    A turn is as long as the device's buffer, also where that was longer when the engine was built.
    """
    mix, shared = plain_mix(session.stems), SharedState()
    moved = apply(mix, c.SetGain("vocals", -3.0))
    louder = apply(moved, c.SetGain("vocals", 3.0))
    rebuilt = apply(louder, c.AddEffect("vocals", Effect("reverb")))
    soft = apply(rebuilt, c.SetEffectParam("vocals", 0, "room_size", 0.2))
    try:
        with open_path(LiveSettings(session.folder, buffer=buffer), Begin(mix, Transport()), shared) as path:
            built = path.builder.build(plan_change(louder, rebuilt), rebuilt)
            changes = (light_change(mix, moved), light_change(moved, louder), built, light_change(rebuilt, soft))
            for number, change in enumerate(changes):
                path.post(Posted(change, (number,)))
            path.loop.buffer = 128
            path.start()
            until = time.monotonic() + PATIENCE
            while len(path.loop.applied) < len(changes) and time.monotonic() < until:
                time.sleep(0.005)
            done = list(path.loop.applied)
    finally:
        shared.close()
    frames = [applied.engine_frame for applied in done]
    assert [applied.numbers for applied in done] == [(0,), (1,), (2,), (3,)]
    assert frames == [0, 0, 128, 256]
