"""From a session and a mix to what can be rendered: open sources, running chains, and a `MixRenderer` over them.

Everything slow or able to fail happens here, outside any audio thread. A chain with an effect that cannot be
streamed is split: the part up to that effect is rendered ahead into a temporary float32 file, which then takes the
stem's place, and only the rest of the chain runs with the mix.
"""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from plugin_host.effects.chain import ChainRunner, named, render_ahead, split_render_ahead
from plugin_host.effects.limiter import safety_limiter
from plugin_host.engine.changes import where
from plugin_host.engine.gains import mix_gains
from plugin_host.engine.reduction import ReductionMeter
from plugin_host.engine.render_block import MixRenderer, RenderSetup, Spread
from plugin_host.errors import MixError
from plugin_host.mix.apply import chain_of
from plugin_host.mix.commands import AUX_BUSES, MASTER, Bus, ChainOwner
from plugin_host.mix.state import Chain, Master, Mix, Track
from plugin_host.stems.open_session import HostSession
from plugin_host.stems.reader import SilentStem, StemReader
from separation_core.audio.frames import FrameSource, WavSource
from separation_core.audio.writing import SongWriter

AHEAD_BLOCK = 65_536
MIN_PREROLL_SECONDS = 5.0
MAX_PREROLL_SECONDS = 60.0


Marker = Callable[[ChainOwner | None, int], None]
"""Called before an external plugin works, or is loaded, with whose chain it is in and its slot there, and with None
after, so that a crash can be blamed on it; in the thread that does it."""


def unmarked(owner: ChainOwner | None, slot: int) -> None:
    """Notes nothing."""


@dataclass(frozen=True, slots=True)
class PreparedMix:
    """A mix that can be rendered.

    sources: per track, stereo at the session's rate. renderer: over chains for these sources, in the same order.
    chains: per track. auxes: of the aux buses, `sending` where a track sends to them. limiter: meter of the safety
    limiter, None where it is off. warnings: plugins passed by, one line each.
    """

    sources: tuple[FrameSource, ...]
    renderer: MixRenderer
    chains: tuple[ChainRunner, ...]
    auxes: tuple[ChainRunner, ...]
    sending: tuple[bool, ...]
    master: ChainRunner
    limiter: ReductionMeter | None

    @property
    def warnings(self) -> tuple[str, ...]:
        """One line per plugin that is not there and was passed by."""
        return tuple(line for runner in (*self.chains, *self.auxes, self.master) for line in runner.warnings)

    def preroll(self) -> int:
        """Frames before a part of a song that the effects should hear, so that it sounds as it does in the whole.

        All the latency and tail there is (measured on the spot), but at least 5 s, in which envelopes of compressors
        and gates settle, and at most 60 s.
        """
        tracks = max(runner.tail for runner in self.chains)
        auxes = max((aux.tail for aux, heard in zip(self.auxes, self.sending, strict=True) if heard), default=0)
        rate = self.sources[0].rate
        wanted = tracks + auxes + self.master.tail + self.renderer.latency
        return int(np.clip(wanted, MIN_PREROLL_SECONDS * rate, MAX_PREROLL_SECONDS * rate))


@dataclass(frozen=True, slots=True)
class PrepareOptions:
    """How to prepare.

    allow_missing: a plugin that is not installed is passed by instead of refused. ahead_tail: frames to render
    beyond the song where something is rendered ahead. scratch: folder for what is rendered ahead (system default
    where None). advance: told how many frames were rendered ahead, as it goes on. spread: see `MixRenderer`. marker:
    see `Marker`. silenced: told, in one line, of a stem that cannot be opened and is silent instead, and there may be
    no tracks; None refuses both.
    """

    allow_missing: bool = False
    ahead_tail: int = 0
    scratch: Path | None = None
    advance: Callable[[int], None] | None = None
    spread: Spread = map
    marker: Marker = unmarked
    silenced: Callable[[str], None] | None = None


@contextmanager
def prepared_mix(
    session: HostSession, mix: Mix, setup: RenderSetup, options: PrepareOptions | None = None
) -> Iterator[PreparedMix]:
    """Open and build everything `mix` needs; files are closed and temporary ones removed at the end.

    `setup.rate` is the session's. Errors: `MixError` (a stem the session lacks, a file that cannot be read),
    `EffectError` and `PluginError` naming the track.
    """
    options = options or PrepareOptions()
    if mix.tracks or options.silenced is None:
        check_stems(mix, session)
    with ExitStack() as stack:
        tracks = [
            (track_source(session, track, options, stack), track_chain(track, setup.rate, options))
            for track in mix.tracks
        ]
        sources, chains = tuple(source for source, _ in tracks), tuple(chain for _, chain in tracks)
        auxes = tuple(bus_chain(bus, mix, setup.rate, options) for bus in AUX_BUSES)
        master = bus_chain(MASTER, mix, setup.rate, options)
        limiter = make_limiter(mix.master, setup.rate, setup.longest_block)
        names, gains = [track.name for track in mix.tracks], mix_gains(mix)
        renderer = MixRenderer(names, chains, gains, master, limiter, setup, options.spread, auxes)
        sending = tuple(bool(sends.any()) for sends in gains.sends.T)
        yield PreparedMix(sources, renderer, chains, auxes, sending, master, limiter)


def check_stems(mix: Mix, session: HostSession) -> None:
    """`MixError` unless the mix has tracks and every one plays a stem the session has."""
    if not mix.tracks:
        raise MixError("the mix has no tracks: add at least one")
    for track in mix.tracks:
        if track.stem not in session.stems:
            there = f"no stem {track.stem!r} in the session, but {', '.join(session.stems)}"
            raise MixError(f"track {track.name}: {there}: change its mix, or begin with --plain")


def split_track(track: Track) -> tuple[Chain, Chain]:
    """The part of a track's chain that must be rendered ahead, and the rest; `EffectError` names the track."""
    with named(where(track.name)):
        return split_render_ahead(track.chain)


def track_source(session: HostSession, track: Track, options: PrepareOptions, stack: ExitStack) -> FrameSource:
    """What a track's running chain hears: its stem, or what was rendered ahead of it; closed by `stack`."""
    stem = stack.enter_context(closing(_open_stem(session, track, options)))
    ahead, _ = split_track(track)
    if not ahead:
        return stem
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix=".stemrack-", dir=options.scratch))
    path = Path(folder) / "ahead.wav"
    _render_to(path, replace(track, chain=ahead), stem, options)
    return stack.enter_context(WavSource(path))


def _open_stem(session: HostSession, track: Track, options: PrepareOptions) -> StemReader | SilentStem:
    try:
        return session.open_stem(track.stem)
    except MixError as error:
        if options.silenced is None:
            raise
        options.silenced(f"track {track.name} is silent: {error}")
        return SilentStem(session.rate, session.frames)


def track_chain(track: Track, rate: int, options: PrepareOptions) -> ChainRunner:
    """A track's running chain: what is not rendered ahead of it."""
    ahead, rest = split_track(track)
    return _runner(rest, track.name, rate, options, len(ahead))


def bus_chain(bus: Bus, mix: Mix, rate: int, options: PrepareOptions) -> ChainRunner:
    """A bus's running chain; `MixError` where something in it cannot be streamed."""
    chain = chain_of(mix, bus)
    with named(where(bus)):
        ahead, _ = split_render_ahead(chain)
    if ahead:
        kind = ahead[-1].kind
        raise MixError(f"{bus.value}: {kind} cannot be streamed over a whole mix: put it on the tracks instead")
    return _runner(chain, bus, rate, options)


def make_limiter(master: Master, rate: int, longest_block: int) -> ReductionMeter | None:
    """The safety limiter, where it is on."""
    return ReductionMeter(safety_limiter(rate, master.ceiling_db), longest_block) if master.limiter else None


def _runner(chain: Chain, owner: ChainOwner, rate: int, options: PrepareOptions, first_slot: int = 0) -> ChainRunner:
    missing, mark = options.allow_missing, _mark(owner, options)
    return ChainRunner(chain, rate, allow_missing=missing, where=where(owner), first_slot=first_slot, mark=mark)


def _mark(owner: ChainOwner, options: PrepareOptions) -> Callable[[int], None]:
    return lambda slot: options.marker(owner if slot >= 0 else None, slot)


def _render_to(path: Path, track: Track, stem: FrameSource, options: PrepareOptions) -> None:
    frames = stem.frames + options.ahead_tail
    name, missing = track.name, options.allow_missing
    rendered = render_ahead(
        track.chain,
        _blocks(stem, frames),
        stem.rate,
        frames,
        allow_missing=missing,
        where=where(name),
        mark=_mark(name, options),
    )
    with SongWriter(path, stem.rate, 2, expected_frames=frames) as writer:
        for block in rendered:
            writer.write(block)
            if options.advance is not None:
                options.advance(block.shape[1])


def _blocks(source: FrameSource, frames: int) -> Iterator[npt.NDArray[np.float32]]:
    for start in range(0, frames, AHEAD_BLOCK):
        yield source.read(start, min(AHEAD_BLOCK, frames - start))
