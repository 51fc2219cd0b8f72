"""What the engine lets everybody see, in memory that both processes share: meters, position, health, blame.

One writer, any number of readers, no locks: a reader copies a section and takes the copy only if the section's number
was even and the same before and after. Whoever is in the middle of a write when it is killed leaves an odd number; then
the last copy counts.
"""

from dataclasses import dataclass
from multiprocessing.shared_memory import SharedMemory

import numpy as np
import numpy.typing as npt

from plugin_host.mix.limits import MAX_TRACKS

NAME_BYTES = 800
"""UTF-8 of the longest name that a mix file may have."""
_BLAME_BYTES = NAME_BYTES + 40
_DEVICE_BYTES = 400
_TRIES = 100

STATE = np.dtype(
    [
        ("number", "u8"),
        ("engine_frame", "i8"),
        ("song_frame", "i8"),
        ("playing", "u1"),
        ("reference", "u1"),
        ("starved", "i8"),
        ("load", "f8"),
        ("tracks", "i4"),
    ]
)
METER = np.dtype([("peak", "f4", 2), ("rms", "f4", 2), ("clipped", "u1"), ("reduction_db", "f4")])
_LAYOUT = np.dtype(
    [
        ("state", STATE),
        ("meters", METER, MAX_TRACKS + 1),
        ("names", f"S{NAME_BYTES}", MAX_TRACKS),
        ("lufs", "f8"),
        ("dropouts", "i8"),
        ("xruns", "i8"),
        ("latency_ms", "f8"),
        ("song_delay_ms", "f8"),
        ("device", f"S{_DEVICE_BYTES}"),
        ("heartbeat", "u8"),
        ("blame", f"S{_BLAME_BYTES}", 2),
    ],
    align=True,
)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One consistent view: `state` a record of `STATE`, `meters` the tracks' and, last, the master's."""

    state: npt.NDArray[np.void]
    names: tuple[str, ...]
    meters: npt.NDArray[np.void]
    lufs: float
    dropouts: int
    xruns: int
    latency_ms: float
    song_delay_ms: float
    device: str


class SharedState:
    """The block of memory. The host makes it (`name` None) and unlinks it; the engine attaches by name."""

    def __init__(self, name: str | None = None) -> None:
        self._owned = name is None
        self._memory = SharedMemory(name, create=self._owned, size=_LAYOUT.itemsize)
        self._all = np.ndarray((), dtype=_LAYOUT, buffer=self._memory.buf)
        # Plain integers in the same memory: numpy's are slow to count, and these are counted for every buffer.
        counted = self._all["state"]["number"], self._all["heartbeat"]
        self._number, self._beats = (field.reshape(1).data for field in counted)
        self.name = self._memory.name
        self._last: Snapshot | None = None
        if self._owned:
            self._all[...] = np.zeros((), dtype=_LAYOUT)
            self._all["lufs"] = -np.inf

    @property
    def state(self) -> npt.NDArray[np.void]:
        """For the one writer, between `begin` and `end`."""
        return self._all["state"]

    @property
    def meters(self) -> npt.NDArray[np.void]:
        """For the one writer: one `METER` a track, the master's at the end of the tracks."""
        return self._all["meters"]

    @property
    def names(self) -> npt.NDArray[np.bytes_]:
        """For the one writer: the tracks' names, in UTF-8; what does not fit is cut."""
        return self._all["names"]

    def begin(self) -> None:
        """Writing begins."""
        self._number[0] |= 1

    def end(self) -> None:
        """What was written is whole."""
        self._number[0] += 1

    def read(self) -> Snapshot:
        """A consistent copy; the one before if the writer was always in the way."""
        for _ in range(_TRIES):
            before = self._number[0]
            copy = self._all.copy()
            if before % 2 == 0 and self._number[0] == before:
                self._last = _snapshot(copy)
                return self._last
        return self._last or _snapshot(self._all.copy())

    @property
    def heartbeat(self) -> int:
        """Counts up while the render thread lives."""
        return self._beats[0]

    def beat(self) -> None:
        """The render thread lives."""
        self._beats[0] += 1

    def note(self, lufs: float, dropouts: int, xruns: int, latency_ms: float, song_delay_ms: float) -> None:
        """For the control thread: loudness, buffers that were missed, a command's and the song's way to the ear."""
        self._all["lufs"], self._all["dropouts"], self._all["xruns"] = lufs, dropouts, xruns
        self._all["latency_ms"], self._all["song_delay_ms"] = latency_ms, song_delay_ms

    def note_device(self, title: str) -> None:
        """For the control thread: where it plays now."""
        self._all["device"] = title.encode()

    @property
    def blame(self) -> str:
        """What was being worked on that might crash, "" for nothing; what was to be heard before what was built."""
        spelt = [bytes(text).decode("utf-8", "replace") for text in self._all["blame"]]
        return spelt[0] or spelt[1]

    @property
    def blames_building(self) -> bool:
        """Whether that was being built, and not yet heard."""
        heard, built = (bool(text) for text in self._all["blame"])
        return built and not heard

    def blame_on(self, what: bytes, building: bool = False) -> None:
        """Note what is being worked on; empty for nothing."""
        self._all["blame"][int(building)] = what

    def clear_blame(self) -> None:
        """Nothing is being worked on."""
        self._all["blame"] = b""

    def close(self) -> None:
        """Let go of the memory; whoever made it also removes it."""
        del self._all
        self._number.release()
        self._beats.release()
        self._memory.close()
        if self._owned:
            self._memory.unlink()


def _snapshot(copy: npt.NDArray[np.void]) -> Snapshot:
    count = int(copy["state"]["tracks"])
    names = tuple(bytes(name).decode("utf-8", "replace") for name in copy["names"][:count])
    lufs, missed = float(copy["lufs"]), (int(copy["dropouts"]), int(copy["xruns"]))
    delays = float(copy["latency_ms"]), float(copy["song_delay_ms"])
    device = copy["device"].item().decode("utf-8", "replace")
    return Snapshot(copy["state"], names, copy["meters"][: count + 1], lufs, *missed, *delays, device)
