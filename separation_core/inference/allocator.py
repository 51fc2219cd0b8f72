"""Advice to the C library's allocator for a process that runs networks.

A network allocates and frees the same large blocks over and over. glibc takes such blocks from the system and gives
them back each time, and the system clears every page anew: for SCNet a quarter of the time, for HTDemucs a
fourteenth. What is kept is used again by the next call, so a process grows to what one call needs and stays there; to
trim the heap after every call would undo it.
"""

import ctypes
import platform
from functools import lru_cache

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4
_KEPT = 1 << 30
_GROWTH = 1 << 26


@lru_cache(maxsize=1)
def keep_freed_memory() -> bool:
    """Have freed memory, up to 1 GiB, kept by this process for its next use; whether that is possible here.

    Where the C library is another than glibc, nothing is done. Calling it again does nothing.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    advise = ctypes.CDLL(None).mallopt
    return all(advise(what, value) for what, value in ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, _KEPT), (_TOP_PAD, _GROWTH)))
