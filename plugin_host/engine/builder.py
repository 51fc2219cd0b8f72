"""Builds what a change of a playing mix needs, outside any audio thread."""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from plugin_host.effects.chain import ChainRunner
from plugin_host.effects.frame_buffers import silence
from plugin_host.engine.changes import ChangePlan, PreparedChange
from plugin_host.engine.gains import mix_gains
from plugin_host.engine.prepare import (
    Marker,
    PrepareOptions,
    bus_chain,
    make_limiter,
    track_chain,
    track_source,
    unmarked,
)
from plugin_host.mix.commands import ChainOwner
from plugin_host.mix.roles import drum_tracks
from plugin_host.mix.state import Mix
from plugin_host.stems.open_session import HostSession
from separation_core.audio.frames import FrameSource

WARM_UP_FRAMES = 512
WARM_UP_BLOCKS = 4
SOURCES_KEPT = 2
"""Sources of one track that stay open: the one being read, and the one to be switched to."""


class Builder:
    """Makes changes ready; one thread at a time, any but the audio thread. Close it when nothing plays any more.

    rate: Hz, the session's. longest_block: frames, the renderer's. allow_missing: a plugin that is not installed is
    passed by. scratch: folder for what is rendered ahead (the system's where None). ahead_tail: frames to render
    beyond the song there. marker: see `prepare.Marker`.
    """

    def __init__(
        self,
        session: HostSession,
        rate: int,
        longest_block: int,
        *,
        allow_missing: bool = False,
        scratch: Path | None = None,
        ahead_tail: int = 0,
        marker: Marker = unmarked,
    ) -> None:
        self._session, self._rate, self._longest = session, rate, longest_block
        self._options = PrepareOptions(allow_missing, ahead_tail, scratch, marker=marker)
        self._open: dict[str, list[ExitStack]] = {}

    def build(self, plan: ChangePlan, new: Mix) -> PreparedChange:
        """What `plan` (from `plan_change`) asks for, to arrive at `new`; slow where a track is rendered ahead.

        Errors: `MixError` (a stem the session lacks, a file that cannot be read), `EffectError` and `PluginError`
        naming the track or bus.
        """
        owners: tuple[ChainOwner, ...] = (*plan.rebuild, *plan.added)
        chains = {owner: self._chain(owner, new) for owner in owners}
        sources = {name: self._source(name, new) for name in (*plan.reread, *plan.added)}
        limiter = make_limiter(new.master, self._rate, self._longest) if plan.limiter else None
        names = tuple(track.name for track in new.tracks)
        drums = drum_tracks(new.tracks)
        return PreparedChange(plan, names, mix_gains(new), chains, sources, drums, limiter, _warnings(chains))

    def close(self) -> None:
        """Close every source and remove what was rendered ahead."""
        for stacks in self._open.values():
            for stack in stacks:
                stack.close()
        self._open.clear()

    def _chain(self, owner: ChainOwner, mix: Mix) -> ChainRunner:
        if isinstance(owner, str):
            runner = track_chain(mix.track(owner), self._rate, self._options)
        else:
            runner = bus_chain(owner, mix, self._rate, self._options)
        for _ in range(WARM_UP_BLOCKS):  # the first blocks of an effect cost more than those that follow
            runner.process(silence(WARM_UP_FRAMES))
        return runner

    def _source(self, name: str, mix: Mix) -> FrameSource:
        with ExitStack() as stack:
            source = track_source(self._session, mix.track(name), self._options, stack)
            stacks = self._open.setdefault(name, [])
            stacks.append(stack.pop_all())
        if len(stacks) > SOURCES_KEPT:
            stacks.pop(0).close()
        return source


def _warnings(chains: Mapping[ChainOwner, ChainRunner]) -> tuple[str, ...]:
    return tuple(line for chain in chains.values() for line in chain.warnings)
