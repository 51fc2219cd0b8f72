import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from separation_core.errors import ModelError
from separation_core.evaluation.metrics import mdx_sdr
from separation_core.models.networks import build_network, load_network
from separation_core.training.checkpoints import (
    PART_BYTES,
    Checkpoint,
    copy_compact,
    latest_checkpoint,
    read_checkpoint,
    write_checkpoint,
)
from separation_core.training.log import read_log
from separation_core.training.loop import train
from separation_core.training.losses import LossWeights, separation_loss
from separation_core.training.material import Material
from separation_core.training.plots import plot_run
from separation_core.training.pool import SHARED_MEMORY
from separation_core.training.recipe import ScheduleSettings, load_recipe, parse_recipe, recipe_names
from separation_core.training.renderer import render_song
from separation_core.training.scoring import COPIES, mean_scores, report, score_excerpts
from separation_core.training.trainer import export_weights, learning_rate, trained_network

SMALL_BANDS = {"window": 1024, "hop": 256, "folds": [[512, 4]], "widths": [8, 16], "depth": 1}


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def _weights(folder: Path) -> dict[str, torch.Tensor]:
    found = latest_checkpoint(folder)
    assert found is not None
    state = read_checkpoint(found)
    return {**state.network, **{f"a/{name}": tensor for name, tensor in state.average.items()}}


def test_a_run_that_is_stopped_and_resumed_equals_an_undisturbed_one(
    recipe_file: Path, corpus_folder: Path, tmp_path: Path
) -> None:
    data, cache = {"corpus": corpus_folder}, tmp_path / "cache"
    whole = train(recipe_file, tmp_path / "whole", data=data, workers=0, cache=cache, quiet=True, device="cpu")
    assert whole.finished
    assert whole.step == 8
    # A limit that is over at once: every call takes one step, saves and stops.
    for _ in range(3):
        part = train(recipe_file, tmp_path / "parts", data=data, workers=0, cache=cache, quiet=True, minutes=1e-6)
        assert not part.finished
    rest = train(recipe_file, tmp_path / "parts", data=data, workers=1, cache=cache, quiet=True)
    assert rest.step == 8
    one, other = _weights(tmp_path / "whole"), _weights(tmp_path / "parts")
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)
    _check_log_and_products(tmp_path / "parts", whole.weights)


def _check_log_and_products(folder: Path, weights: Path) -> None:
    steps = [event["step"] for event in read_log(folder) if event["event"] == "step"]
    assert steps == sorted(set(steps))
    plot_run(folder, folder / "picture.png")
    assert (folder / "picture.png").stat().st_size > 1000
    export_weights(folder, folder / "exported.safetensors")
    exported, saved = (load_network(path, name="x") for path in (folder / "exported.safetensors", weights))
    assert exported.spec.version == load_network(folder / "exported.safetensors", name="y").spec.version
    (folder / "weights.safetensors").write_bytes(b"of an earlier stop")
    latest, mix = trained_network(folder), torch.randn(1, 2, 3000)
    with torch.inference_mode():
        torch.testing.assert_close(exported(mix), saved(mix))
        torch.testing.assert_close(latest(mix), saved(mix), atol=1e-3, rtol=1e-2)  # those were rounded


def _run_of(folder: Path, architecture: str, sizes: dict[str, object], seed: int) -> Path:
    torch.manual_seed(seed)
    network = build_network(architecture, sizes)
    for tensor in network.parameters():
        torch.nn.init.normal_(tensor, std=0.3)
    state = {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
    facts = {"architecture": architecture, "sizes": sizes, "name": "made", "step": seed}
    folder.mkdir()
    write_checkpoint(folder, Checkpoint(state, state, {}, {}, facts))
    return folder


def test_weights_of_runs_are_averaged(tmp_path: Path) -> None:
    one, other = (_run_of(tmp_path / str(seed), "band-unet", SMALL_BANDS, seed) for seed in (1, 2))
    states = [_weights(run) for run in (one, other)]
    export_weights(one, tmp_path / "mean", others=[other])
    for name, tensor in load_network(tmp_path / "mean", name="x").state_dict().items():
        wanted = (states[0][name] + states[1][name]) / 2 if tensor.is_floating_point() else states[0][name]
        torch.testing.assert_close(tensor, wanted, atol=1e-3, rtol=1e-3)
    for sizes in ({**SMALL_BANDS, "widths": [8, 32]}, {**SMALL_BANDS, "widths": [8, 16, 16]}):
        third = _run_of(tmp_path / f"third{len(sizes['widths'])}", "band-unet", sizes, 3)
        with pytest.raises(ModelError, match="different networks"):
            export_weights(one, tmp_path / "x", others=[third])


def test_softened_shares_are_the_same_in_order_but_less_sure(tmp_path: Path) -> None:
    run = _run_of(tmp_path / "run", "band-unet", SMALL_BANDS, 1)
    export_weights(run, tmp_path / "plain")
    export_weights(run, tmp_path / "soft", soften=2.0)
    plain, soft = (load_network(tmp_path / name, name="x") for name in ("plain", "soft"))
    with torch.inference_mode():
        spectrum = plain.analyse(0.1 * torch.randn(1, 2, 4000))
        sure, unsure = plain.shares(spectrum), soft.shares(spectrum)
    roots = sure.sqrt()
    torch.testing.assert_close(unsure, roots / roots.sum(dim=1, keepdim=True), atol=5e-3, rtol=0)
    assert unsure.amax(dim=1).mean() < sure.amax(dim=1).mean() - 0.05
    for soften in (0.5, 5.0, float("nan")):
        with pytest.raises(ModelError, match="soften"):
            export_weights(run, tmp_path / "x", soften=soften)
    waves = _run_of(tmp_path / "waves", "dual-path-unet", {"width": 8, "growth": 4, "paths": 1, "hidden": 8}, 1)
    with pytest.raises(ModelError, match="leave soften out"):
        export_weights(waves, tmp_path / "x", soften=1.5)


def test_a_killed_run_goes_on_from_its_last_checkpoint(recipe_file: Path, corpus_folder: Path, tmp_path: Path) -> None:
    text = recipe_file.read_text(encoding="utf-8").replace("steps = 8", "steps = 100000")
    recipe_file.write_text(text.replace("checkpoint_minutes = 100", "checkpoint_minutes = 0.01"), encoding="utf-8")
    out = tmp_path / "run"
    command = [
        sys.executable, "-m", "separation_core.training", "train", str(recipe_file), "--out", str(out),
        "--data", f"corpus={corpus_folder}", "--workers", "1", "--cache", str(tmp_path / "cache"),
    ]  # fmt: skip
    before = _pools()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        _await_checkpoint(out)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    _await_gone(_pools() - before)
    killed_at = read_checkpoint(latest_checkpoint(out) or out).facts["step"]
    resumed = train(
        recipe_file, out, data={"corpus": corpus_folder}, workers=0, cache=tmp_path / "cache", minutes=1e-6, quiet=True
    )
    assert resumed.step == killed_at + 1


def _pools() -> set[Path]:
    places = (SHARED_MEMORY, Path(tempfile.gettempdir()))
    return {path for place in places if place.is_dir() for path in place.glob("songs-*")}


def _await_gone(pools: set[Path]) -> None:
    """The rendering processes of a killed run give its memory back."""
    for _ in range(2000):
        if not pools & _pools():
            return
        time.sleep(0.1)
    pytest.fail(f"still there: {pools}")


def _await_checkpoint(out: Path) -> None:
    for _ in range(6000):
        if out.is_dir() and latest_checkpoint(out):
            return
        time.sleep(0.1)
    pytest.fail("no checkpoint within ten minutes")


def test_a_network_can_be_fitted_to_one_song(material: Material) -> None:
    torch.manual_seed(0)
    songs = (render_song(np.random.default_rng(seed), material, 0.5) for seed in range(50))
    stems = torch.from_numpy(next(song for song in songs if (np.square(song).mean(axis=(1, 2)) > 1e-4).all()))[None]
    sizes = {"width": 12, "growth": 8, "convolutions": 1, "paths": 1, "hidden": 16, "window": 2048, "hop": 512}
    network, mix = build_network("dual-path-unet", sizes).train(), stems.sum(dim=1)
    optimiser = torch.optim.AdamW(network.parameters(), lr=6e-3)
    losses = []
    for _ in range(80):
        loss, _ = separation_loss(mix, stems, network(mix), LossWeights(windows=(1024,)))
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 3
    with torch.inference_mode():
        estimates = network.eval()(mix)
    scores = [mdx_sdr(true.numpy(), found.numpy()) for true, found in zip(stems[0], estimates[0], strict=True)]
    assert np.mean(scores) > 7, scores


def _checkpoint(size: int) -> Checkpoint:
    torch.manual_seed(1)
    network = {f"w{n}": torch.randn(size) for n in range(4)} | {"count": torch.tensor(3)}
    average = {
        name: tensor + 1 if tensor.ndim == 0 else tensor + 0.01 * torch.randn(size) for name, tensor in network.items()
    }
    moments = {name: torch.rand(size) for name in network if name != "count"}
    return Checkpoint(network, average, moments, moments, {"step": 7, "seconds": 1.5})


def test_checkpoints_are_exact_in_parts_under_the_limit(tmp_path: Path) -> None:
    state = _checkpoint(1_100_000)
    path = write_checkpoint(tmp_path, state)
    back = read_checkpoint(path)
    for group in ("network", "average", "first", "second"):
        expected, found = getattr(state, group), getattr(back, group)
        assert expected.keys() == found.keys()
        assert all(torch.equal(expected[name], found[name]) for name in expected)
    assert len(list(path.glob("part-*"))) > 1
    assert all(file.stat().st_size < PART_BYTES + 100_000 for file in path.iterdir())


def test_compact_checkpoints_keep_weights_exact_and_the_rest_close(tmp_path: Path) -> None:
    state = _checkpoint(5000)
    write_checkpoint(tmp_path / "run", state)
    path = copy_compact(tmp_path / "run", tmp_path / "small")
    back = read_checkpoint(path)
    assert all(torch.equal(back.network[name], state.network[name]) for name in state.network)
    assert torch.equal(back.average["count"], state.average["count"])
    torch.testing.assert_close(back.average["w0"], state.average["w0"], rtol=0, atol=4e-4)
    torch.testing.assert_close(back.second["w1"], state.second["w1"], rtol=1e-2, atol=0)
    sizes = [sum(file.stat().st_size for file in (tmp_path / run).rglob("part-*")) for run in ("run", "small")]
    assert sizes[1] < 0.66 * sizes[0]


def test_only_finished_checkpoints_count_and_old_ones_go(tmp_path: Path) -> None:
    state = _checkpoint(10)
    for step in (1, 2, 3):
        write_checkpoint(tmp_path, Checkpoint(state.network, state.average, {}, {}, {"step": step}))
    (tmp_path / "step-00000009.partial").mkdir()
    assert sorted(path.name for path in tmp_path.glob("step-????????")) == ["step-00000002", "step-00000003"]
    assert (latest_checkpoint(tmp_path) or tmp_path).name == "step-00000003"
    (tmp_path / "step-00000003" / "part-0.safetensors").write_bytes(b"damaged")
    with pytest.raises(ModelError, match="damaged"):
        read_checkpoint(tmp_path / "step-00000003")


def test_a_network_that_shares_the_spectrum_resumes_exactly(
    recipe_file: Path, corpus_folder: Path, tmp_path: Path
) -> None:
    network = f"network = {{architecture = 'band-unet', {', '.join(f'{k} = {v}' for k, v in SMALL_BANDS.items())}}}"
    changes = ["loss = {bels = 1.0, cells = 1.0, wave = 0, spectrum = 0}", "machine.precision = 'bfloat16'"]
    changes.append("schedule.steps = 4")
    recipe_file.write_text(_without_network(recipe_file.read_text(encoding="utf-8"), network), encoding="utf-8")
    data, cache = {"corpus": corpus_folder}, tmp_path / "cache"
    for folder, minutes in (("whole", None), ("parts", 1e-6), ("parts", None)):
        train(
            recipe_file, tmp_path / folder, data=data, workers=0, cache=cache, quiet=True, minutes=minutes,
            device="cpu", changes=changes,
        )  # fmt: skip
    one, other = _weights(tmp_path / "whole"), _weights(tmp_path / "parts")
    assert all(torch.equal(one[name], other[name]) for name in one)


def _without_network(recipe: str, network: str) -> str:
    """The recipe with another network, given in one line."""
    before, _, rest = recipe.partition("[network]")
    return before + network + "\n[[data]]" + rest.partition("[[data]]")[2]


def test_shares_are_judged_only_where_a_network_gives_them(
    recipe_file: Path, corpus_folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match="dual-path-unet shares no spectrum"):
        train(
            recipe_file, tmp_path / "out", data={"corpus": corpus_folder}, workers=0, quiet=True, device="cpu",
            changes=["loss = {bels = 1.0, wave = 0, spectrum = 0}"], cache=tmp_path / "cache",
        )  # fmt: skip


def test_the_rate_warms_up_and_falls_along_a_cosine() -> None:
    schedule = ScheduleSettings(steps=1000, warmup=100, final=0.1)
    rates = [learning_rate(schedule, 1.0, step, 0.0) for step in range(1001)]
    assert rates[0] == pytest.approx(0.01)
    assert max(rates) == pytest.approx(1.0, abs=0.03)
    assert rates[-1] == pytest.approx(0.1)
    held = ScheduleSettings(steps=1000, warmup=100, hold=0.8, final=0.1)
    assert [learning_rate(held, 1.0, step, 0.0) for step in (100, 800)] == [1.0, 1.0]
    assert learning_rate(held, 1.0, 900, 0.0) == pytest.approx(0.55)
    assert learning_rate(held, 1.0, 1000, 0.0) == pytest.approx(0.1)
    clock = ScheduleSettings(minutes=10, warmup=0)
    assert learning_rate(clock, 1.0, 5, 300.0) == pytest.approx(0.51)


def test_shipped_recipes_fit_the_weight_budget() -> None:
    assert {"cpu", "gpu", "tiny"} <= set(recipe_names())
    for name in recipe_names():
        recipe = load_recipe(name)
        network = build_network(recipe.architecture, recipe.sizes)
        assert sum(tensor.numel() for tensor in network.state_dict().values()) * 2 <= 16 << 20


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("batch.sise = 3", "sise"),
        ("colour = 1", "colour"),
        ("batch.seconds = 99", "longer than songs"),
        ("schedule.minutes = 3", "exactly one"),
        ("machine.precision = 'int8'", "int8"),
        ("batch.size = 'big'", "wrong type"),
        ("schedule.hold = 1", "hold 1"),
        ("loss.bels = 1.0", "waves or shares"),
        ("data = []", "at least one"),
        ("data = [{kind = 'radio', folder = 'x'}]", "radio"),
        ("=", "TOML"),
        ("batch.size = 0", "size = 0: must be a number above 0"),
        ("batch.size = 2.5", "wrong type"),
        ("batch.size = true", "wrong type"),
        ("batch.seconds = {}", "wrong type"),
        ("batch.remix = 1.5", "from 0 to 1"),
        ("batch.gain_db = -1", "0 or more"),
        ("optimiser.rate = nan", "rate = nan"),
        ("schedule.minutes = inf", "minutes = inf"),
        ("loss.windows = [512, 0]", "windows = 0"),
        ("loss.windows = []", "wrong type"),
        ("seed = nan", "seed = nan"),
    ],
)
def test_a_wrong_recipe_is_refused_by_name(recipe_file: Path, change: str, says: str) -> None:
    with pytest.raises(ModelError, match=says):
        load_recipe(recipe_file, [change])


def test_a_recipe_may_begin_with_a_mark_but_must_be_utf_8(recipe_file: Path) -> None:
    recipe_file.write_bytes(b"\xef\xbb\xbf" + recipe_file.read_bytes())
    assert load_recipe(recipe_file).name == "test"
    recipe_file.write_bytes('name = "Müller"'.encode("latin-1"))
    with pytest.raises(ModelError, match="UTF-8"):
        load_recipe(recipe_file)


def test_recipes_can_be_changed_and_keep_note_of_it(recipe_file: Path) -> None:
    recipe = load_recipe(recipe_file, ["batch.size = 5", "network.width = 4"])
    assert (recipe.batch.size, recipe.sizes["width"], recipe.sizes["growth"]) == (5, 4, 4)
    assert "# changed: batch.size = 5" in recipe.text
    assert parse_recipe(recipe.text, "again").seed == recipe.seed


def test_a_missing_data_folder_and_recipe_are_named(recipe_file: Path, corpus_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="corpus=FOLDER"):
        train(recipe_file, tmp_path / "out", data={}, workers=0, quiet=True)
    with pytest.raises(ModelError, match="tiny"):
        load_recipe(tmp_path / "none.toml")
    with pytest.raises(ModelError, match="not there"):
        train(recipe_file, tmp_path / "out", data={"corpus": corpus_folder}, device="abacus", quiet=True)


def test_excerpts_are_scored_against_their_stems(tmp_path: Path) -> None:

    rng = np.random.default_rng(0)
    for name in ("real_a", "synth_b"):
        (tmp_path / name).mkdir()
        for stem in ("drums", "bass"):
            soundfile.write(tmp_path / name / f"{stem}.flac", 0.1 * rng.standard_normal((30000, 2)), 44100)
    network = build_network("dual-path-unet", {"width": 4, "growth": 4, "paths": 0, "segment": 22050}).eval()
    results = score_excerpts(network, tmp_path)
    assert [result.name for result in results] == ["real_a", "synth_b"]
    assert set(mean_scores(results).sdr) == {"drums", "bass"}
    assert set(mean_scores(results).leak) == {"other", "vocals"}
    assert "mean real" in report(results)
    assert "mean real" not in report(results[1:])
    assert score_excerpts(network, tmp_path, copy="dull") != results


def test_copies_of_excerpts_have_no_sides_or_no_treble() -> None:
    stems = np.random.default_rng(0).standard_normal((4, 2, 44100)).astype(np.float32)
    mono, dull = COPIES["mono"](stems), COPIES["dull"](stems)
    np.testing.assert_array_equal(mono[:, 0], mono[:, 1])
    np.testing.assert_allclose(mono[:, 0], stems.mean(axis=1), atol=1e-6)
    before, after = (np.abs(np.fft.rfft(audio[0, 0])) for audio in (stems, dull))
    assert after[12000:].max() < 0.01 * before[12000:].max()
    np.testing.assert_allclose(after[:2000].sum(), before[:2000].sum(), rtol=0.01)
