import threading

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from plugin_host.engine.outputs.frame_ring import FrameRing

SIZES = st.integers(min_value=0, max_value=40)


def ramp(first: int, count: int) -> np.ndarray:
    return (np.arange(first, first + count) + 100_000 * np.arange(2)[:, None]).astype(np.float32)


@given(capacity=st.integers(1, 32), steps=st.lists(st.tuples(st.booleans(), SIZES), max_size=60))
def test_frames_come_out_once_in_order_and_never_more_than_fit(capacity: int, steps: list[tuple[bool, int]]) -> None:
    ring, written, read = FrameRing(2, capacity), 0, 0
    for writes, count in steps:
        waiting = written - read
        assert (ring.readable, ring.writable) == (waiting, capacity - waiting)
        if writes:
            accepted = ring.write(ramp(written, count))
            assert accepted == min(count, capacity - waiting)
            written += accepted
        else:
            out = np.full((2, count), np.nan, dtype=np.float32)
            got = ring.read_into(out)
            assert got == min(count, waiting)
            np.testing.assert_array_equal(out[:, :got], ramp(read, got))
            assert not out[:, got:].any()
            read += got


def test_two_threads_pass_every_frame_unharmed() -> None:
    ring, total = FrameRing(2, 1000), 50_000
    got: list[np.ndarray] = []

    def reader() -> None:
        frames = 0
        while frames < total:
            block = np.zeros((2, 64), dtype=np.float32)
            count = ring.read_into(block)
            got.append(block[:, :count])
            frames += count

    thread = threading.Thread(target=reader)
    thread.start()
    sent = 0
    while sent < total:
        sent += ring.write(ramp(sent, min(150, total - sent)))
    thread.join()
    np.testing.assert_array_equal(np.concatenate(got, axis=1), ramp(0, total))
