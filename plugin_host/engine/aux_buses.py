"""The aux buses: what the tracks send behind their faders, through a chain each, back into the mix."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from plugin_host.engine.crossfade import Crossfade
from plugin_host.engine.fault_guard import Fault, FaultGuard
from plugin_host.engine.gains import MixGains
from plugin_host.engine.glide import GainGlide
from plugin_host.engine.latency import alignment
from plugin_host.engine.strip import Block, RunningChain, Strip, revive


class AuxBus:
    """One bus. It begins to run when the first send opens, and runs from then on: its echoes need no send.

    name: for faults. sends: (track,) amplitudes. level: (2,), of what comes back. delay: see `Strip`.
    """

    def __init__(
        self,
        name: str,
        chain: RunningChain,
        delay: int,
        gains: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]],
        shape: npt.NDArray[np.float64],
        longest_block: int,
    ) -> None:
        sends, level = gains
        self.strip = Strip(chain, delay, longest_block)
        self.guard = FaultGuard([name], (1.0 - shape).astype(np.float32))
        self._sends = GainGlide(np.repeat(sends, 2), shape)
        self._level = GainGlide(level, shape)
        self._longest_block = longest_block
        self._room = np.empty(2 * len(sends) * longest_block, dtype=np.float32)
        self.running = bool(sends.any())

    def step(self, sends: npt.NDArray[np.float64], level: npt.NDArray[np.float64]) -> None:
        """Move to these amplitudes, from the next frame on."""
        self._sends.step(np.repeat(sends, 2), self._sends.frame)
        self._level.step(level, self._level.frame)
        if not self.running:  # nothing is heard of the way to the level
            self._level.jump(self._level.frame)
            self.running = bool(sends.any())

    def rearrange(self, channels: npt.NDArray[np.intp]) -> None:
        """Tracks have come or gone; see `GainGlide.rearrange`."""
        self._sends.rearrange(channels)
        self._room = np.empty(len(channels) * self._longest_block, dtype=np.float32)

    def process(self, tracks: Block, out: Block, fade: Crossfade | None, frame: int) -> None:
        """What comes back (2, frame) of the faded tracks (track, 2, frame)."""
        count = tracks.shape[2]
        if not self.running:
            out[:] = 0.0
            return
        fed = self._room[: 2 * len(tracks) * count].reshape(-1, count)
        self._sends.apply(tracks.reshape(-1, count), out=fed)
        back = self.strip.process(np.add.reduce(fed.reshape(-1, 2, count), axis=0), out, fade, frame)
        if back is not out:
            out[:] = back
        self.guard.process(out[None], frame)
        self._level.apply(out, out=out)

    def reset(self) -> None:
        """Forget everything heard so far; the faders stand on target."""
        self.strip.reset()
        self.guard.reset()
        self._sends.jump(self._sends.frame)
        self._level.jump(self._level.frame)


class AuxBuses:
    """All of them, in time with each other. chains, gains: one per bus. running: whether anything comes back."""

    def __init__(
        self,
        names: Sequence[str],
        chains: Sequence[RunningChain],
        gains: MixGains,
        shape: npt.NDArray[np.float64],
        longest_block: int,
    ) -> None:
        self.latency, delays = alignment([chain.latency for chain in chains])
        self.buses = tuple(
            AuxBus(name, chain, delay, (gains.sends[:, at], gains.auxes[at]), shape, longest_block)
            for at, (name, chain, delay) in enumerate(zip(names, chains, delays, strict=True))
        )
        self.running = any(bus.running for bus in self.buses)

    @property
    def faults(self) -> tuple[Fault, ...]:
        """Buses that were silenced."""
        return tuple(fault for bus in self.buses for fault in bus.guard.faults)

    def step(self, sends: npt.NDArray[np.float64], levels: npt.NDArray[np.float64]) -> None:
        """sends: (track, aux), levels: (aux, 2), from the next frame on."""
        for at, bus in enumerate(self.buses):
            bus.step(sends[:, at], levels[at])
        self.running = any(bus.running for bus in self.buses)

    def exchange(self, chains: Sequence[RunningChain]) -> None:
        """Begin to run these chains beside the present ones."""
        self.latency, delays = alignment([chain.latency for chain in chains])
        for bus, chain, delay in zip(self.buses, chains, delays, strict=True):
            revive(bus.strip, chain, bus.guard, 0)
            bus.strip.exchange(chain, delay)

    def finish(self) -> None:
        """The fade is over."""
        for bus in self.buses:
            bus.strip.finish()

    def rearrange(self, channels: npt.NDArray[np.intp]) -> None:
        """Tracks have come or gone; see `GainGlide.rearrange`."""
        for bus in self.buses:
            bus.rearrange(channels)

    def process(self, tracks: Block, outs: Block, fade: Crossfade | None, frame: int) -> None:
        """What comes back (aux, 2, frame) of the faded tracks (track, 2, frame)."""
        for bus, out in zip(self.buses, outs, strict=True):
            bus.process(tracks, out, fade, frame)

    def reset(self) -> None:
        """Forget everything heard so far; the faders stand on target."""
        for bus in self.buses:
            bus.reset()
