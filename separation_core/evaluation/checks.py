"""A session checked without knowing the true stems: does it sum to the song, and is anything odd about a stem."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np

from separation_core.audio.frames import WavSource
from separation_core.audio.loudness import LevelMeter
from separation_core.evaluation.alignment import offset
from separation_core.evaluation.comparison import SAME, Comparison
from separation_core.evaluation.findings import judge
from separation_core.evaluation.report import FileReport, Finding, SessionReport, Severity
from separation_core.sessions.manifest import StemRecord, read_manifest
from separation_core.sessions.store import Session, file_problem

_BLOCK = 1 << 16


def check_session(folder: Path) -> SessionReport:
    """Measure every file of the session at `folder` and say what is wrong with it and what to do about it.

    Streams: memory does not grow with the song. A file that is missing, of another length or unreadable is a finding;
    only a folder without a usable manifest raises (`NotASession`, `ManifestInvalid`, `ManifestTooNew`).
    """
    session = Session(folder.absolute(), read_manifest(folder))
    manifest = session.manifest
    problems = {record.name: file_problem(session, record) for record in manifest.stems}
    broken = [_broken(name, problem) for name, problem in problems.items() if problem]
    song_problem = file_problem(session, manifest.song)
    if song_problem:
        broken.append(_broken("song", song_problem))
        return SessionReport(session.folder, manifest.rate, manifest.frames, None, None, (), (), tuple(broken))
    readable = [record for record in manifest.stems if not problems[record.name]]
    report = _measured(session, readable)
    if broken:
        report = replace(report, sum_error=None)
    return replace(report, findings=(*broken, *judge(report, manifest)))


def _broken(name: str, problem: str) -> Finding:
    return Finding(Severity.ERROR, name, problem, "separate the song again with --force")


def _measured(session: Session, records: list[StemRecord]) -> SessionReport:
    manifest = session.manifest
    every = (manifest.song, *records)
    with ExitStack() as stack:
        sources = [stack.enter_context(WavSource(session.folder / record.file)) for record in every]
        comparison, meters = Comparison(len(records)), [LevelMeter(manifest.rate, 2) for _ in every]
        for blocks in _blocks(sources, manifest.frames):
            comparison.add(blocks[0], blocks[1:])
            for meter, block in zip(meters, blocks, strict=True):
                meter.add(block)
        offsets = [offset(source, sources[0]) for source in sources]
    files = _files(every, meters, comparison, offsets)
    twins = _twins(records, comparison.likeness()[1:, 1:])
    total = comparison.sum_error()
    return SessionReport(session.folder, manifest.rate, manifest.frames, total, files[0], files[1:], twins, ())


def _twins(records: list[StemRecord], likeness: np.ndarray) -> tuple[tuple[str, str], ...]:
    pairs = combinations(range(len(records)), 2)
    return tuple((records[a].name, records[b].name) for a, b in pairs if abs(likeness[a, b]) >= SAME)


def _blocks(sources: list[WavSource], frames: int) -> Iterator[np.ndarray]:
    for start in range(0, frames, _BLOCK):
        yield np.stack([source.read(start, min(_BLOCK, frames - start)) for source in sources])


def _files(
    records: tuple[StemRecord, ...], meters: list[LevelMeter], comparison: Comparison, offsets: list[int | None]
) -> tuple[FileReport, ...]:
    likeness, full_scale = comparison.likeness()[0], comparison.full_scale()
    shares = np.concatenate([[1.0], comparison.shares()])
    return tuple(
        _file(record, meter, int(full_scale[place]), float(likeness[place]), float(shares[place]), offsets[place])
        for place, (record, meter) in enumerate(zip(records, meters, strict=True))
    )


def _file(
    record: StemRecord, meter: LevelMeter, full_scale: int, likeness: float, share: float, late: int | None
) -> FileReport:
    levels = meter.levels()
    return FileReport(
        name=record.name,
        file=record.file,
        lufs=levels.lufs,
        peak_db=levels.peak_db,
        true_peak_db=levels.true_peak_db,
        rms_db=levels.rms_db,
        full_scale=full_scale,
        non_finite=levels.non_finite,
        dc=levels.dc,
        likeness=likeness,
        share=share,
        offset=late,
    )
