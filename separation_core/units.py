"""Units as types, so that a frame count is never handed over as seconds."""

from typing import NewType

Frames = NewType("Frames", int)
"""Samples per channel, counted from the start of the song."""
Hertz = NewType("Hertz", int)
"""Sample rate in frames per second."""
Seconds = NewType("Seconds", float)
Decibels = NewType("Decibels", float)
"""20·log10 of an amplitude ratio; full scale is 0 dB; silence is -inf."""
