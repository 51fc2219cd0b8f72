"""How much around a part must be done so that the part comes out as it would from the whole song.

Three steps look beyond a frame, and each begins where its own grid has a line, far enough before the part:
the model (its segments lie on a grid over the whole song, see `inference.plan`), the resampler on the way back (which
is at the same phase wherever frames of both rates coincide), and the spectra in which a difference is shared.
"""

import math
from dataclasses import dataclass

from separation_core.audio.resampling import resampled_frames
from separation_core.inference.consistency import sharing_spectrum
from separation_core.jobs.part import Span
from separation_core.units import Hertz

_RESAMPLER_REACH = 0.1
"""Seconds; measured from 8 to 192 kHz, 0.05 s before a frame soxr no longer cares where its input began."""


@dataclass(frozen=True, slots=True)
class Cover:
    """The frames that each step works on, of one part of one song.

    part: what the session keeps, at the song's rate. shared: where the difference is shared, at the song's rate. model:
    what is separated, at the model's rate. resampled_from: the song frame at which `model` begins.
    """

    part: Span
    shared: Span
    model: Span
    resampled_from: int


def model_frames(frames: int, rate: Hertz, model_rate: Hertz) -> int:
    """The length of a song at the model's rate, at least 1: no model separates nothing."""
    return max(1, resampled_frames(frames, rate, model_rate))


def cover(part: Span, frames: int, rate: Hertz, model_rate: Hertz) -> Cover:
    """The cover of `part` of a song of `frames` frames at `rate`; of a whole song it is all there is."""
    spectrum = sharing_spectrum(rate)
    first = max(0, part.start - spectrum.window) // spectrum.hop * spectrum.hop
    shared = Span(first, min(frames, part.end + spectrum.window))
    common = math.gcd(rate, model_rate)
    steps = max(0, shared.start - round(_RESAMPLER_REACH * rate)) // (rate // common)
    last = -(-(shared.end + round(_RESAMPLER_REACH * rate)) * model_rate // rate)
    model = Span(steps * (model_rate // common), min(last, model_frames(frames, rate, model_rate)))
    return Cover(part, shared, model, steps * (rate // common))
