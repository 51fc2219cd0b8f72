"""The control thread's ear: short-term loudness of the master, and the level at which the original is as loud."""

from functools import partial

import numpy as np

from plugin_host.live.metering import LoudnessMatch, ShortTermLoudness
from plugin_host.live.shared import SharedState
from plugin_host.live.signal_path import SignalPath


class LoudnessWatch:
    """Listens to remix and original side by side, a tenth of a second at a time."""

    def __init__(self, path: SignalPath, shared: SharedState) -> None:
        self._path, self._shared = path, shared
        self._remix, self._original = ShortTermLoudness(path.rate), ShortTermLoudness(path.rate)
        self._match = LoudnessMatch()
        self._room = np.zeros((4, self._remix.hop), dtype=np.float32)

    def advance(self) -> None:
        """Take in what was played since the last call."""
        ring, path = self._path.meter_ring, self._path
        while ring.readable >= self._remix.hop:
            ring.read_into(self._room)
            remix, original = self._remix.add(self._room[:2]), self._original.add(self._room[2:])
            if not path.switch.on:  # what is compared must not change while it is compared
                self._match.add(remix, original)
                path.loop.call(partial(path.switch.set_gain, self._match.gain))
        missed = path.dropouts, path.output.xruns
        self._shared.note(self._remix.lufs, *missed, path.latency_ms, path.song_delay_ms)
        self._shared.note_device(path.output.title)
