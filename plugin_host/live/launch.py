"""The engine's process from outside: started, listened to, ended. What goes wrong is one line, nothing stays behind."""

import multiprocessing
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

from plugin_host.errors import OutputError
from plugin_host.live.blame import in_words
from plugin_host.live.messages import Begin, Failed, LiveSettings, Ready
from plugin_host.live.shared import SharedState

if TYPE_CHECKING:
    from multiprocessing.context import SpawnProcess

START_SECONDS = 60.0
"""A plugin may take long to load; an engine that gets nothing on for so long counts as hanging."""
_GLANCE_SECONDS = 0.1


class CannotBegin(OutputError):
    """The engine says itself why it cannot begin."""


class EngineProcess:
    """An engine that plays. pipe: to and from it. ready: its first word.

    `CannotBegin` in its own words; `OutputError` where it dies or hangs before it plays, naming what it was working on,
    or where `given_up()` while it starts.
    """

    def __init__(
        self,
        shared: SharedState,
        settings: LiveSettings,
        begin: Begin,
        given_up: Callable[[], bool] = lambda: False,
    ) -> None:
        context = multiprocessing.get_context("spawn")
        self._shared, self._begin, self._given_up = shared, begin, given_up
        self.pipe, theirs = context.Pipe()
        arguments = (theirs, shared.name, settings, begin)
        self._process: SpawnProcess = context.Process(target=_run, args=arguments, name="stemrack engine", daemon=True)
        shared.clear_blame()
        with _signals_held():  # the process inherits that: from its first moment, what ends it is its host
            self._process.start()
        theirs.close()
        try:
            self.ready = self._first_word()
        except BaseException:  # Ctrl-C, too
            self.kill()
            raise

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid or 0

    @property
    def alive(self) -> bool:
        """Whether it runs, or hangs."""
        return self._process.is_alive()

    @property
    def sentinel(self) -> int:
        """Becomes ready, for `multiprocessing.connection.wait`, when the process ends."""
        return self._process.sentinel

    def join(self, seconds: float) -> None:
        """Wait so long for its end."""
        self._process.join(seconds)

    def kill(self) -> None:
        """End it at once, if it has not ended, and let go of the pipe."""
        if self._process.is_alive():
            self._process.kill()
        self._process.join()
        self.pipe.close()

    def _first_word(self) -> Ready:
        beat, beaten = self._shared.heartbeat, time.monotonic()
        while time.monotonic() - beaten < START_SECONDS and self._process.is_alive() and not self._given_up():
            if self._shared.heartbeat != beat:
                beat, beaten = self._shared.heartbeat, time.monotonic()
            word = _word(self.pipe)
            if isinstance(word, Ready):
                return word
            if isinstance(word, Failed):
                raise CannotBegin(word.text)
        working_on = in_words(self._shared.blame, self._begin.mix)
        if working_on:
            remedy = "take that effect out of the mix, or begin with --plain"
            raise OutputError(f"the audio engine did not start, at work on {working_on}: {remedy}")
        raise OutputError("the audio engine did not start: try --null, or another mix")


def _run(pipe: Connection, shared_name: str, settings: LiveSettings, begin: Begin) -> None:
    """The process's main function. What the engine is made of is loaded there alone, or the host would wait for it."""
    from plugin_host.live.engine import run_engine

    run_engine(pipe, shared_name, settings, begin)


def _word(pipe: Connection) -> object:
    """What the engine says; None where it says nothing for a moment, or will never say anything."""
    try:
        return pipe.recv() if pipe.poll(_GLANCE_SECONDS) else None
    except (EOFError, OSError):
        time.sleep(_GLANCE_SECONDS)  # its end is a moment behind the pipe's
        return None


@contextmanager
def _signals_held() -> Iterator[None]:
    """Let signals to this thread wait."""
    if sys.platform == "win32":
        yield
        return
    held = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, held)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
