"""From measurements to findings: what is wrong, how bad it is, and what to do about it."""

import math
from collections.abc import Iterator

from separation_core.evaluation.comparison import SAME
from separation_core.evaluation.report import FileReport, Finding, SessionReport, Severity
from separation_core.sessions.manifest import Manifest

SUM_LIMIT_DB = {"float32": -120.0, "pcm24": -110.0, "flac": -110.0, "pcm16": -70.0}
"""Highest error of the sum in dBFS that rounding and dither of a sample format explain, for up to 16 stems."""

NEAR_SILENT_PEAK_DB = -60.0
NEAR_SILENT_BELOW_SONG_DB = 50.0
HIGHEST_DC = 0.01
LEVEL_TOLERANCE_DB = 0.5
SHORTEST_COMPARED = 0.02
"""Seconds: within less than a period of a low note most sounds are alike, and of one frame all are."""


def judge(report: SessionReport, manifest: Manifest) -> tuple[Finding, ...]:
    """All findings about a measured session, the gravest first."""
    found = [*_sum(report, manifest), *_silent_song(report)]
    if report.frames >= SHORTEST_COMPARED * report.rate:
        found += _compared(report)
    for stem in report.stems:
        found += [*_near_silent(stem, report), *_full_scale(stem, manifest)]
    for file in (report.song, *report.stems):
        found += _faults(file) if file else ()
    found += _edited(report, manifest)
    gravity = [Severity.ERROR, Severity.WARNING, Severity.INFO]
    return tuple(sorted(found, key=lambda finding: gravity.index(finding.severity)))


def _sum(report: SessionReport, manifest: Manifest) -> Iterator[Finding]:
    if report.sum_error is None or report.song is None:
        return
    settings, peak = manifest.model.settings, report.sum_error.peak_db
    limit = SUM_LIMIT_DB.get(str(settings.get("format")), -120.0) + max(0.0, report.song.peak_db)
    if peak <= limit:
        return
    message = f"the stems miss the song by up to {peak:.1f} dBFS ({report.sum_error.relative_db:.1f} dB of the song)"
    if settings.get("sum") == "residual":
        remedy = f"at most {limit:.0f} dBFS was promised: separate the song again with --force"
        yield Finding(Severity.ERROR, "session", message, remedy)
    else:
        yield Finding(Severity.INFO, "session", message, "separate with --sum residual where the sum must be the song")


def _silent_song(report: SessionReport) -> Iterator[Finding]:
    if report.song and report.song.peak_db < NEAR_SILENT_PEAK_DB:
        yield Finding(Severity.WARNING, "song", "the song is silent", "check that this is the file you meant")


def _compared(report: SessionReport) -> Iterator[Finding]:
    yield from _twins(report)
    for stem in report.stems:
        yield from _copy(stem, report)
        yield from _late(stem)


def _twins(report: SessionReport) -> Iterator[Finding]:
    copies = {stem.name for stem in report.stems if _is_copy(stem)}
    for one, other in report.twins:
        if not {one, other} <= copies:
            yield Finding(
                Severity.ERROR,
                one,
                f"sounds the same as {other}",
                "separate again with another model: these two failed",
            )


def _copy(stem: FileReport, report: SessionReport) -> Iterator[Finding]:
    if len(report.stems) > 1 and _is_copy(stem):
        yield Finding(
            Severity.ERROR,
            stem.name,
            f"is a copy of the whole song at gain {stem.share:.2f} (correlation {stem.likeness:.4f}), not a part of it",
            "separate again with another model; fine only if the song holds nothing but this",
        )


def _is_copy(stem: FileReport) -> bool:
    return abs(stem.likeness) >= SAME


def _near_silent(stem: FileReport, report: SessionReport) -> Iterator[Finding]:
    loudest = report.song.rms_db if report.song else 0.0
    if stem.peak_db < NEAR_SILENT_PEAK_DB or stem.rms_db < loudest - NEAR_SILENT_BELOW_SONG_DB:
        yield Finding(
            Severity.WARNING,
            stem.name,
            f"is nearly silent (peak {stem.peak_db:.1f} dBFS)",
            "nothing to do if the song has no such part; else try another model",
        )


def _late(stem: FileReport) -> Iterator[Finding]:
    if stem.offset:
        side = "after" if stem.offset > 0 else "before"
        yield Finding(
            Severity.ERROR,
            stem.name,
            f"lies {abs(stem.offset)} frames {side} the song",
            "separate the song again with --force, and do not edit the start of a stem",
        )


def _full_scale(stem: FileReport, manifest: Manifest) -> Iterator[Finding]:
    if not stem.full_scale:
        return
    if manifest.model.settings.get("format") == "float32":
        message = f"goes up to {stem.peak_db:+.1f} dBFS, which float32 keeps unclipped"
        yield Finding(Severity.INFO, stem.name, message, "lower it before writing it to a 16- or 24-bit file")
    else:
        message = f"{stem.full_scale} samples touch full scale and may be clipped"
        yield Finding(Severity.WARNING, stem.name, message, "separate again with float32 stems")


def _faults(file: FileReport) -> Iterator[Finding]:
    if file.non_finite:
        message = f"{file.non_finite} samples are not numbers (NaN or infinite)"
        yield Finding(Severity.ERROR, file.name, message, "separate the song again with --force")
    if file.dc > HIGHEST_DC:
        message = f"has a constant offset (DC) of {file.dc:.3f}"
        yield Finding(Severity.INFO, file.name, message, "add a high-pass filter at 20 Hz to its chain")


def _edited(report: SessionReport, manifest: Manifest) -> Iterator[Finding]:
    # Whole numbers cannot hold what is over full scale: `_full_scale` tells of that.
    highest = math.inf if manifest.model.settings.get("format") == "float32" else 0.0
    promised = {record.name: min(record.peak_db, highest) for record in manifest.stems}
    for stem in report.stems:
        # Equal covers silence, where both are -inf and have no difference.
        if stem.peak_db != promised[stem.name] and abs(stem.peak_db - promised[stem.name]) > LEVEL_TOLERANCE_DB:
            message = f"peaks at {stem.peak_db:.1f} dBFS where the manifest says {promised[stem.name]:.1f}"
            yield Finding(
                Severity.WARNING,
                stem.name,
                message,
                "the file was changed: separate the song again with --force to undo that",
            )
