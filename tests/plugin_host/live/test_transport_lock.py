"""What the lock lets through: at JACK's frame F the song's sample F or silence, whatever came too late before."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from plugin_host.engine.feed_player import FeedBlock
from plugin_host.engine.outputs.frame_ring import FrameRing
from plugin_host.live.transport_lock import RingView, TransportLock

PERIOD, LATENCY, AHEAD = 16, 5, 64
NOBODY: list[np.ndarray] = []


class Path:
    """A render thread by hand: silence while the song stands, else each song frame's number, late by the latency."""

    def __init__(self) -> None:
        self.ring, self.lock = FrameRing(1, 4096), TransportLock()
        self.lock.attach(RingView(self.ring, 1.0, lambda: LATENCY, lambda: AHEAD), 100_000)
        self._late = np.zeros((1, LATENCY), np.float32)
        self._frame = 0

    def render(self, song: int | None, starved: int = 0) -> None:
        playing = song is not None
        made = np.zeros((1, PERIOD), np.float32)
        self.lock.note(self._frame, FeedBlock(NOBODY, made, float(song or 0), playing, starved, False))
        if song is not None:
            made[0, : PERIOD - starved] = song + np.arange(PERIOD - starved)
        line = np.concatenate([self._late, made], axis=1)
        self.ring.write(line[:, :PERIOD])
        self._late = line[:, PERIOD:]
        self._frame += PERIOD


@given(
    start=st.integers(1, 90_000),
    periods=st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, PERIOD - 1)), max_size=40),
)
def test_what_rolls_is_in_step_or_silent(start: int, periods: list[tuple[bool, bool, int]]) -> None:
    path, out = Path(), np.empty((1, PERIOD), np.float32)
    lock = path.lock
    path.render(None)
    lock.aim = start
    song, frame, rolls = start, start, False
    for renders, called, starved in periods:
        if renders:
            path.render(song, starved)
            song += PERIOD - starved
        rolls = rolls or lock.is_ready(start)
        if called:
            lock.cycle("yes" if rolls else "starting", frame)
            lock.read_into(out)
            expected = frame + np.arange(PERIOD)
            assert ((out[0] == expected) | (out[0] == 0.0)).all()
            assert rolls or not out.any()
        frame += PERIOD * rolls  # JACK goes on, also where it could not call us


def test_a_run_that_was_never_heard_is_thrown_away_when_the_transport_stops() -> None:
    path, out = Path(), np.empty((1, PERIOD), np.float32)
    path.lock.aim = 0
    for song in range(0, 3 * PERIOD, PERIOD):
        path.render(song)
    path.lock.cycle("no", 0)
    assert path.lock.read_into(out) == PERIOD
    assert not out.any()
    assert path.ring.readable == 0


def test_a_clock_that_stands_in_for_the_server_takes_all_there_is() -> None:
    path, out = Path(), np.empty((1, PERIOD), np.float32)
    path.render(1)
    path.lock.read_into(out)
    np.testing.assert_array_equal(out[0, LATENCY:], 1 + np.arange(PERIOD - LATENCY))
