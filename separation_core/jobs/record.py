"""The manifest of a finished job."""

from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from separation_core.audio.reading import SongInfo
from separation_core.jobs.decode import Decoded
from separation_core.jobs.finish import Finished, is_silent
from separation_core.jobs.options import SessionOptions, settings_record
from separation_core.jobs.part import Span
from separation_core.models.contract import ModelSpec
from separation_core.sessions.fields import LONGEST_TEXT
from separation_core.sessions.manifest import MOST_TAGS, Manifest, ModelRecord, SourceRecord, StemRecord
from separation_core.sessions.store import SONG_FILE
from separation_core.units import Frames

_LONGEST_TAG = 1024


def session_manifest(
    key: str, source: SourceRecord, model: ModelRecord, part: Span, decoded: Decoded, finished: Finished
) -> Manifest:
    """The record of a session that was just prepared. decoded: with the levels of the part that it holds."""
    frames = Frames(part.frames)
    song = StemRecord("song", SONG_FILE, frames, decoded.lufs, decoded.peak_db, is_silent(decoded.peak_db))
    return Manifest(
        tool=tool_version(),
        created=datetime.now(UTC).replace(microsecond=0),
        key=key,
        rate=source.rate,
        frames=frames,
        source=source,
        model=model,
        song=song,
        stems=finished.stems,
        warnings=decoded.warnings + finished.warnings,
        start=Frames(part.start),
    )


def model_record(spec: ModelSpec, options: SessionOptions) -> ModelRecord:
    """The model and the settings that shaped the samples."""
    return ModelRecord(spec.name, spec.version, settings_record(options))


def source_record(song: Path, sha256: str, info: SongInfo, frames: int) -> SourceRecord:
    """The song file as a manifest may hold it: tags few and short, every text valid Unicode."""
    tags = list(info.tags.items())[:MOST_TAGS]
    return SourceRecord(
        path=_valid(str(song.absolute()), LONGEST_TEXT),
        sha256=sha256,
        rate=info.rate,
        channels=info.channels,
        frames=Frames(frames),
        container=_valid(info.container, _LONGEST_TAG),
        encoding=_valid(info.encoding, _LONGEST_TAG),
        tags={_valid(name, _LONGEST_TAG): _valid(value, _LONGEST_TAG) for name, value in tags},
    )


def tool_version() -> str:
    """The installed stemrack, "stemrack (not installed)" from a bare checkout."""
    try:
        return f"stemrack {version('stemrack')}"
    except PackageNotFoundError:
        return "stemrack (not installed)"


def _valid(text: str, longest: int) -> str:
    # File names and tags may hold bytes that are no Unicode; they become "?".
    return text.encode("utf-8", "replace").decode("utf-8")[:longest]
