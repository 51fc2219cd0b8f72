"""What a check of a session found, as plain data."""

import math
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any


class Severity(StrEnum):
    """How much a finding matters: nothing wrong, worth a listen, or not what a session promises."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line about `subject` (a stem's name, "song" or "session") and one line on what to do about it."""

    severity: Severity
    subject: str
    message: str
    remedy: str


@dataclass(frozen=True, slots=True)
class SumError:
    """Sum of the stems minus the song: highest sample and RMS in dBFS, and RMS relative to the song's RMS in dB."""

    peak_db: float
    rms_db: float
    relative_db: float


@dataclass(frozen=True, slots=True)
class FileReport:
    """One file of a session, measured.

    lufs: ITU-R BS.1770-4, -inf where there is none. peak_db, true_peak_db, rms_db: dBFS. full_scale: samples that
    touch or pass full scale. non_finite: NaN and infinite samples. dc: largest absolute mean of a channel.
    likeness: correlation with the song at no offset, -1 to 1. share: gain of the song that fits the file best.
    offset: frames by which the file comes after the song, None where that cannot be told.
    """

    name: str
    file: str
    lufs: float
    peak_db: float
    true_peak_db: float
    rms_db: float
    full_scale: int
    non_finite: int
    dc: float
    likeness: float
    share: float
    offset: int | None


@dataclass(frozen=True, slots=True)
class SessionReport:
    """A checked session.

    song, sum_error: None, and stems: short, where files cannot be read as promised. twins: pairs of stems that are the
    same but for their gain.
    """

    folder: Path
    rate: int
    frames: int
    sum_error: SumError | None
    song: FileReport | None
    stems: tuple[FileReport, ...]
    twins: tuple[tuple[str, str], ...]
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether the session is what it promises to be: no finding is an error."""
        return all(finding.severity is not Severity.ERROR for finding in self.findings)

    def as_json(self) -> dict[str, Any]:
        """The report as JSON values; levels of silence (-inf) become null."""
        plain: dict[str, Any] = _json_value(asdict(self))
        return plain | {"ok": self.ok}


def _json_value(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _json_value(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_json_value(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    return None if isinstance(value, float) and not math.isfinite(value) else value
