"""SMPTE time code: labels, frame numbers and seconds (SMPTE 12M; MIDI Time Code, 1987)."""

import re
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction

from plugin_host.errors import ControlError

_LABEL = re.compile(r"(\d{1,2}):(\d{2}):(\d{2})(?:[:;.](\d{2}))?")
_DROPPED = 2
"""Labels left out of a minute of drop-frame code, but every tenth."""


class TimecodeRate(Enum):
    """Frames a second, by the number that stands for them in MTC."""

    FILM = 0
    PAL = 1
    DROP = 2
    FULL = 3

    @property
    def title(self) -> str:
        """As a user gives it: 24, 25, 29.97 (drop frame) or 30."""
        return ("24", "25", "29.97", "30")[self.value]

    @property
    def counted(self) -> int:
        """Frame labels in a second."""
        return (24, 25, 30, 30)[self.value]

    @property
    def frames_a_second(self) -> Fraction:
        """True frames in a second: 30000/1001 where labels are dropped."""
        return Fraction(30_000, 1001) if self is TimecodeRate.DROP else Fraction(self.counted)


def rate_named(title: str) -> TimecodeRate:
    """24, 25, 29.97 or 30; `ControlError` for others."""
    for rate in TimecodeRate:
        if rate.title == title:
            return rate
    raise ControlError(f"time code of {title!r} frames a second: give {', '.join(rate.title for rate in TimecodeRate)}")


@dataclass(frozen=True, slots=True)
class Timecode:
    """A frame's label. hours 0 … 23."""

    hours: int
    minutes: int
    seconds: int
    frames: int
    rate: TimecodeRate

    @property
    def is_label(self) -> bool:
        """Whether a clock could show it; dropped labels count as such, for they are often sent."""
        return self.hours < 24 and self.minutes < 60 and self.seconds < 60 and self.frames < self.rate.counted

    @property
    def number(self) -> int:
        """Frames since 00:00:00:00."""
        minutes = 60 * self.hours + self.minutes
        counted = (60 * minutes + self.seconds) * self.rate.counted + self.frames
        dropped = _DROPPED * (minutes - minutes // 10) if self.rate is TimecodeRate.DROP else 0
        return counted - dropped

    @property
    def place(self) -> float:
        """Seconds since 00:00:00:00."""
        return float(self.number / self.rate.frames_a_second)


def timecode_of(number: int, rate: TimecodeRate) -> Timecode:
    """The label of a frame number (0 or more); it begins anew after a day."""
    if rate is TimecodeRate.DROP:
        tens, rest = divmod(number, 17_982)
        number += 18 * tens + _DROPPED * max((rest - _DROPPED) // 1798, 0)
    whole, frames = divmod(number, rate.counted)
    minutes, seconds = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return Timecode(hours % 24, minutes, seconds, frames, rate)


def seconds_of_label(text: str, rate: TimecodeRate) -> float:
    """Seconds of HH:MM:SS or HH:MM:SS:FF; `ControlError` where it is none."""
    found = _LABEL.fullmatch(text.strip())
    hours, minutes, seconds, frames = (int(part or 0) for part in found.groups()) if found else (24, 0, 0, 0)
    label = Timecode(hours, minutes, seconds, frames, rate)
    if not label.is_label:
        raise ControlError(f"time code {text!r}: give HH:MM:SS:FF, at {rate.title} frames a second")
    return label.place
