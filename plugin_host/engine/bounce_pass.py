"""One pass over a song or a part of it: the mix and its tracks rendered side by side into files."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from plugin_host.engine.bounce_outputs import OutputFile, Target, open_outputs, write_all
from plugin_host.engine.bounce_settings import BounceSettings, Part
from plugin_host.engine.bounce_watch import Watch
from plugin_host.engine.bounce_workers import Workers, workers
from plugin_host.engine.builder import Builder
from plugin_host.engine.fault_guard import Fault
from plugin_host.engine.prepare import PreparedMix, PrepareOptions, prepared_mix
from plugin_host.engine.render_block import RenderSetup
from plugin_host.engine.song_time import SongTimeRender
from plugin_host.engine.strip import Block
from plugin_host.engine.tail import trimmed_tail
from plugin_host.engine.take_changes import TakeChanges
from plugin_host.mix.state import Mix
from plugin_host.stems.open_session import HostSession


@dataclass(frozen=True, slots=True)
class PassRequest:
    """What to render where.

    targets: the mix (None where it is not written), then wet and dry track files as the settings ask for.
    scratch: folder for temporary files. limited: False leaves the safety limiter off, whatever the take says.
    """

    session: HostSession
    mix: Mix
    settings: BounceSettings
    part: Part
    targets: tuple[Target | None, ...]
    scratch: Path
    limited: bool = True


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
        with prepared_mix(session, request.mix, setup, options) as prepared, _take_changes(request, options) as changes:
            return _written(request, prepared, changes, crew, watch)


@contextmanager
def _take_changes(request: PassRequest, options: PrepareOptions) -> Iterator[TakeChanges | None]:
    take, settings, rate = request.settings.take, request.settings, request.session.rate
    if take is None:
        yield None
        return
    builder = Builder(
        request.session,
        rate,
        settings.block_frames,
        allow_missing=options.allow_missing,
        scratch=options.scratch,
        ahead_tail=options.ahead_tail,
    )
    with closing(builder):
        yield TakeChanges(take, builder, rate, limited=request.limited)


def _written(
    request: PassRequest, prepared: PreparedMix, changes: TakeChanges | None, crew: Workers, watch: Watch
) -> PassResult:
    part, rate = request.part, request.session.rate
    preroll = _preroll(request, prepared)
    prepared.renderer.restart(part.begin - preroll)
    frames = 0
    with open_outputs(request.targets, rate, part.end - part.begin) as outputs:
        for count in write_all(outputs, _blocks(request, prepared, changes, crew), crew.writer):
            frames += count
            watch.advance(count)
        files = outputs.files()
    reduction_db = prepared.limiter.reduction_db if prepared.limiter else 0.0
    warnings = (*prepared.warnings, *(changes.warnings if changes else ()))
    return PassResult(files, frames, preroll, reduction_db, prepared.renderer.faults, warnings)


def _preroll(request: PassRequest, prepared: PreparedMix) -> int:
    """Frames to hear before the part: a take from its beginning, and its beginning as if nothing was before."""
    part, take = request.part, request.settings.take
    if take is not None and take.start <= part.begin:
        return part.begin - take.start
    return min(part.begin, prepared.preroll()) if part.begin else 0


def _blocks(
    request: PassRequest, prepared: PreparedMix, changes: TakeChanges | None, crew: Workers
) -> Iterator[Sequence[Block]]:
    settings, part, rate = request.settings, request.part, request.session.rate
    block, reader = settings.block_frames, crew.reader
    render = SongTimeRender(prepared, block, reader, wet=settings.wet, dry=settings.dry, changes=changes)
    stream, left = render.blocks(part.begin, part.end), part.end - part.begin
    while left:
        outputs = next(stream)
        yield outputs
        left -= outputs[0].shape[1]
    if part.to_song_end:
        yield from trimmed_tail(stream, round(settings.tail * rate), rate)
