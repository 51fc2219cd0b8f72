"""What lets a command through at once, although the same process draws, talks to surfaces and keeps files."""

import contextlib
import gc
import os
import sys

SWITCH_SECONDS = 0.0005
"""How soon a thread that was rung up gets the interpreter from one that computes (the picture, say)."""
_NICENESS = -10


def be_prompt() -> None:
    """Have this process answer soon, before other programs where the system lets us; before it starts threads."""
    sys.setswitchinterval(SWITCH_SECONDS)
    with contextlib.suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, 0, min(_NICENESS, os.getpriority(os.PRIO_PROCESS, 0)))


def set_aside_what_is_loaded() -> None:
    """Spare later garbage collections all that was loaded until now: a full one takes longer than two buffers."""
    gc.collect()
    gc.freeze()
