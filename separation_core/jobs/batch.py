"""Many songs to a session each: one model for all, and a song that fails does not stop the others."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from separation_core.errors import Cancelled, NotASession, SeparationError, SessionError
from separation_core.jobs.model import load_model
from separation_core.jobs.options import SessionOptions, stem_names
from separation_core.jobs.prepare_session import prepare_session
from separation_core.jobs.songs import distinct_names
from separation_core.jobs.target import session_name
from separation_core.jobs.watch import Note, Stage, Watch
from separation_core.models.contract import Model
from separation_core.sessions.manifest import MANIFEST_NAME
from separation_core.sessions.store import Session

BatchProgress = Callable[[int, str, int, int], None]
"""Called with (place of the song in the batch from 0, stage, done, total); total is 0 where it is not known."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one song: a session, or the error that says why there is none.

    seconds: wall time it took. found_again: whether the session was there before and nothing had to be done.
    """

    song: Path
    session: Session | None
    error: SeparationError | None
    seconds: float
    found_again: bool


def prepare_sessions(
    songs: Sequence[Path],
    into: Path | None = None,
    *,
    options: SessionOptions | None = None,
    separator: Model | None = None,
    force: bool = False,
    progress: BatchProgress | None = None,
    cancelled: Callable[[], bool] | None = None,
    note: Note | None = None,
) -> Iterator[Outcome]:
    """Prepare a session of each song, one after the other, and tell what became of it when it is done.

    into: the folder, made where there is none, that receives the sessions; without one they are made in the current
    folder, or found wherever they were made before. They are called as `distinct_names` says. The other arguments are
    those of `prepare_session`.

    Raises before the first song: `ModelError` where the model or what is asked of its stems cannot be had,
    `NotASession` where `into` is a file, `SessionError` where it is a session itself. Raises `Cancelled` and
    KeyboardInterrupt when they come; the same call then goes on with what is not done.
    """
    options = options or SessionOptions()
    _check_folder(into)
    model = separator or load_model(options, Watch(progress and partial(progress, 0), cancelled, note))
    stem_names(options, model.spec)
    folders = [(into or Path()) / session_name(name, options.part) for name in distinct_names(songs)]

    def prepared(place: int) -> Outcome:
        watched = _Watched(place, progress)
        session, error = None, None
        try:
            session = prepare_session(
                songs[place],
                folders[place],
                options=options,
                separator=model,
                force=force,
                anywhere=into is None,
                progress=watched,
                cancelled=cancelled,
                note=note,
            )
        except Cancelled:
            raise
        except SeparationError as failure:
            error = failure
        return Outcome(songs[place], session, error, watched.seconds, session is not None and not watched.worked)

    return map(prepared, range(len(songs)))


class _Watched:
    """One song's progress: passed on with its place, and judged for whether there was anything to do."""

    def __init__(self, place: int, progress: BatchProgress | None) -> None:
        self.worked = False
        self._place = place
        self._progress = progress
        self._began = time.monotonic()

    def __call__(self, stage: str, done: int, total: int) -> None:
        self.worked = self.worked or stage != Stage.HASH
        if self._progress:
            self._progress(self._place, stage, done, total)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began


def _check_folder(into: Path | None) -> None:
    if into is None:
        return
    if into.exists() and not into.is_dir():
        raise NotASession(f"{into} is a file: for several songs, give with -o a folder to put their sessions into")
    if (into / MANIFEST_NAME).exists():
        raise SessionError(f"{into} is a session: for several songs, give with -o a folder to put theirs into")
