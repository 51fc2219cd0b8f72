"""What the C library keeps of freed memory, and giving it back.

torch asks for aligned memory. glibc before 2.38 does not find the aligned block that was just freed when the same is
asked for again, and takes more from the system each time: an hour's song would end at gigabytes of freed memory. So
long runs tidy up between their steps.
"""

import ctypes
import os
import platform
from functools import lru_cache
from pathlib import Path

_ALLOWED = 16 << 20
"""Bytes of freed memory that may pile up: getting all pages anew at every step would cost a tenth of the time."""
_STATM = Path("/proc/self/statm")


class Heap:
    """Watches this process's memory between equal steps; where the C library is not glibc, does nothing."""

    def __init__(self) -> None:
        self._usual: int | None = None

    def tidy(self) -> None:
        """Give freed memory back to the system if more has piled up than after the first step; cheap."""
        if not _tidies():
            return
        resident = _resident()
        if self._usual is None:
            self._usual = resident
        elif resident - self._usual > _ALLOWED:
            ctypes.CDLL(None).malloc_trim(0)


@lru_cache(maxsize=1)
def _tidies() -> bool:
    return platform.libc_ver()[0] == "glibc" and _STATM.exists()


def _resident() -> int:
    """Bytes of memory that this process holds and shares with no other."""
    _, resident, shared, *_ = _STATM.read_text().split()
    return (int(resident) - int(shared)) * os.sysconf("SC_PAGE_SIZE")
