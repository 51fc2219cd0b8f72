"""Recording what the engine was told to do and when it did it."""

from contextlib import suppress
from pathlib import Path

from plugin_host.desk.events import DeskWarning, TakeRecorded
from plugin_host.desk.take_files import MAX_EVENTS, check_new, free_name, name_beside, take_path, write_take
from plugin_host.errors import HostError, MixError
from plugin_host.live.port import Applied
from plugin_host.mix.apply import apply
from plugin_host.mix.commands import Command
from plugin_host.mix.state import Mix
from plugin_host.mix.take import Take, TakeEvent


class TakeRecorder:
    """Collects commands with the song frames at which the engine carried them out.

    mix: what the engine played when the take began, at `song_frame` (`engine_frame` on its own clock).
    """

    def __init__(self, name: str, mix: Mix, song_frame: int, engine_frame: int) -> None:
        self.name = name
        self._mix = mix
        self._start = song_frame
        self._began = engine_frame
        self._events: list[TakeEvent] = []
        self._seen = engine_frame, song_frame
        self._went_back: tuple[tuple[int, int], int] | None = None

    def passed(self, engine_frame: int, song_frame: int) -> None:
        """The song is known to have been there: only so is it seen that it went round a loop between two commands."""
        if engine_frame <= self._seen[0] or self._went_back:
            return
        if song_frame < self._seen[1]:
            self._went_back = self._seen, engine_frame
        self._seen = engine_frame, song_frame

    def note(self, done: Applied, command: Command) -> bool:
        """Keep a command. False where the take is over: it is full, or the song went back (a loop)."""
        if done.engine_frame < self._began:
            with suppress(HostError):  # it can only have built on something that was refused
                self._mix = apply(self._mix, command)
            return True
        last = self._events[-1].frame if self._events else self._start
        if done.song_frame < last or len(self._events) >= MAX_EVENTS or self._is_behind(done):
            return False
        self._events.append(TakeEvent(done.song_frame, command))
        return True

    def _is_behind(self, done: Applied) -> bool:
        """Whether the song had gone back before that was done, of which we may hear late."""
        if self._went_back is None:
            return done.engine_frame >= self._seen[0] and done.song_frame < self._seen[1]
        (before, song_frame), after = self._went_back
        return done.engine_frame >= (before if done.song_frame < song_frame else after)

    def take(self) -> Take:
        """What was recorded."""
        return Take(self._mix, self._start, tuple(self._events))


class TakeDeck:
    """Records one take at a time into a folder. folder None: there is none, so nothing can be recorded.

    A take is armed, begins when the song runs, ends, and is saved once it is complete.
    """

    def __init__(self, folder: Path | None, rate: int) -> None:
        self._folder = folder
        self._rate = rate
        self._armed = ""
        self._recorder: TakeRecorder | None = None
        self._recorded: list[TakeRecorder] = []

    @property
    def folder(self) -> Path:
        """Where takes are kept; `MixError` where they are not."""
        if self._folder is None:
            raise MixError("this host keeps no takes: open a session whose folder can be written")
        return self._folder

    @property
    def recording(self) -> str:
        """The take that is being recorded or is armed, "" for none."""
        return self._recorder.name if self._recorder else self._armed

    def arm(self, name: str) -> str:
        """Record under that name, or the next free one, as soon as the song runs; `MixError` where that cannot be."""
        if self.recording:
            raise MixError(f"take {self.recording!r} is being recorded: end it first")
        name = name or free_name(self.folder)
        check_new(self.folder, name)
        self._armed = name.strip()
        return self._armed

    def begin(self, mix: Mix, song_frame: int, engine_frame: int) -> str:
        """The song runs: the armed take, if any, begins. Returns its name."""
        name, self._armed = self._armed, ""
        if name:
            self._recorder = TakeRecorder(name, mix, song_frame, engine_frame)
        return name

    def passed(self, engine_frame: int, song_frame: int) -> None:
        """See `TakeRecorder`."""
        if self._recorder:
            self._recorder.passed(engine_frame, song_frame)

    def note(self, done: Applied, command: Command) -> None:
        """The engine carried a command out."""
        if self._recorder and not self._recorder.note(done, command):
            self.end()

    def end(self) -> None:
        """What was recorded is complete, and waits to be saved. An armed take stays armed."""
        if self._recorder:
            self._recorded.append(self._recorder)
            self._recorder = None

    def disarm(self) -> None:
        """Record nothing at the next play."""
        self._armed = ""

    def complete(self) -> list[TakeRecorder]:
        """The takes that are complete and not saved yet; they are the caller's now."""
        recorded, self._recorded = self._recorded, []
        return recorded

    def save(self, recorder: TakeRecorder) -> tuple[TakeRecorded | DeskWarning, ...]:
        """Put a complete take into its file, which takes its time; what to tell of it.

        Another host over this session may have kept one of that name meanwhile: then it gets a number.
        """
        take = recorder.take()
        try:
            name = name_beside(self.folder, recorder.name)
            path = take_path(self.folder, name)
            write_take(path, take, self._rate)
        except HostError as error:
            return (DeskWarning(f"take {recorder.name!r} is lost: {error}"),)
        recorded = TakeRecorded(name, path, len(take.events))
        if name == recorder.name:
            return (recorded,)
        return DeskWarning(f"there is a take {recorder.name!r} by now: this one is {name!r}"), recorded
