"""One pass over a song or a part of it: the mix and its tracks rendered side by side into files."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from plugin_host.engine.bounce_outputs import OutputFile, Target, open_outputs, write_all
from plugin_host.engine.bounce_settings import BounceSettings, Part
from plugin_host.engine.bounce_watch import Watch
from plugin_host.engine.bounce_workers import Workers, workers
from plugin_host.engine.fault_guard import Fault
from plugin_host.engine.prepare import PreparedMix, PrepareOptions, prepared_mix
from plugin_host.engine.render_block import Block, RenderSetup
from plugin_host.engine.song_time import SongTimeRender
from plugin_host.engine.tail import trimmed_tail
from plugin_host.mix.state import Mix
from plugin_host.stems.open_session import HostSession


@dataclass(frozen=True, slots=True)
class PassRequest:
    """What to render where.

    targets: the mix (None where it is not written), then wet and dry track files as the settings ask for.
    scratch: folder for temporary files.
    """

    session: HostSession
    mix: Mix
    settings: BounceSettings
    part: Part
    targets: tuple[Target | None, ...]
    scratch: Path


@dataclass(frozen=True, slots=True)
class PassResult:
    """What was rendered: files in the order of the targets, frames in each, frames of pre-roll, and what happened.

    warnings: plugins passed by.
    """

    files: tuple[OutputFile | None, ...]
    frames: int
    preroll: int
    reduction_db: float
    faults: tuple[Fault, ...]
    warnings: tuple[str, ...]


def render_pass(request: PassRequest, watch: Watch) -> PassResult:
    """Render and write; latency dropped, pre-roll heard by the effects but not written, tail up to where it ends."""
    settings, session = request.settings, request.session
    with workers(settings.threads_for(len(request.mix.tracks))) as crew:
        options = PrepareOptions(
            allow_missing=settings.allow_missing,
            ahead_tail=round(settings.tail * session.rate),
            scratch=request.scratch,
            advance=watch.advance,
            spread=crew.spread,
        )
        setup = RenderSetup(session.rate, settings.block_frames)
        with prepared_mix(session, request.mix, setup, options) as prepared:
            return _written(request, prepared, crew, watch)


def _written(request: PassRequest, prepared: PreparedMix, crew: Workers, watch: Watch) -> PassResult:
    part, rate = request.part, request.session.rate
    preroll = min(part.begin, prepared.preroll()) if part.begin else 0
    prepared.renderer.restart(part.begin - preroll)
    frames = 0
    with open_outputs(request.targets, rate, part.end - part.begin) as outputs:
        for count in write_all(outputs, _blocks(request, prepared, crew), crew.writer):
            frames += count
            watch.advance(count)
        files = outputs.files()
    reduction_db = prepared.limiter.reduction_db if prepared.limiter else 0.0
    return PassResult(files, frames, preroll, reduction_db, prepared.renderer.faults, prepared.warnings)


def _blocks(request: PassRequest, prepared: PreparedMix, crew: Workers) -> Iterator[Sequence[Block]]:
    settings, part, rate = request.settings, request.part, request.session.rate
    render = SongTimeRender(prepared, settings.block_frames, crew.reader, wet=settings.wet, dry=settings.dry)
    stream = render.blocks(part.begin, part.end)
    yield from islice(stream, -(-(part.end - part.begin) // settings.block_frames))
    if part.to_song_end:
        yield from trimmed_tail(stream, round(settings.tail * rate), rate)
