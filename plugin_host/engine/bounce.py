"""A mix rendered to files: the song remixed, and its tracks, in bounded memory.

Live and bounce share `render_block`, so what is heard is what is bounced. Output frame 0 is song frame 0 (or the
start of the part): all latency is dropped.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from plugin_host.effects.limiter import safety_limiter
from plugin_host.engine.bounce_files import mix_target, track_targets
from plugin_host.engine.bounce_outputs import OutputFile, Target, open_outputs
from plugin_host.engine.bounce_pass import PassRequest, PassResult, render_pass
from plugin_host.engine.bounce_settings import BounceReport, BounceSettings, part_of
from plugin_host.engine.bounce_warnings import warnings_of
from plugin_host.engine.bounce_watch import Cancel, Progress, Watch
from plugin_host.engine.normalise import BLOCK, LoudnessReport, plan_loudness, treated
from plugin_host.engine.prepare import check_stems, split_track
from plugin_host.engine.reduction import ReductionMeter
from plugin_host.errors import BounceError
from plugin_host.mix.state import Mix, is_audible
from plugin_host.stems.open_session import HostSession
from separation_core.audio.frames import FrameSource, WavSource
from separation_core.audio.writing import SampleFormat
from separation_core.errors import AudioError


@dataclass(frozen=True, slots=True)
class _Finished:
    """The mix file, what its limiter took away, and what became of its loudness target."""

    file: OutputFile | None
    reduction_db: float
    loudness: LoudnessReport | None = None


def bounce(
    session: HostSession,
    mix: Mix,
    out: Path,
    settings: BounceSettings | None = None,
    *,
    progress: Progress | None = None,
    cancelled: Cancel | None = None,
) -> BounceReport:
    """Render `mix` over the stems of `session` into the file `out` and, where asked for, a folder of track files.

    With `settings.take` it is the take's mix that is rendered, and changed as it was live; `mix` is not used.
    The track files go to `OUT-tracks/` beside `out` (see `TrackFiles`); a file already there is replaced. Every file
    appears only when it is complete. progress is called with frames done and frames in all, cancelled asked now and
    then. Errors: `MixError` (stem missing or cut short), `EffectError` and `PluginError` naming the track,
    `BounceError` (an empty part, a path that cannot or must not be written, disk full), `Cancelled`.
    """
    settings = settings or BounceSettings()
    mix = settings.take.mix if settings.take else mix
    check_stems(mix, session)
    part = part_of(session, settings)
    if settings.take is None:
        mix = _without_unheard_chains(mix)
    targets = _targets(session, mix, out, settings)
    request = PassRequest(session, mix, settings, part, targets, out.parent)
    watch = Watch(_work(request), progress, cancelled)
    with _as_bounce_errors(out):
        if settings.loudness is None or not settings.mix:
            found = render_pass(request, watch)
            return _report(request, found, _Finished(found.files[0], found.reduction_db))
        return _loud_bounce(request, out, settings.loudness, watch)


def _loud_bounce(request: PassRequest, out: Path, loudness: float, watch: Watch) -> BounceReport:
    """Render without the limiter to a temporary file, measure it, then bring that to the target."""
    with tempfile.TemporaryDirectory(prefix=".stemrack-", dir=request.scratch) as folder:
        raw = Target(Path(folder) / "mix.wav", SampleFormat.FLOAT32, measured=True)
        unlimited = replace(request.mix, master=replace(request.mix.master, limiter=False))
        found = render_pass(replace(request, mix=unlimited, targets=(raw, *request.targets[1:]), limited=False), watch)
        with WavSource(raw.path) as source:
            finished = _brought_to(loudness, request, out, source, found, watch)
    return _report(request, found, finished)


def _brought_to(
    loudness: float, request: PassRequest, out: Path, source: FrameSource, found: PassResult, watch: Watch
) -> _Finished:
    master, rate, raw = request.mix.master, request.session.rate, found.files[0]
    if raw is None or raw.levels is None:
        return _Finished(None, 0.0)

    def fresh_limiter() -> ReductionMeter:
        return ReductionMeter(safety_limiter(rate, master.ceiling_db), BLOCK)

    limiter = fresh_limiter if master.limiter else None
    treatment, report = plan_loudness(source, raw.levels, loudness, master.ceiling_db, limiter)
    meter = fresh_limiter() if treatment.limited else None
    with open_outputs([Target(out, request.settings.fmt, measured=True)], rate, source.frames) as outputs:
        for block in treated(source, treatment, meter):
            outputs.write([block])
            watch.advance(block.shape[1])
        file = outputs.files()[0]
    return _Finished(file, meter.reduction_db if meter else 0.0, report)


def _targets(session: HostSession, mix: Mix, out: Path, settings: BounceSettings) -> tuple[Target | None, ...]:
    fmt, kept = settings.fmt, session.files
    master = mix_target(out, fmt, kept)
    wet = track_targets(out, mix, fmt, dry=False, protected=kept) if settings.wet else []
    dry = track_targets(out, mix, fmt, dry=True, protected=kept) if settings.dry else []
    tracks = [Target(path, fmt) for path in (*wet, *dry)]
    return (Target(master, fmt, measured=True) if settings.mix else None, *tracks)


def _without_unheard_chains(mix: Mix) -> Mix:
    """Tracks that are muted, or soloed away, need no effects: a bounce's faders stand still."""
    tracks = (track if is_audible(track, mix) else replace(track, chain=()) for track in mix.tracks)
    return replace(mix, tracks=tuple(tracks))


def _work(request: PassRequest) -> int:
    """Frames to work through in all passes, for a progress bar."""
    ahead = sum(1 for track in request.mix.tracks if split_track(track)[0])
    passes = 2 if request.settings.loudness is not None and request.settings.mix else 1
    return ahead * request.session.frames + passes * (request.part.end - request.part.begin)


def _report(request: PassRequest, found: PassResult, finished: _Finished) -> BounceReport:
    rate, part, tracks = request.session.rate, request.part, [file for file in found.files[1:] if file is not None]
    wet = len(request.mix.tracks) if request.settings.wet else 0
    files = [file for file in (finished.file, *tracks) if file is not None]
    return BounceReport(
        mix=finished.file,
        tracks=tuple(tracks[:wet]),
        dry_tracks=tuple(tracks[wet:]),
        rate=rate,
        frames=found.frames,
        tail_frames=found.frames - (part.end - part.begin),
        preroll_frames=found.preroll,
        reduction_db=finished.reduction_db,
        loudness=finished.loudness,
        warnings=(*found.warnings, *warnings_of(found.faults, files, finished.loudness, request.mix.master, rate)),
    )


@contextmanager
def _as_bounce_errors(out: Path) -> Iterator[None]:
    try:
        yield
    except AudioError as error:
        raise BounceError(str(error)) from error
    except OSError as error:
        raise BounceError(f"{out} cannot be written ({error.strerror or error}): check the folder and space") from error
