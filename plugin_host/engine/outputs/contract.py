"""What every output promises, whatever is behind it."""

from collections.abc import Callable
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

Block = npt.NDArray[np.float32]
"""(channel, frame) samples; full scale is ±1."""

Pull = Callable[[Block], None]
"""Fills the block it is given. It is called in the device's own thread: it may copy, and nothing else."""

Rolling = Literal["no", "starting", "yes"]
"""Of a server's transport; "starting" while it waits for clients that are not ready."""


class TransportFollower(Protocol):
    """Who keeps to a server's transport. Both are called in the device's thread: no waiting."""

    def cycle(self, rolling: Rolling, frame: int) -> None:
        """Before every pull: the transport's state and frame (of the server's rate) for the samples to be pulled."""

    def is_ready(self, frame: int) -> bool:
        """Whether the transport may roll from that frame on; the server asks until all its clients are ready."""


class Output(Protocol):
    """A device, a server, a file or a clock that takes sound away, one buffer after the other.

    title: in words, for the user. rate: the device's own, in Hz; whoever fills the ring resamples. buffer: frames it
    takes at a time; a JACK server may change it while it runs. channels: of the block that is pulled: two per lane,
    in the lanes' order, wherever they come out. alive: False once it has gone for good. problem: why, or what else
    went wrong, one line; "" where nothing did. xruns: times the device was not served in time. latency_frames: from
    the pull to the loudspeaker, as far as the device tells. tells_its_end: whether `alive` surely turns False when the
    device goes; else one that has been silent for long may be gone, too.
    """

    @property
    def title(self) -> str: ...  # noqa: D102 - said above, as all that follow
    @property
    def rate(self) -> int: ...  # noqa: D102
    @property
    def buffer(self) -> int: ...  # noqa: D102
    @property
    def channels(self) -> int: ...  # noqa: D102
    @property
    def alive(self) -> bool: ...  # noqa: D102
    @property
    def problem(self) -> str: ...  # noqa: D102
    @property
    def xruns(self) -> int: ...  # noqa: D102
    @property
    def latency_frames(self) -> int: ...  # noqa: D102

    @property
    def tells_its_end(self) -> bool: ...  # noqa: D102

    def start(self, pull: Pull) -> None:
        """Begin to pull; once. `OutputError` where the device refuses."""

    def stop(self) -> None:
        """End for good and give the device back; harmless when repeated."""
