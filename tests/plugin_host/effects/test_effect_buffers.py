import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from plugin_host.effects.frame_buffers import DelayLine, FrameQueue

sizes = st.lists(st.integers(0, 50), max_size=30)


def counting(frames: int) -> np.ndarray:
    return np.stack([np.arange(1, frames + 1), -np.arange(1, frames + 1)]).astype(np.float32)


@given(st.integers(0, 40), sizes)
def test_a_delay_line_gives_the_input_back_later(delay: int, blocks: list[int]) -> None:
    line, signal = DelayLine(delay), counting(sum(blocks))
    out = np.concatenate([np.zeros((2, 0), np.float32), *map(line.process, np.split(signal, np.cumsum(blocks), 1))], 1)
    late = np.concatenate([np.zeros((2, delay), np.float32), signal], axis=1)
    np.testing.assert_array_equal(out, late[:, : signal.shape[1]])


@given(st.integers(0, 20), st.lists(st.tuples(st.booleans(), st.integers(0, 60)), max_size=60))
def test_a_queue_gives_frames_in_the_order_they_came(silent: int, moves: list[tuple[bool, int]]) -> None:
    queue, model, signal = FrameQueue(silent), [0.0] * silent, counting(4000)
    pushed = 0
    for push, count in moves:
        if push:
            queue.push(signal[:, pushed : pushed + count])
            model += signal[0, pushed : pushed + count].tolist()
            pushed += count
        else:
            count = min(count, len(model))
            assert queue.pop(count)[0].tolist() == model[:count]
            model = model[count:]
        assert len(queue) == len(model)
