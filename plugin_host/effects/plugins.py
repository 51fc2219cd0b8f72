"""pedalboard's own effects, made from catalogue names and parameters."""

import numpy as np
import numpy.typing as npt
import pedalboard
from pedalboard.io import AudioFile

from plugin_host.effects.catalogue import Parameter, effect_type
from plugin_host.effects.introspection import bound_parameters, constructor_value, effect_classes
from plugin_host.errors import EffectError
from plugin_host.mix.state import Effect, Params, ParamValue

HIGHEST_CORNER = 0.45
"""Highest filter frequency as a share of the sample rate: a lowpass near half the rate gives infinities."""

LONGEST_RESPONSE_SECONDS = 60


def make_plugin(effect: Effect, rate: int) -> pedalboard.Plugin:
    """One of pedalboard's effects, its parameters set; the slot has passed `check_effect`.

    Filter frequencies above 0.45 of `rate` are lowered to it. Raises `EffectError` where the impulse response of a
    convolution cannot be read.
    """
    kind = effect_type(effect.kind)
    values = {parameter.name: parameter_value(parameter, effect.params, rate) for parameter in kind.parameters}
    if kind.name == "convolution":
        response, response_rate = read_impulse_response(str(values["impulse_response_filename"]))
        return pedalboard.Convolution(response, mix=float(values["mix"]), sample_rate=response_rate)
    plugin_class = effect_classes()[kind.name]
    bound = {parameter.name: parameter for parameter in bound_parameters(kind.name)}
    return plugin_class(**{name: constructor_value(bound[name], value) for name, value in values.items()})


def parameter_value(parameter: Parameter, params: Params, rate: int) -> ParamValue:
    """What a parameter comes to: as given or its default, a filter frequency within what `rate` holds."""
    value = params.get(parameter.name, parameter.default)
    if value is None:
        raise EffectError(f"{parameter.name} is missing: {parameter.description}", parameter.name)
    if parameter.below_nyquist:
        return min(float(value), HIGHEST_CORNER * rate)
    return value


def read_impulse_response(path: str) -> tuple[npt.NDArray[np.float32], float]:
    """An impulse response (channel, frame), one or two channels, and its rate.

    Read here and not by pedalboard, which takes a file it cannot decode (FLAC) without a word and passes the input
    through. Raises `EffectError` for a file that is missing, not audio, empty, longer than 60 s or of more channels.
    """
    where = f"convolution: impulse_response_filename {path!r}"
    try:
        with AudioFile(path) as file:
            problem = _response_problem(file.num_channels, file.frames, file.samplerate)
            response = None if problem else file.read(file.frames)
            rate = float(file.samplerate)
    except (ValueError, OSError, RuntimeError) as error:
        raise EffectError(f"{where} cannot be read: give an audio file", "impulse_response_filename") from error
    if response is None or not np.isfinite(response).all():
        problem = problem or "has NaN samples"
        raise EffectError(f"{where} {problem}: give 1 or 2 channels, up to 60 s", "impulse_response_filename")
    return response, rate


def _response_problem(channels: int, frames: int, rate: float) -> str:
    if channels > 2:
        return f"has {channels} channels"
    if frames == 0:
        return "is empty"
    return f"lasts {frames / rate:.0f} s" if frames > LONGEST_RESPONSE_SECONDS * rate else ""
