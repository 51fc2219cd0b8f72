import threading

import numpy as np

from plugin_host.engine.outputs.contract import Block
from plugin_host.engine.outputs.passage import Passage


def block() -> Block:
    return np.full((2, 8), np.nan, dtype=np.float32)


def test_a_closed_passage_gives_silence_and_counts_on() -> None:
    passage = Passage(lambda taken: taken.fill(1.0))
    taken = block()
    passage(taken)
    assert (taken == 1.0).all()
    passage.close()
    passage(taken)
    assert not taken.any()
    passage.open()
    passage(taken)
    assert (taken == 1.0).all()
    assert passage.passed == 3


def test_closing_waits_for_whoever_is_inside(wait_until) -> None:
    entered, may_leave, closed = threading.Event(), threading.Event(), threading.Event()

    def slow(_: Block) -> None:
        entered.set()
        assert may_leave.wait(20)

    passage = Passage(slow)
    device = threading.Thread(target=passage, args=(block(),))
    device.start()
    assert entered.wait(20)
    watcher = threading.Thread(target=lambda: (passage.close(), closed.set()))
    watcher.start()
    assert not closed.wait(0.1)
    may_leave.set()
    watcher.join()
    device.join()
    assert closed.is_set()
    assert passage.passed == 1
