"""The record that makes a folder a session: `session.toml`, versioned, readable, written last.

A manifest is untrusted input: whoever hands over a session folder may have written anything into it. Every field is
checked for type and range, and no name or file may lead out of the folder.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import tomli_w

from separation_core.errors import ManifestInvalid, NotASession
from separation_core.sessions.durable import write_text_durably
from separation_core.sessions.fields import LONGEST_TEXT, Fields
from separation_core.sessions.migrations import FORMAT, migrate
from separation_core.units import Frames, Hertz

MANIFEST_NAME = "session.toml"
LARGEST_MANIFEST = 1 << 20
LARGEST_RATE = 1_000_000
LONGEST_SONG = 1 << 48
MOST_STEMS = 64
MOST_TAGS = 64
MOST_WARNINGS = 64
_FIRST = Frames(0)

Setting = str | int | float | bool


@dataclass(frozen=True, slots=True)
class SourceRecord:
    """The song file as it was found. sha256: of its bytes, lower-case hex. frames: all it decodes to, at `rate`."""

    path: str
    sha256: str
    rate: Hertz
    channels: int
    frames: Frames
    container: str
    encoding: str
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ModelRecord:
    """What separated the song. version: a hash of the weights or a code revision."""

    name: str
    version: str
    settings: Mapping[str, Setting]


@dataclass(frozen=True, slots=True)
class StemRecord:
    """One stereo file of the session, and how loud it is.

    file: relative to the session folder, with forward slashes. lufs: integrated loudness (ITU-R BS.1770-4), -inf
    where there is none. peak_db: highest sample in dBFS. silent: nothing in it can be heard (peak under -60 dBFS).
    """

    name: str
    file: str
    frames: Frames
    lufs: float
    peak_db: float
    silent: bool


@dataclass(frozen=True, slots=True)
class Manifest:
    """A whole session: `song` is the song as decoded, `stems` what it was separated into, all alike in length.

    key: content key of song, part, model and settings (see `jobs.content_key`). rate, frames: of every file.
    warnings: what a listener should know about the preparation, one line each. start: the frame of the source at which
    the session begins; it holds [start, start + frames) of it, a whole song [0, source.frames).
    """

    tool: str
    created: datetime
    key: str
    rate: Hertz
    frames: Frames
    source: SourceRecord
    model: ModelRecord
    song: StemRecord
    stems: tuple[StemRecord, ...]
    warnings: tuple[str, ...] = ()
    start: Frames = _FIRST
    format: int = FORMAT

    @property
    def is_part(self) -> bool:
        """Whether the session holds less than the whole song."""
        return self.frames < self.source.frames


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write `session.toml` into `folder` durably; the folder is a session from then on. `WriteFailed` names it."""
    head = {"format": manifest.format}
    write_text_durably(folder / MANIFEST_NAME, tomli_w.dumps(head | asdict(manifest)))


def read_manifest(folder: Path) -> Manifest:
    """The checked manifest of `folder`.

    Errors: `NotASession` where there is none, `ManifestInvalid` naming the field, `ManifestTooNew`. The files it names
    are not looked at: see `store.open_session`.
    """
    path = folder / MANIFEST_NAME
    return _manifest(migrate(_table(path), str(path)), str(path))


def check_stem_name(name: str) -> bool:
    """Whether a name can be a stem: 1 to 64 printable characters, no slash, not hidden, no space around it."""
    plain = name.isprintable() and name == name.strip() and not set(name) & set('/\\:*?"<>|')
    return plain and 1 <= len(name) <= 64 and not name.startswith(".")


def _table(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as stream:
            content = stream.read(LARGEST_MANIFEST + 1)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotASession(
            f"{path.parent} is not a session: it has no {path.name}; `stemrack separate SONG` makes one"
        ) from error
    except OSError as error:
        raise NotASession(f"{path} cannot be read: {error.strerror}: check the path and its permissions") from error
    if len(content) > LARGEST_MANIFEST:
        raise ManifestInvalid(f"{path} is over {LARGEST_MANIFEST} bytes: no manifest is; separate the song again")
    try:
        return tomllib.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ManifestInvalid(f"{path} is not valid TOML: {reason}; separate the song again with --force") from error


def _manifest(table: dict[str, Any], file: str) -> Manifest:
    fields = Fields(table, file)
    frames = Frames(fields.integer("frames", 1, LONGEST_SONG))
    stems = tuple(_stem(entry, frames) for entry in fields.tables("stems", 1, MOST_STEMS))
    song = _stem(fields.table("song"), frames)
    _check_distinct(stems, song, fields)
    source = _source(fields.table("source"))
    return Manifest(
        tool=fields.text("tool"),
        created=fields.moment("created"),
        key=_digest(fields, "key"),
        rate=Hertz(fields.integer("rate", 1, LARGEST_RATE)),
        frames=frames,
        source=source,
        model=_model(fields.table("model")),
        song=song,
        stems=stems,
        warnings=fields.texts("warnings", MOST_WARNINGS),
        start=_start(fields, frames, source.frames),
    )


def _start(fields: Fields, frames: int, of: int) -> Frames:
    start = fields.integer("start", 0, LONGEST_SONG)
    if start + frames > of:
        raise fields.invalid("start", f"a frame from which {frames} frames lie within the {of} of the source")
    return Frames(start)


def _source(fields: Fields) -> SourceRecord:
    return SourceRecord(
        path=fields.text("path"),
        sha256=_digest(fields, "sha256"),
        rate=Hertz(fields.integer("rate", 1, LARGEST_RATE)),
        channels=fields.integer("channels", 1, 4096),
        frames=Frames(fields.integer("frames", 1, LONGEST_SONG)),
        container=fields.text("container"),
        encoding=fields.text("encoding"),
        tags=fields.table("tags").text_values(MOST_TAGS),
    )


def _model(fields: Fields) -> ModelRecord:
    settings = fields.table("settings").plain_values(256)
    return ModelRecord(name=fields.text("name"), version=fields.text("version"), settings=settings)


def _stem(fields: Fields, frames: Frames) -> StemRecord:
    name = fields.text("name")
    if not check_stem_name(name):
        raise fields.invalid("name", "a name of 1 to 64 printable characters without slashes or a leading dot")
    file = fields.text("file", longest=256)
    if not _stays_inside(file):
        raise fields.invalid("file", "a path inside the session folder, such as stems/vocals.wav")
    return StemRecord(
        name=name,
        file=file,
        frames=Frames(fields.integer("frames", frames, frames)),
        lufs=fields.level("lufs"),
        peak_db=fields.level("peak_db"),
        silent=fields.flag("silent"),
    )


def _stays_inside(file: str) -> bool:
    posix, windows = PurePosixPath(file), PureWindowsPath(file)
    absolute = posix.is_absolute() or bool(windows.drive) or bool(windows.root)
    plain = file.isprintable() and "\\" not in file and bool(posix.parts)
    return plain and not absolute and not any(part in ("..", "~") for part in posix.parts)


def _digest(fields: Fields, name: str) -> str:
    value = fields.text(name, longest=LONGEST_TEXT)
    if len(value) != 64 or set(value) - set("0123456789abcdef"):
        raise fields.invalid(name, "64 lower-case hexadecimal digits")
    return value


def _check_distinct(stems: tuple[StemRecord, ...], song: StemRecord, fields: Fields) -> None:
    names = [stem.name.casefold() for stem in stems]
    files = [stem.file.casefold() for stem in (*stems, song)]
    if len(set(names)) < len(names) or len(set(files)) < len(files):
        raise fields.invalid("stems", "each stem a name and a file of its own")
