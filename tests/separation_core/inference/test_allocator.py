import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
from separation_core.inference.allocator import keep_freed_memory

if sys.argv[1] == "advised":
    assert keep_freed_memory() and keep_freed_memory()

def use() -> int:
    blocks = [bytearray(b"x") * 36_000_000 for _ in range(3)]
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

# It takes a few rounds until there is room for all blocks at once.
counts = [use() for _ in range(8)]
print(counts[-1] - counts[-2])
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the advice is for glibc")
def test_freed_memory_is_used_again_without_page_faults() -> None:
    faults = {
        mode: int(subprocess.run([sys.executable, "-c", PROGRAM, mode], check=True, capture_output=True).stdout)
        for mode in ("plain", "advised")
    }
    assert faults["advised"] < faults["plain"] / 10


def test_elsewhere_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    from separation_core.inference import allocator

    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    assert allocator.keep_freed_memory.__wrapped__() is False
