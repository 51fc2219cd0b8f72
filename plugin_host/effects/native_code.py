"""What plugins do to the process that loads them, undone: words on its error output, and its floating-point mode."""

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_FLOAT_ENVIRONMENT_BYTES = 256
"""More than any platform's `fenv_t` takes (28 on x86 Linux, 16 on ARM)."""


@contextmanager
def contained() -> Iterator[None]:
    """Run native plugin code with the error output silent, and the float mode as it was afterwards.

    Many plugins are built with fast-math, and loading one switches the loading thread to flush subnormal numbers to
    zero: from then on the same mix would not give the same bits. The error output is file descriptor 2 of the whole
    process, so what other threads say there meanwhile is lost, too.
    """
    sys.stderr.flush()
    kept_output = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    kept_mode = _float_mode()
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        _set_float_mode(kept_mode)
        os.dup2(kept_output, 2)
        os.close(nowhere)
        os.close(kept_output)


def _float_mode() -> ctypes.Array[ctypes.c_char] | None:
    if os.name != "posix":
        return None
    mode = ctypes.create_string_buffer(_FLOAT_ENVIRONMENT_BYTES)
    ctypes.CDLL(None).fegetenv(mode)
    return mode


def _set_float_mode(mode: ctypes.Array[ctypes.c_char] | None) -> None:
    if mode is not None:
        ctypes.CDLL(None).fesetenv(mode)
