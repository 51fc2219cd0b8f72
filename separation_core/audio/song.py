"""What a song file is before it is decoded, and what every reader of one promises."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from separation_core.errors import SongUnreadable, UnsupportedAudio
from separation_core.units import Hertz

LOWEST_RATE = Hertz(8_000)
HIGHEST_RATE = Hertz(192_000)
DEFAULT_BLOCK = 65_536
"""Frames per block where the caller names none: 1.5 s at 44.1 kHz, half a megabyte in stereo."""

_TAGS = ("title", "artist", "album", "album_artist", "composer", "date", "genre", "comment", "copyright", "license")
_TAG_NAMES = {name: name for name in _TAGS} | {"track": "tracknumber", "tracknumber": "tracknumber"}
_LONGEST_TAG = 1_000


@dataclass(frozen=True)
class SongInfo:
    """The facts about a song file that its headers tell.

    rate: 8000 to 192000 Hz. channels: 1 or more. frames: exact samples per channel, or None when only decoding
    tells. container and encoding: for people ("FLAC", "PCM_24"). tags: title, artist, album and the like, those the
    file has. estimated_frames: what the container claims, good enough for a progress bar; equals `frames` when that
    is known, None when the file claims nothing.
    """

    path: Path
    rate: Hertz
    channels: int
    frames: int | None
    container: str
    encoding: str
    tags: Mapping[str, str] = field(default_factory=dict)
    estimated_frames: int | None = None


class SongReader(ABC):
    """An open song, read once from front to back in blocks; a context manager.

    info: the song's facts. warnings: one-line remarks for the user about a file that is suspicious but readable.
    """

    info: SongInfo
    warnings: tuple[str, ...] = ()

    @abstractmethod
    def blocks(self, frames: int = DEFAULT_BLOCK) -> Iterator[np.ndarray]:
        """Yield the song as float32 (channel, frame) blocks of `frames` frames, the last one shorter.

        Full scale is ±1; values beyond it and non-finite ones are kept. More than two channels come in WAVE order.
        Every call starts at the beginning, and ends the iterator of an earlier call. SongUnreadable: the file is
        damaged, or holds less than it promises.
        """

    @abstractmethod
    def close(self) -> None:
        """Close the file; harmless when done twice."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def check_rate(path: Path, rate: int) -> Hertz:
    """The rate as Hertz; UnsupportedAudio outside 8 to 192 kHz."""
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise UnsupportedAudio(
            f"{path} has a sample rate of {rate} Hz, and {LOWEST_RATE} to {HIGHEST_RATE} Hz are taken; "
            f"convert it first (ffmpeg -i IN -ar 48000 OUT.wav)"
        )
    return Hertz(rate)


def known_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Keep the tags a person gave the song, under one spelling, free of control characters, at most 1000 long."""
    kept: dict[str, str] = {}
    for name, value in tags.items():
        wanted = _TAG_NAMES.get(name.lower())
        text = "".join(character if character.isprintable() else " " for character in value[:_LONGEST_TAG]).strip()
        if wanted and text:
            kept[wanted] = text
    return kept


def cut_short(path: Path, promised: float, present: float) -> SongUnreadable:
    """The error for a file that promises more seconds than it holds."""
    return SongUnreadable(
        f"{path} is cut short: it promises {_clock(promised)} and holds {_clock(present)}; "
        f"copy it again, or keep what is there (ffmpeg -i IN OUT.wav) and use that"
    )


def _clock(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"{int(minutes)}:{rest:06.3f} min"
