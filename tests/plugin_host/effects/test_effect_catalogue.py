import inspect
import subprocess
import sys

import numpy as np
import pedalboard
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugin_host.effects.building import Build, build_chain
from plugin_host.effects.catalogue import EffectType, Parameter, check_effect, effect_type, effect_types
from plugin_host.effects.chain import ChainRunner
from plugin_host.effects.introspection import bound_parameters, effect_classes, effect_name, effect_title
from plugin_host.effects.parameter_table import CARDS
from plugin_host.errors import EffectError, PluginError
from plugin_host.mix.state import Effect

BUILT_IN = [kind for kind in effect_types() if kind.name not in {"parallel", "vst3"}]
# A convolution takes its impulse response from its sample_rate only where an array is given, which no file can hold.
NOT_OFFERED = {("convolution", "sample_rate")}


def name_of(item: object) -> str:
    return getattr(item, "name", str(item))


def test_every_effect_that_pedalboard_can_make_is_in_the_catalogue() -> None:
    abstract = {"Plugin", "PluginContainer", "ExternalPlugin", "IIRFilter"}
    containers = {"Chain", "Mix", "Pedalboard"}
    external = {"VST3Plugin", "AudioUnitPlugin"}
    plugins = {
        c.__name__ for _, c in inspect.getmembers(pedalboard, inspect.isclass) if issubclass(c, pedalboard.Plugin)
    }
    expected = {effect_name(name) for name in plugins - abstract - containers - external}
    assert {kind.name for kind in BUILT_IN} == expected
    assert len(expected) >= 23


def test_every_parameter_that_pedalboard_knows_is_offered() -> None:
    known = {(name, parameter.name) for name in effect_classes() for parameter in bound_parameters(name)}
    offered = {(kind.name, parameter.name) for kind in BUILT_IN for parameter in kind.parameters}
    assert known - offered == NOT_OFFERED
    in_table = {(name, span) for name, card in CARDS.items() for span in card.spans}
    assert in_table == offered


@pytest.mark.parametrize("kind", BUILT_IN, ids=name_of)
def test_defaults_are_what_pedalboard_sets_itself(kind: EffectType) -> None:
    if kind.name == "convolution":
        pytest.skip("cannot be made without an impulse response")
    made = effect_classes()[kind.name]()
    for parameter in kind.parameters:
        actual = getattr(made, parameter.name)
        assert parameter.default == (actual.name if parameter.kind == "choice" else pytest.approx(actual))


@pytest.mark.parametrize("kind", effect_types(), ids=name_of)
def test_records_are_complete_and_defaults_within_range(kind: EffectType) -> None:
    assert kind.purpose
    assert kind.title
    assert kind.latency
    assert kind.streamable != (kind.latency == "rendered ahead")
    for parameter in kind.parameters:
        assert parameter.description
        if parameter.kind in {"float", "int"}:
            assert parameter.minimum is not None
            assert parameter.maximum is not None
            assert isinstance(parameter.default, float | int)
            assert parameter.minimum <= parameter.default <= parameter.maximum
        if parameter.kind == "choice":
            assert parameter.default in parameter.choices


def extremes(kind: EffectType) -> list[dict[str, float | int | bool | str]]:
    settings_to_try: list[dict[str, float | int | bool | str]] = [{}]
    for parameter in kind.parameters:
        if parameter.minimum is not None and parameter.maximum is not None:
            settings_to_try += [{parameter.name: parameter.minimum}, {parameter.name: parameter.maximum}]
        settings_to_try += [{parameter.name: choice} for choice in parameter.choices]
        settings_to_try += [{parameter.name: value} for value in (True, False) if parameter.kind == "bool"]
    everything = [
        {p.name: end for p in kind.parameters if (end := pick(p)) is not None}
        for pick in (lambda p: p.minimum, lambda p: p.maximum)
    ]
    return settings_to_try + everything


PLAYS = [(kind, rate) for kind in BUILT_IN for rate in (8_000, 192_000) if kind.streamable or rate == 8_000]


@pytest.mark.parametrize(("kind", "rate"), PLAYS, ids=name_of)
def test_every_effect_plays_at_both_ends_of_every_range(kind: EffectType, rate: int, response_file: str) -> None:
    loud = np.random.default_rng(1).uniform(-1, 1, (2, 4096)).astype(np.float32)
    for params in extremes(kind):
        if kind.name == "convolution":
            params = {"impulse_response_filename": response_file} | params
        effect = Effect(kind.name, params)
        check_effect(effect)
        if kind.streamable:
            out = ChainRunner((effect,), rate).process(loud)
        else:
            # A shorter segment than render_ahead takes: this is about the values, not the seams.
            stage = build_chain((effect,), Build(rate, segment_frames=rate))
            out = stage.process(np.concatenate([loud, np.zeros((2, stage.latency), np.float32)], axis=1))
            out = out[:, stage.latency :]
        assert out.shape == loud.shape
        assert out.dtype == np.float32
        assert np.isfinite(out).all(), params
        assert np.abs(out).max() < 10 ** (60 / 20), params


@pytest.mark.parametrize(
    ("effect", "field", "text"),
    [
        (Effect("compresor"), "effect", "compressor"),
        (Effect("zzz"), "effect", "choose from bitcrush"),
        (Effect("compressor", {"treshold_db": -3.0}), "treshold_db", "threshold_db"),
        (Effect("invert", {"amount": 1.0}), "amount", "it takes none"),
        (Effect("compressor", {"ratio": 0.5}), "ratio", "give 1 to 30 :1"),
        (Effect("compressor", {"ratio": float("inf")}), "ratio", "give 1 to 30"),
        (Effect("compressor", {"ratio": "four"}), "ratio", "give a number"),
        (Effect("compressor", {"ratio": True}), "ratio", "give a number"),
        (Effect("brickwall_limiter", {"true_peak": 1.0}), "true_peak", "give true or false"),
        (Effect("ladder_filter", {"mode": "LPF13"}), "mode", "LPF12"),
        (Effect("convolution"), "impulse_response_filename", "is missing"),
        (Effect("convolution", {"impulse_response_filename": 3}), "impulse_response_filename", "give a file path"),
        (Effect("parallel"), "branches", "give at least one"),
        (Effect("gain", branches=((),)), "branches", "only parallel"),
        (Effect("gain", plugin_path="x.vst3"), "plugin_path", "vst3 only"),
        (Effect("vst3"), "plugin_path", "give the path"),
        (Effect("parallel", branches=((), (Effect("gain", {"gain_db": 90.0}),))), "gain_db", "give -80 to 24 dB"),
    ],
)
def test_a_wrong_slot_is_refused_with_its_field_and_the_remedy(effect: Effect, field: str, text: str) -> None:
    with pytest.raises(EffectError) as caught:
        check_effect(effect)
    assert caught.value.field == field
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, PluginError) == (effect.kind == "vst3")


NUMBERS = [(kind, p) for kind in BUILT_IN for p in kind.parameters if p.kind == "float"]


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(NUMBERS), st.floats(allow_nan=False))
def test_a_number_passes_exactly_when_it_is_in_range(number: tuple[EffectType, Parameter], value: float) -> None:
    kind, parameter = number
    assert parameter.minimum is not None
    assert parameter.maximum is not None
    params: dict[str, float | int | bool | str] = {parameter.name: value}
    if kind.name == "convolution":
        params["impulse_response_filename"] = "room.wav"
    fits = parameter.minimum <= value <= parameter.maximum
    if fits:
        check_effect(Effect(kind.name, params))
    else:
        with pytest.raises(EffectError):
            check_effect(Effect(kind.name, params))


def test_whole_numbers_pass_for_decimals() -> None:
    check_effect(Effect("compressor", {"ratio": 4}))


def test_names_and_titles_from_class_names() -> None:
    assert effect_name("GSMFullRateCompressor") == "gsm_full_rate_compressor"
    assert effect_name("MP3Compressor") == "mp3_compressor"
    assert effect_title("MP3Compressor") == "MP3 Compressor"
    assert effect_type("highpass_filter").title == "Highpass Filter"


def test_importing_the_room_alone_loads_no_pedalboard() -> None:
    code = "import sys, plugin_host.effects; sys.exit('pedalboard' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
