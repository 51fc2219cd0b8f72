"""What a listener may choose when a session is prepared, and the key that these choices and the song make."""

import json
from dataclasses import dataclass, field
from hashlib import sha256

from separation_core.audio.writing import SampleFormat
from separation_core.errors import ModelError
from separation_core.inference.consistency import SumMode
from separation_core.inference.separate import SeparationSettings
from separation_core.jobs.part import Part
from separation_core.models.contract import ModelSpec
from separation_core.sessions.manifest import Setting, check_stem_name
from separation_core.zoo.built_in import DEFAULT_MODEL

_REVISION = 3
"""Raised whenever the same song, model and settings would give other samples, so that old sessions are not reused."""


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """How a song becomes a session.

    model: name in the zoo. sum_mode: how the stems are made to sum to the song. two_stems: keep this stem and sum
    the rest into `no_<stem>`; empty for all stems. without: stems that the song does not have; what the model gives
    them is shared among the others, and the session has none of that name. sample_format: of the stems. stream: which
    audio stream of a container, from 0. pick: 1-based pair of channels to take; None for the channel policy of
    `audio.channels`. part: what of the song is separated; its stems are those of the whole song, cut out, but for the
    scales of `SumMode.LEAST_SQUARES`, which are fitted to the part, and the dither of integer formats.

    `ModelError` for `without` with `two_stems`, or with a sum mode that shares nothing.
    """

    model: str = DEFAULT_MODEL
    separation: SeparationSettings = field(default_factory=SeparationSettings)
    sum_mode: SumMode = SumMode.RESIDUAL
    two_stems: str = ""
    without: frozenset[str] = frozenset()
    sample_format: SampleFormat = SampleFormat.FLOAT32
    stream: int = 0
    pick: tuple[int, int] | None = None
    part: Part = field(default_factory=Part)

    def __post_init__(self) -> None:
        if not self.without:
            return
        if self.sum_mode is not SumMode.RESIDUAL:
            raise ModelError(
                f"--without {self.left_out}: --sum {self.sum_mode.value} shares nothing among the other stems: "
                "leave --sum out or give --sum residual"
            )
        if self.two_stems:
            raise ModelError(
                f"--without {self.left_out} cannot go with --two-stems {self.two_stems}: give only one of the two"
            )

    @property
    def left_out(self) -> str:
        """The absent stems as one text, the same whatever the order they were named in."""
        return ",".join(sorted(self.without))


def stem_names(options: SessionOptions, spec: ModelSpec) -> tuple[str, ...]:
    """The session's stems in order.

    `ModelError` where `two_stems` names none of the model's, or one so long that the rest cannot be called after it;
    where `without` names one that the model does not have, or all.
    """
    if not options.two_stems:
        return _present(options.without, spec)
    if options.two_stems not in spec.stems:
        raise ModelError(
            f"{spec.name} has no stem {options.two_stems!r} for two stems: choose from {', '.join(spec.stems)}"
        )
    rest = f"no_{options.two_stems}"
    if not check_stem_name(rest):
        raise ModelError(f"{rest} is too long for a stem's name: separate {spec.name} into all its stems instead")
    return (options.two_stems, rest)


def _present(without: frozenset[str], spec: ModelSpec) -> tuple[str, ...]:
    unknown = sorted(without.difference(spec.stems))
    if unknown:
        raise ModelError(f"{spec.name} has no stem {unknown[0]!r} to leave out: choose from {', '.join(spec.stems)}")
    present = tuple(name for name in spec.stems if name not in without)
    if not present:
        raise ModelError(f"{', '.join(spec.stems)} are all stems of {spec.name}: leave one of them in")
    return present


def settings_record(options: SessionOptions) -> dict[str, Setting]:
    """The settings that shape the samples; device and batch size do so only in the last bit and are left out.

    The precision is the one asked for: what auto means depends on the device.
    """
    settings: dict[str, Setting] = {
        "overlap": float(options.separation.overlap),
        "shifts": options.separation.shifts,
        "augment": options.separation.augment,
        "seed": options.separation.seed,
        "precision": options.separation.precision.value,
        "sum": options.sum_mode.value,
        "two_stems": options.two_stems,
        "format": options.sample_format.value,
        "stream": options.stream,
        "channels": "" if options.pick is None else "{},{}".format(*options.pick),
    }
    # Only where it is used: the sessions made before it could be asked for keep their keys.
    return settings | ({"without": options.left_out} if options.without else {})


def content_key(song_sha256: str, spec: ModelSpec, options: SessionOptions) -> str:
    """SHA-256 (hex) of what determines a session: the song's bytes, its part, the model and the settings."""
    part = [float(options.part.start), None if options.part.end is None else float(options.part.end)]
    content = [_REVISION, song_sha256, part, spec.name, spec.version, settings_record(options)]
    return sha256(json.dumps(content, sort_keys=True).encode("ascii")).hexdigest()
