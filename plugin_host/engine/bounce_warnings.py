"""What a user should know about a bounce that worked."""

import math
from collections.abc import Iterable, Sequence

from plugin_host.engine.bounce_outputs import OutputFile
from plugin_host.engine.fault_guard import Fault
from plugin_host.engine.normalise import LoudnessReport
from plugin_host.mix.state import Master


def warnings_of(
    faults: Iterable[Fault], files: Sequence[OutputFile], loudness: LoudnessReport | None, master: Master, rate: int
) -> tuple[str, ...]:
    """One line each: silenced tracks, clipped files, a loudness target that was not reached."""
    return (
        *(fault_warning(fault, rate) for fault in faults),
        *(_clipped(file) for file in files if file.clipped),
        *(_loudness(loudness, master) if loudness else ()),
    )


def fault_warning(fault: Fault, rate: int) -> str:
    """What happened to a track or the master whose effects gave something that is no sound."""
    return (
        f"{fault.where}: its effects gave NaN, infinity or an absurd level at {fault.frame / rate:.3f} s, "
        f"so it is silent from there: check its chain"
    )


def _clipped(file: OutputFile) -> str:
    return f"{file.path}: {file.clipped} samples clipped: turn it down, or write float32"


def _loudness(report: LoudnessReport, master: Master) -> tuple[str, ...]:
    if math.isinf(report.reached):
        return ("the mix is silent, so its loudness was left alone",)
    if not report.held_by_ceiling:
        return ()
    return (
        f"the ceiling of {master.ceiling_db:g} dB true peak holds the mix at {report.reached:.1f} LUFS, "
        f"{report.target:g} was asked for",
    )
