"""What a master says about the song, whatever language it says it in."""

from dataclasses import dataclass
from typing import Protocol

from mido import Message


@dataclass(frozen=True, slots=True)
class MasterPlace:
    """Where a master is at one moment.

    heard: whether it spoke lately. running: whether it plays. beats: quarter notes since the song's start, or seconds:
    of its time code; None for what it does not say or is not known yet. tempo: quarter notes a minute. speed: seconds
    of its time code in one second, below 0 where it runs backwards. settled: whether tempo and speed can be relied
    upon: they were measured over a beat, or a quarter of a second of time code.
    """

    heard: bool = False
    running: bool = False
    beats: float | None = None
    seconds: float | None = None
    tempo: float | None = None
    speed: float = 1.0
    settled: bool = False


class MasterClock(Protocol):
    """A decoder of messages that come with the times at which they arrived, in seconds of any clock that only rises.

    Nothing here reads a clock, and no message makes it raise; what is not for it is passed over.
    """

    def hear(self, message: Message, seconds: float) -> None:
        """Take in a message."""

    def place_at(self, now: float) -> MasterPlace:
        """Where the master is by now, on the same clock; a stream that ceased counts as stopped."""
