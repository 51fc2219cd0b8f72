"""A song to a session: the whole job, resumable at every point and never half done.

Stages: hash, decode to `song.wav`, resample to the model's rate, separate, write stems, then the manifest, and last
the folder takes its name. Memory does not grow with the song's length.

Of a part, all of the song is decoded and resampled, which is cheap, but only the part and what the steps after the
model need around it is separated. The segments lie where they lie for the whole song, so the stems are those of the
whole song, cut out: the same samples but for the rounding of the last bits (resampler, spectra).
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from separation_core.audio.frames import WavSource
from separation_core.audio.reading import SongInfo, describe_song
from separation_core.errors import AudioError, ModelError, SongUnreadable, WriteFailed
from separation_core.jobs.copy_session import copy_session, session_bytes
from separation_core.jobs.cover import Cover, cover
from separation_core.jobs.decode import Decoded, cut_part, decode, decoded_song, is_decoded, song_sha256
from separation_core.jobs.disk_space import check_space, needed_bytes
from separation_core.jobs.finish import Finished, Finishing, write_stems
from separation_core.jobs.model import load_model
from separation_core.jobs.options import SessionOptions, content_key, stem_names
from separation_core.jobs.part import Span
from separation_core.jobs.record import model_record, session_manifest, source_record
from separation_core.jobs.separation_work import memory_warnings, resample_song, separate_song
from separation_core.jobs.target import refuse_foreign_files, session_folder, session_name, session_there
from separation_core.jobs.watch import Note, Progress, Watch
from separation_core.jobs.workspace import Workspace, open_workspace
from separation_core.models.contract import Model
from separation_core.sessions import index
from separation_core.sessions.locking import writer_lock
from separation_core.sessions.manifest import write_manifest
from separation_core.sessions.store import Session, open_session, put_in_place, recover


def prepare_session(
    song: Path,
    folder: Path | None = None,
    *,
    options: SessionOptions | None = None,
    separator: Model | None = None,
    force: bool = False,
    anywhere: bool = False,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
    note: Note | None = None,
) -> Session:
    """Separate `song` into a session folder, or find the session where that was done before.

    folder: where the session shall be; without one a session of the same song, model and settings is taken from
    wherever it lies, else `<song>.stemrack` in the current folder is made. anywhere: also with a folder take such a
    session from wherever it lies, instead of copying it. options: `SessionOptions()` by default. separator: instead of
    loading `options.model` from the zoo. force: do it again, and replace the session in `folder` (what users keep in
    there, such as their mix, stays). progress: called with (stage, done, total); note: with a line for the listener.

    Errors: `SongUnreadable`, `UnsupportedAudio`, `ModelError`, `WriteFailed`, `SessionBusy`, `SessionError` where
    `folder` holds something else, `Cancelled`. After `Cancelled`, `WriteFailed`, a KeyboardInterrupt or a kill the same
    call goes on where it stopped, with the same samples.
    """
    job = _job(song, options or SessionOptions(), separator, Watch(progress, cancelled, note))
    target = session_folder(folder or Path(session_name(song.stem, job.options.part)))
    session = None if force else _known_session(job, target, anywhere=anywhere or folder is None)
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
    separator: Model
    options: SessionOptions
    watch: Watch

    def cover(self, frames: int) -> Cover:
        """What is to be done of the song, which decodes to so many frames."""
        rate = self.info.rate
        return cover(self.options.part.span(self.song, rate, frames), frames, rate, self.separator.spec.rate)


def _job(song: Path, options: SessionOptions, separator: Model | None, watch: Watch) -> _Job:
    separator = separator or load_model(options, watch)
    stem_names(options, separator.spec)
    info = describe_song(song, stream=options.stream)
    options = replace(options, part=options.part.within(info))
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
        if not is_decoded(space, job.options):
            with suppress(WriteFailed):
                space.discard()
        raise


def _run_stages(job: _Job, space: Workspace) -> None:
    if job.info.frames is not None:
        _check_space(job, space, job.info.frames)
    decoded = decode(job.song, space, job.options, job.watch)
    if _stamp(job.song) != job.stamp:
        raise SongUnreadable(f"{job.song} changed while it was read: run the command again")
    _check_space(job, space, decoded.frames)
    work = job.cover(decoded.frames)
    finished = _stems(job, space, work)
    if not job.options.part.is_whole:
        decoded = _cut(decoded, space, work.part)
    source = source_record(job.song, job.sha256, job.info, decoded.frames)
    model = model_record(job.separator.spec, job.options)
    write_manifest(space.folder, session_manifest(job.key, source, model, work.part, decoded, finished))


def _stems(job: _Job, space: Workspace, work: Cover) -> Finished:
    """Separate what `work` says, and write the part's stems."""
    spec, options, watch = job.separator.spec, job.options, job.watch
    whole = decoded_song(space, options)
    at_model_rate = resample_song(whole, space, spec.rate, watch)
    raw = separate_song(job.separator, at_model_rate, work.model, space, options.separation, watch)
    with WavSource(whole) as song:
        finished = write_stems(Finishing(song, raw, work, spec, options, watch), space.stems)
    return replace(finished, warnings=(*memory_warnings(space, spec.rate), *finished.warnings))


def _cut(decoded: Decoded, space: Workspace, part: Span) -> Decoded:
    """The part of the song into `space.song`, and what decoding told, with the levels of the part."""
    lufs, peak_db = cut_part(space.whole_song, part, space.song)
    return replace(decoded, lufs=lufs, peak_db=peak_db)


def _check_space(job: _Job, space: Workspace, frames: int) -> None:
    spec, options = job.separator.spec, job.options
    stems = len(stem_names(options, spec))
    needed = needed_bytes(frames, job.info.rate, spec, job.cover(frames), stems, options.sample_format)
    check_space(space.folder, max(0, needed - space.bytes_used()))


def _stamp(song: Path) -> tuple[int, int]:
    try:
        found = song.stat()
    except OSError as error:
        raise SongUnreadable(f"{song}: {error.strerror}: it was there a moment ago") from error
    return found.st_size, found.st_mtime_ns
