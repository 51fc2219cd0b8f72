"""A bell that one thread rings and another waits for, cheap enough for an audio callback."""

import threading


class Bell:
    """Rung any number of times before the wait, it counts once. Ringing takes no lock that anybody could hold."""

    def __init__(self) -> None:
        self._silent = threading.Lock()
        self._silent.acquire()

    def ring(self) -> None:
        """Wake the waiting thread, or let its next wait pass."""
        if self._silent.locked():
            try:
                self._silent.release()
            except RuntimeError:  # another thread rang between the two lines
                return

    def wait(self, seconds: float) -> bool:
        """Until the bell rings, at most `seconds`; whether it rang."""
        return self._silent.acquire(timeout=seconds)
