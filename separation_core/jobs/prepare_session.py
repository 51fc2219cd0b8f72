"""A song to a session: the whole job, resumable at every point and never half done.

Stages: hash, decode to `song.wav`, resample to the model's rate, separate, write stems, then the manifest, and last
the folder takes its name. Memory does not grow with the song's length.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from separation_core.audio.reading import SongInfo, describe_song
from separation_core.errors import AudioError, ModelError, SongUnreadable, WriteFailed
from separation_core.jobs.copy_session import copy_session, session_bytes
from separation_core.jobs.decode import decode, is_decoded, song_sha256
from separation_core.jobs.disk_space import check_space, needed_bytes
from separation_core.jobs.finish import write_stems
from separation_core.jobs.options import SessionOptions, content_key, stem_names
from separation_core.jobs.record import session_manifest, source_record
from separation_core.jobs.separation_work import resample_song, separate_song
from separation_core.jobs.target import refuse_foreign_files, session_there
from separation_core.jobs.watch import Progress, Watch
from separation_core.jobs.workspace import Workspace, open_workspace
from separation_core.models.contract import Separator
from separation_core.sessions import index
from separation_core.sessions.locking import writer_lock
from separation_core.sessions.manifest import write_manifest
from separation_core.sessions.store import Session, open_session, put_in_place, recover
from separation_core.zoo.load import load_separator


def prepare_session(
    song: Path,
    folder: Path | None = None,
    *,
    options: SessionOptions | None = None,
    separator: Separator | None = None,
    force: bool = False,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Session:
    """Separate `song` into a session folder, or find the session where that was done before.

    folder: where the session shall be; without one a session of the same song, model and settings is taken from
    wherever it lies, else `<song>.stemrack` in the current folder is made. options: `SessionOptions()` by default.
    separator: instead of loading `options.model` from the zoo. force: do it again, and replace the session in `folder`
    (what users keep in there, such as their mix, stays). progress: called with (stage, done, total).

    Errors: `SongUnreadable`, `UnsupportedAudio`, `ModelError`, `WriteFailed`, `SessionBusy`, `SessionError` where
    `folder` holds something else, `Cancelled`. After `Cancelled`, `WriteFailed`, a KeyboardInterrupt or a kill the same
    call goes on where it stopped, with the same samples.
    """
    job = _job(song, options or SessionOptions(), separator, Watch(progress, cancelled))
    target = (folder or Path(f"{song.stem}.stemrack")).absolute()
    session = None if force else _known_session(job, target, anywhere=folder is None)
    if session is None:
        with writer_lock(target):
            recover(target)
            session = _prepare(job, target, force=force)
    index.remember(session)
    return session


@dataclass(frozen=True, slots=True)
class _Job:
    song: Path
    stamp: tuple[int, int]
    info: SongInfo
    sha256: str
    key: str
    separator: Separator
    options: SessionOptions
    watch: Watch


def _job(song: Path, options: SessionOptions, separator: Separator | None, watch: Watch) -> _Job:
    separator = separator or load_separator(options.model)
    stem_names(options, separator.spec)
    info = describe_song(song, stream=options.stream)
    stamp = _stamp(song)
    digest = song_sha256(song, watch)
    key = content_key(digest, separator.spec, options)
    return _Job(song, stamp, info, digest, key, separator, options, watch)


def _known_session(job: _Job, target: Path, *, anywhere: bool) -> Session | None:
    session = session_there(target, job.key)
    return index.find(job.key) if session is None and anywhere else session


def _prepare(job: _Job, target: Path, *, force: bool) -> Session:
    refuse_foreign_files(target)
    # Another process may have finished this very session between the first look and the lock.
    if not force and (session := session_there(target, job.key)):
        return session
    space = open_workspace(target, job.key)
    if not space.is_complete(job.key) and (force or not _copied(job, space)):
        _build(job, space)
    space.remove_work()
    put_in_place(target)
    return open_session(target)


def _copied(job: _Job, space: Workspace) -> bool:
    session = index.find(job.key)
    if session is None:
        return False
    check_space(space.folder, session_bytes(session))
    copy_session(session, space.folder, job.watch)
    return True


def _build(job: _Job, space: Workspace) -> None:
    try:
        _run_stages(job, space)
    except (AudioError, ModelError):
        # A song that cannot be decoded never will be; after that the work so far is worth keeping.
        if not is_decoded(space):
            with suppress(WriteFailed):
                space.discard()
        raise


def _run_stages(job: _Job, space: Workspace) -> None:
    spec, options, watch = job.separator.spec, job.options, job.watch
    if job.info.frames is not None:
        _check_space(job, space, job.info.frames)
    decoded = decode(job.song, space, options, watch)
    if _stamp(job.song) != job.stamp:
        raise SongUnreadable(f"{job.song} changed while it was read: run the command again")
    _check_space(job, space, decoded.frames)
    at_model_rate = resample_song(space, spec.rate, watch)
    raw = separate_song(job.separator, at_model_rate, space, options.separation, watch)
    finished = write_stems(space, raw, spec, options, watch)
    source = source_record(job.song, job.sha256, job.info, decoded.frames)
    write_manifest(space.folder, session_manifest(job.key, source, spec, options, decoded, finished))


def _check_space(job: _Job, space: Workspace, frames: int) -> None:
    spec, options = job.separator.spec, job.options
    needed = needed_bytes(frames, job.info.rate, spec, len(stem_names(options, spec)), options.sample_format)
    check_space(space.folder, max(0, needed - space.bytes_used()))


def _stamp(song: Path) -> tuple[int, int]:
    try:
        found = song.stat()
    except OSError as error:
        raise SongUnreadable(f"{song}: {error.strerror}: it was there a moment ago") from error
    return found.st_size, found.st_mtime_ns
