"""Parameters of a playing chain: they arrive without a click, at the same samples for every block size."""

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugin_host.effects.catalogue import Parameter, effect_types
from plugin_host.effects.chain import ChainRunner
from plugin_host.effects.moves import Move, chain_moves
from plugin_host.effects.stages import WET
from plugin_host.errors import EffectError
from plugin_host.mix.state import Chain, Effect

Block = npt.NDArray[np.float32]
RATE = 44_100
FRAMES = 22_050
AUDIBLE = {
    "peak_filter": {"gain_db": 12.0},
    "high_shelf_filter": {"gain_db": 12.0},
    "low_shelf_filter": {"gain_db": 12.0},
    "compressor": {"threshold_db": -30.0, "ratio": 4.0},
    "delay": {"delay_seconds": 0.01, "feedback": 0.2},
}
ROOM = Effect("reverb", {"room_size": 0.4})
SQUASH = Effect("compressor", {"threshold_db": -30.0, "ratio": 4.0})


def sine(hertz: float = 1003.0, frames: int = FRAMES) -> Block:
    wave = 0.25 * np.sin(2 * np.pi * hertz * np.arange(frames) / RATE + 1)
    return np.tile(wave.astype(np.float32), (2, 1))


def played(chain: Chain, song: Block, moves: dict[int, list[Move]], size: int = 512) -> Block:
    """The song through the chain, with moves at frames."""
    runner, out, done = ChainRunner(chain, RATE), [], 0
    for until in [*sorted(moves), song.shape[1]]:
        out += [runner.process(song[:, start : min(until, start + size)]) for start in range(done, until, size)]
        done = until
        for move in moves.get(until, []):
            runner.move(move.path, move.name, move.value)
    return np.concatenate(out, axis=1)


def gliding() -> Iterator[tuple[str, Parameter]]:
    for kind in effect_types():
        for parameter in kind.parameters:
            if parameter.glides and kind.name not in ("convolution", "bitcrush"):
                yield kind.name, parameter


@pytest.mark.parametrize(("kind", "parameter"), list(gliding()), ids=lambda part: getattr(part, "name", part))
def test_a_turned_knob_makes_no_step_that_the_effect_does_not_make(kind: str, parameter: Parameter) -> None:
    low, high = parameter.minimum or 0.0, parameter.maximum or 1.0
    before, after = low + 0.45 * (high - low), low + 0.55 * (high - low)
    params = {**AUDIBLE.get(kind, {}), parameter.name: before}
    out = played((Effect(kind, params),), sine(), {FRAMES // 2 + 17: [Move((0,), parameter.name, after)]})[0]
    steps = np.abs(np.diff(out))
    steady = max(steps[FRAMES // 4 : FRAMES // 2].max(), steps[-FRAMES // 4 :].max())
    assert steps[FRAMES // 2 :].max() <= 1.2 * steady + 0.05 * np.abs(np.diff(sine())).max()


@pytest.mark.parametrize(
    ("effect", "name", "value"),
    [
        (Effect("gain", {"gain_db": -80.0}), "gain_db", 24.0),
        (Effect("lowpass_filter", {"cutoff_frequency_hz": 100.0}), "cutoff_frequency_hz", 20_000.0),
        (SQUASH, "ratio", 30.0),
        (Effect("distortion", {"drive_db": 40.0}, wet=0.2), WET, 0.9),
    ],
)
def test_it_sounds_in_the_end_as_if_built_so(effect: Effect, name: str, value: float) -> None:
    song = sine(440.0)
    moved = played((effect,), song, {2000: [Move((0,), name, value)]})
    built = Effect(effect.kind, effect.params | ({name: value} if name else {}), wet=effect.wet if name else value)
    assert np.array_equal(moved[:, :2000], played((effect,), song, {})[:, :2000])
    assert np.abs(moved - played((built,), song, {}))[:, -4000:].max() < 1e-6


KNOBS = [
    Move((0,), "threshold_db", -50.0),
    Move((0,), "ratio", 2.0),
    Move((1,), WET, 0.3),
    Move((1,), "drive_db", 55.0),
    Move((2, 0, 0), "gain_db", -70.0),
    Move((2, 1, 1), "cutoff_frequency_hz", 90.0),
    Move((3,), "room_size", 0.9),
]
RACK = (
    SQUASH,
    Effect("distortion", {"drive_db": 10.0}, wet=0.6),
    Effect(
        "parallel",
        branches=(
            (Effect("gain", {"gain_db": 0.0}),),
            (Effect("brickwall_limiter"), Effect("highpass_filter", {"cutoff_frequency_hz": 900.0})),
        ),
    ),
    ROOM,
)


@settings(max_examples=15, deadline=None)
@given(
    turns=st.dictionaries(st.integers(1, 9000), st.lists(st.sampled_from(KNOBS), min_size=1, max_size=4), max_size=6),
    size=st.sampled_from([1, 16, 64, 100, 128, 500, 1000, 4096]),
)
def test_block_sizes_do_not_change_a_sample(turns: dict[int, list[Move]], size: int) -> None:
    song = (0.2 * np.random.default_rng(1).standard_normal((2, 10_000))).astype(np.float32)
    song = song if size > 1 else song[:, :700]
    turns = {at: moves for at, moves in turns.items() if at < song.shape[1]}
    assert np.array_equal(played(RACK, song, turns, size), played(RACK, song, turns, 3000))


def test_a_knob_turned_again_while_it_glides_goes_on_from_where_it_is() -> None:
    chain, song = (Effect("gain", {"gain_db": 0.0}),), sine()
    turns = {5000 + 333 * turn: [Move((0,), "gain_db", 3.0 if turn % 2 else -6.0)] for turn in range(12)}
    out = played(chain, song, turns)[0]
    assert np.abs(np.diff(out)).max() < 1.15 * np.abs(np.diff(song[0])).max() * 10 ** (3 / 20)


def test_frequencies_stay_below_what_the_rate_can_hold() -> None:
    runner = ChainRunner((Effect("lowpass_filter", {"cutoff_frequency_hz": 500.0}),), 8000)
    runner.move((0,), "cutoff_frequency_hz", 20_000.0)
    noise = np.random.default_rng(0).standard_normal((2, 8000)).astype(np.float32)
    assert np.abs(runner.process(noise)).max() < 10.0


CHANGES: list[tuple[Chain, Chain, list[Move] | None]] = [
    ((ROOM,), (ROOM,), []),
    ((ROOM,), (Effect("reverb", {"room_size": 0.5}),), [Move((0,), "room_size", 0.5)]),
    ((Effect("reverb"),), (Effect("reverb", {"room_size": 0.5}),), []),
    ((Effect("gain", {"gain_db": 3.0}),), (Effect("gain"),), [Move((0,), "gain_db", 1.0)]),
    ((SQUASH, ROOM), (ROOM, SQUASH), None),
    ((SQUASH,), (SQUASH, ROOM), None),
    ((ROOM,), (Effect("reverb", {"room_size": 0.4}, bypass=True),), None),
    ((Effect("gain", wet=0.5),), (Effect("gain", wet=0.6),), [Move((0,), WET, 0.6)]),
    ((Effect("gain", wet=0.5),), (Effect("gain"),), None),
    ((Effect("gain", wet=0.5),), (Effect("gain", wet=0.0),), None),
    ((Effect("gain", bypass=True),), (Effect("gain", {"gain_db": 5.0}, bypass=True, wet=0.5),), []),
    ((Effect("delay"),), (Effect("delay", {"delay_seconds": 0.1}),), None),
    ((Effect("brickwall_limiter"),), (Effect("brickwall_limiter", {"ceiling_db": -3.0}),), None),
    ((Effect("ladder_filter"),), (Effect("ladder_filter", {"mode": "HPF12"}),), None),
    ((SQUASH, Effect("pitch_shift")), (Effect("compressor"), Effect("pitch_shift")), None),
    (
        (Effect("pitch_shift"), Effect("gain")),
        (Effect("pitch_shift"), Effect("gain", {"gain_db": 2.0})),
        [Move((1,), "gain_db", 2.0)],
    ),
    ((Effect("vst3", {"mix": 1.0}, plugin_path="x"),), (Effect("vst3", {"mix": 2.0}, plugin_path="x"),), None),
    (
        (ROOM, Effect("parallel", branches=((), (Effect("gain"),)))),
        (ROOM, Effect("parallel", branches=((), (Effect("gain", {"gain_db": 2.0}),)))),
        [Move((1, 1, 0), "gain_db", 2.0)],
    ),
]


@pytest.mark.parametrize(("old", "new", "expected"), CHANGES)
def test_what_moves_and_what_is_built_anew(old: Chain, new: Chain, expected: list[Move] | None) -> None:
    moves = chain_moves(old, new)
    assert (None if moves is None else list(moves)) == expected


@pytest.mark.parametrize("value", [float("inf"), -1e9, 25.0, "loud", True])
def test_a_value_that_no_effect_takes_is_refused(value: float) -> None:
    with pytest.raises(EffectError, match="gain_db"):
        chain_moves((Effect("gain"),), (Effect("gain", {"gain_db": value}),))


def test_a_compressor_tells_what_it_takes_away_and_telling_changes_no_sample() -> None:
    chain = (Effect("gain", {"gain_db": 6.0}), SQUASH, ROOM, Effect("chorus"))
    plain, watched, song = ChainRunner(chain, RATE), ChainRunner(chain, RATE), sine()
    for start in range(0, FRAMES, 128):
        if start % 3 == 0:
            watched.measure()
        block = song[:, start : start + 128]
        assert np.array_equal(plain.process(block), watched.process(block))
    level_db = 20 * np.log10(0.25) + 6
    assert watched.reduction_db == pytest.approx((level_db + 30) * 3 / 4, abs=1.5)
    assert ChainRunner((ROOM,), RATE).reduction_db is None


def test_what_is_rendered_ahead_counts_in_the_slots_of_the_rest() -> None:
    runner = ChainRunner((Effect("gain"), Effect("gain")), RATE, first_slot=3)
    runner.move((4,), "gain_db", -80.0)
    assert np.abs(runner.process(sine())[:, -100:]).max() < 1e-3
    with pytest.raises(IndexError):
        runner.move((5,), "gain_db", 0.0)


def test_an_effect_that_cannot_glide_says_so(vst3: Callable[[str], str]) -> None:
    runner = ChainRunner((Effect("vst3", plugin_path=vst3("ZamDelay")),), RATE)
    with pytest.raises(EffectError, match="build the chain anew"):
        runner.move((0,), "gain", 1.0)


def test_an_external_plugin_is_marked_while_it_works(vst3: Callable[[str], str]) -> None:
    marks: list[int] = []
    chain = (ROOM, Effect("vst3", plugin_path=vst3("ZamDelay")))
    runner = ChainRunner(chain, RATE, first_slot=2, mark=marks.append)
    assert marks == [3, -1]
    runner.process(sine(frames=256))
    assert marks[2:] == [3, -1]
