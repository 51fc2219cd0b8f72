import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from plugin_host.effects.chain import ChainRunner
from plugin_host.effects.external import ExternalPlugin
from plugin_host.errors import PluginError
from plugin_host.mix.state import Effect

Block = npt.NDArray[np.float32]
Cut = Callable[[Block, list[int]], Iterator[Block]]
Find = Callable[[str], str]

RATE = 44_100
STEP_DELAY = 63


def squash(find: Find, name: str = "ZamCompX2") -> Effect:
    return Effect("vst3", {"threshold_db": -40.0, "ratio": 20.0, "makeup_db": 6.0}, plugin_path=find(name))


def test_a_stereo_plugin_plays_with_its_parameters(vst3: Find, noise: Block) -> None:
    runner = ChainRunner((squash(vst3),), RATE)
    out = runner.process(noise)
    idle = ChainRunner((Effect("vst3", plugin_path=vst3("ZamCompX2")),), RATE).process(noise)
    assert runner.latency == STEP_DELAY
    assert runner.warnings == ()
    np.testing.assert_allclose(idle[:, STEP_DELAY:], noise[:, :-STEP_DELAY], atol=1e-5)
    assert np.sqrt(np.mean(out[:, 5000:] ** 2)) < 0.7 * np.sqrt(np.mean(noise**2))


def test_every_block_size_gives_the_same_samples(vst3: Find, noise: Block, in_blocks: Cut) -> None:
    for effect in (squash(vst3), replace(squash(vst3, "ZamComp"), wet=0.5)):
        whole = ChainRunner((effect,), RATE).process(noise)
        for sizes in ([1, 2, 700], [4096]):
            runner = ChainRunner((effect,), RATE)
            blocks = [runner.process(block) for block in in_blocks(noise, sizes)]
            np.testing.assert_array_equal(np.concatenate(blocks, axis=1), whole)


def test_a_mono_plugin_runs_once_per_channel(vst3: Find, noise: Block) -> None:
    effect = squash(vst3, "ZamComp")
    assert ExternalPlugin(effect, RATE).dual_mono
    both = ChainRunner((effect,), RATE).process(noise)
    left_only = np.stack([noise[0], np.zeros_like(noise[0])])
    alone = ChainRunner((effect,), RATE).process(left_only)
    np.testing.assert_array_equal(alone[0], both[0])
    assert not np.array_equal(both[0], both[1])
    assert np.abs(alone[1]).max() < 1e-6


def test_reported_latency_is_kept_through_reset_and_bypass(vst3: Find) -> None:
    maximiser = Effect("vst3", plugin_path=vst3("ZaMaximX2"))
    runner = ChainRunner((maximiser,), RATE)
    click = np.zeros((2, 3000), np.float32)
    click[:, 1000] = 0.1
    assert runner.latency > STEP_DELAY
    for _ in range(2):
        assert int(np.abs(runner.process(click)[0]).argmax()) == 1000 + runner.latency
        runner.reset()
    passed = ChainRunner((replace(maximiser, bypass=True),), RATE)
    assert passed.latency == runner.latency
    assert int(np.abs(passed.process(click)[0]).argmax()) == 1000 + runner.latency


def test_reset_forgets_what_was_heard(vst3: Find, noise: Block) -> None:
    runner = ChainRunner((Effect("vst3", {"feedback": 0.5, "time_ms": 50.0}, plugin_path=vst3("ZamDelay")),), RATE)
    first = runner.process(noise)
    runner.reset()
    np.testing.assert_array_equal(runner.process(noise), first)


@pytest.mark.parametrize("name", ["ZamCompX2", "ZamComp"])
def test_saved_state_brings_the_sound_back(name: str, vst3: Find, noise: Block) -> None:
    effect = squash(vst3, name)
    state = ExternalPlugin(effect, RATE).state()
    restored = Effect("vst3", plugin_path=effect.plugin_path, plugin_state=state)
    np.testing.assert_array_equal(
        ChainRunner((restored,), RATE).process(noise), ChainRunner((effect,), RATE).process(noise)
    )
    again = {p.name: p.default for p in ExternalPlugin(restored, RATE).parameters()}
    assert again["threshold_db"] == pytest.approx(-40.0, abs=0.1)


def test_parameters_go_on_top_of_saved_state(vst3: Find) -> None:
    state = ExternalPlugin(squash(vst3), RATE).state()
    effect = Effect("vst3", {"ratio": 2.0}, plugin_path=vst3("ZamCompX2"), plugin_state=state)
    values = {p.name: p.default for p in ExternalPlugin(effect, RATE).parameters()}
    assert values["ratio"] == pytest.approx(2.0, abs=0.1)
    assert values["threshold_db"] == pytest.approx(-40.0, abs=0.1)


def test_a_plugins_parameters_are_described(vst3: Find) -> None:
    described = {p.name: p for p in ExternalPlugin(Effect("vst3", plugin_path=vst3("ZamCompX2")), RATE).parameters()}
    threshold = described["threshold_db"]
    assert (threshold.kind, threshold.minimum, threshold.maximum, threshold.unit) == ("float", -80.0, 0.0, "dB")
    assert described["current_program"].kind == "choice"
    assert "VocalLeveller" in described["current_program"].choices


def test_states_that_are_not_this_plugins_are_refused(vst3: Find) -> None:
    foreign = ExternalPlugin(squash(vst3), RATE).state()
    for state in (foreign, "no base64!", "Z2FyYmFnZQ=="):
        effect = Effect("vst3", plugin_path=vst3("ZamComp"), plugin_state=state)
        with pytest.raises(PluginError, match=r"^track bass: ZamComp: plugin_state is not of this plugin") as caught:
            ChainRunner((effect,), RATE, where="track bass")
        assert caught.value.field == "plugin_state"


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"treshold_db": -3.0}, r"did you mean threshold_db\?"),
        ({"threshold_db": 100.0}, "out of range"),
        ({"threshold_db": "loud"}, "must be a number"),
    ],
)
def test_wrong_parameters_are_refused_by_name(params: dict[str, float | str], text: str, vst3: Find) -> None:
    effect = Effect("vst3", params, plugin_path=vst3("ZamCompX2"))
    with pytest.raises(PluginError, match=text) as caught:
        ChainRunner((effect,), RATE, allow_missing=True)
    assert caught.value.field == next(iter(params))
    assert "\n" not in str(caught.value)


def test_a_missing_plugin_names_track_and_path_or_is_passed_by(noise: Block) -> None:
    effect = Effect("vst3", plugin_path="/nowhere/Gone.vst3")
    with pytest.raises(PluginError, match=r"^track vocals: plugin /nowhere/Gone\.vst3 is not there") as caught:
        ChainRunner((effect,), RATE, where="track vocals")
    assert caught.value.field == "plugin_path"
    runner = ChainRunner((effect, Effect("invert")), RATE, allow_missing=True, where="track vocals")
    np.testing.assert_array_equal(runner.process(noise), -noise)
    assert len(runner.warnings) == 1
    assert runner.warnings[0].startswith("track vocals: plugin /nowhere/Gone.vst3")


def test_a_file_that_is_no_plugin_is_refused(tmp_path: Path) -> None:
    text, folder = tmp_path / "text.vst3", tmp_path / "folder.vst3"
    text.write_text("hello")
    folder.mkdir()
    for path in (text, folder):
        with pytest.raises(PluginError, match="does not load: it is no VST3 plugin"):
            ChainRunner((Effect("vst3", plugin_path=str(path)),), RATE)


def test_a_plugin_neither_talks_nor_changes_how_numbers_behave(vst3: Find) -> None:
    code = (
        "import sys, numpy as np\n"
        "from plugin_host.effects.chain import ChainRunner\n"
        "from plugin_host.mix.state import Effect\n"
        f"runner = ChainRunner((Effect('vst3', plugin_path={vst3('ZamAutoSat')!r}),), 44100)\n"
        "runner.process(np.zeros((2, 1000), np.float32)); runner.reset()\n"
        "print('subnormal' if np.float32(1e-40) * np.float32(0.5) > 0 else 'flushed', file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "subnormal\n"
