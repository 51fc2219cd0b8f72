import platform
import subprocess
import sys

import pytest

PROGRAM = """
from separation_core.inference import heap

watched = heap.Heap()
watched.tidy()  # what is usual
blocks = [bytearray(b"x") * 60_000 for _ in range(6000)]
# Every hundredth stays, so that nothing lies free at the heap's end.
kept = blocks[::100]
del blocks
before = heap._resident()
watched.tidy()
print(before - heap._resident())
watched.tidy()
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the heap is glibc's")
def test_freed_memory_that_piled_up_goes_back_to_the_system() -> None:
    found = subprocess.run([sys.executable, "-c", PROGRAM], check=True, capture_output=True)
    assert int(found.stdout) > 200e6


def test_elsewhere_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    from separation_core.inference import heap

    monkeypatch.setattr(heap, "_tidies", lambda: False)
    monkeypatch.setattr(heap, "_resident", lambda: pytest.fail("looked"))
    heap.Heap().tidy()
