"""Runs that meet one another, their own remains, a folder that is not there, or a recipe with a slip."""

import json
import warnings
from pathlib import Path

import pytest
import torch

from separation_core.errors import ModelError, SessionBusy, WriteFailed
from separation_core.models.networks import build_network, load_network, save_network
from separation_core.sessions.locking import writer_lock
from separation_core.training.checkpoints import Checkpoint, copy_compact, read_checkpoint, write_checkpoint
from separation_core.training.log import LOG_NAME, RunLog, read_log
from separation_core.training.loop import train
from separation_core.training.packing import pack_corpus
from separation_core.training.plots import plot_run
from separation_core.training.recipe import load_recipe

SIZES = {"width": 8, "growth": 4, "paths": 1, "hidden": 8}


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def _checkpoint(step: int) -> Checkpoint:
    return Checkpoint({"w": torch.ones(3)}, {"w": torch.ones(3)}, {}, {}, {"step": step})


def test_of_two_trainings_in_one_folder_the_second_is_refused(
    recipe_file: Path, corpus_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    with writer_lock(out / LOG_NAME), pytest.raises(SessionBusy, match=r"run/log\.jsonl is being written by process"):
        train(recipe_file, out, data={"corpus": corpus_folder}, workers=0, cache=tmp_path / "cache", quiet=True)
    assert not (out / LOG_NAME).exists()


def test_a_run_that_takes_no_step_leaves_its_checkpoint_alone(
    recipe_file: Path, corpus_folder: Path, tmp_path: Path
) -> None:
    written = []
    for _ in range(2):
        done = train(
            recipe_file, tmp_path / "run", data={"corpus": corpus_folder}, workers=0, cache=tmp_path / "cache",
            changes=["schedule.steps = 1"], quiet=True, device="cpu",
        )  # fmt: skip
        assert done.finished
        written.append((done.checkpoint / "state.json").stat().st_ino)
    assert written[0] == written[1]


def test_half_made_checkpoints_of_killed_runs_go(tmp_path: Path) -> None:
    left = tmp_path / "step-00000003.partial"
    left.mkdir()
    (left / "part-0.safetensors").write_bytes(b"half")
    write_checkpoint(tmp_path, _checkpoint(4))
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000004"]


def test_checkpoints_and_weights_are_for_whom_other_files_are(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    save_network(tmp_path / "weights", build_network("dual-path-unet", SIZES))
    written = write_checkpoint(tmp_path, _checkpoint(4)) / "part-0.safetensors"
    modes = {path.stat().st_mode for path in (tmp_path / "plain", tmp_path / "weights", written)}
    assert len(modes) == 1, modes


@pytest.mark.parametrize("lost", ["part-0.safetensors", "state.json"])
def test_a_checkpoint_that_lost_a_part_is_damaged(tmp_path: Path, lost: str) -> None:
    path = write_checkpoint(tmp_path, _checkpoint(4))
    if lost == "state.json":
        (path / lost).write_text("[]", encoding="utf-8")
    else:
        (path / lost).unlink()
    with pytest.raises(ModelError, match=r"is damaged .* remove it to go on from the one before"):
        read_checkpoint(path)


def test_a_checkpoint_that_cannot_be_read_is_not_called_damaged(tmp_path: Path) -> None:
    path = write_checkpoint(tmp_path, _checkpoint(4))
    (path / "state.json").unlink()
    (path / "state.json").mkdir()
    with pytest.raises(ModelError, match=r"cannot be read .*check its"):
        read_checkpoint(path)


def test_a_copy_does_not_push_out_the_checkpoints_of_a_run(tmp_path: Path) -> None:
    for run, step in (("one", 7), ("other", 5)):
        write_checkpoint(tmp_path / run, _checkpoint(step))
        RunLog(tmp_path / run, quiet=True).write("start", step=0)
    for out in ("one", "other", "one/../one"):
        with pytest.raises(ModelError, match="folder of a training run"):
            copy_compact(tmp_path / "one", tmp_path / out)
    assert copy_compact(tmp_path / "one", tmp_path / "copy").name == "step-00000007"
    assert copy_compact(tmp_path / "one", tmp_path / "copy").name == "step-00000007"


def test_half_a_line_in_the_log_is_passed_over_and_the_next_one_whole(tmp_path: Path) -> None:
    RunLog(tmp_path, quiet=True).write("start", step=0)
    with (tmp_path / LOG_NAME).open("a", encoding="utf-8") as file:
        file.write('{"event": "st')
    assert [event["event"] for event in read_log(tmp_path)] == ["start"]
    log = RunLog(tmp_path, quiet=True)
    log.write("start", step=1)
    log.write("stop", step=2)
    assert [event["event"] for event in read_log(tmp_path)] == ["start", "start", "stop"]
    lines = (tmp_path / LOG_NAME).read_text(encoding="utf-8").splitlines()
    assert json.loads(lines[-1])["step"] == 2


def test_a_run_that_has_just_begun_can_be_drawn(tmp_path: Path) -> None:
    RunLog(tmp_path, quiet=True).write("start", step=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plot_run(tmp_path, tmp_path / "run.svg")
    assert (tmp_path / "run.svg").stat().st_size > 1000
    for name in ("run.doc", "run"):
        with pytest.raises(ModelError, match=r"end it in \.png"):
            plot_run(tmp_path, tmp_path / name)
    with pytest.raises(WriteFailed, match="nowhere"):
        plot_run(tmp_path, tmp_path / "nowhere" / "run.png")


def test_what_cannot_be_written_is_told_in_a_line_and_leaves_nothing(corpus_folder: Path, tmp_path: Path) -> None:
    network = build_network("dual-path-unet", SIZES)
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    for path in (tmp_path / "nowhere" / "weights", tmp_path / "folder"):
        with pytest.raises(WriteFailed, match=str(path)):
            save_network(path, network)
    with pytest.raises(WriteFailed, match="file"):
        write_checkpoint(tmp_path / "file", _checkpoint(1))
    with pytest.raises(WriteFailed, match="file"):
        pack_corpus(corpus_folder, tmp_path / "file" / "packed")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


def test_what_a_killed_packing_left_is_not_packed(corpus_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "packed.partial").mkdir()
    (tmp_path / "packed.partial" / "drums-mono-9.opus.ogg").write_bytes(b"half")
    pack_corpus(corpus_folder, tmp_path / "packed")
    assert not (tmp_path / "packed" / "drums-mono-9.opus.ogg").exists()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("data = 5", "data = 5 is of the wrong type"),
        ("data = ['x']", "it is a table"),
        ("network = 5", r"\[network\] = 5 is of the wrong type"),
        ("pool = 3", r"\[pool\] = 3 is of the wrong type"),
        ("loss = []", "it is a table"),
        ("optimiser.beta2 = 1", "below 1"),
        ("seed = 99999999999999999999", "whole number from 0 to"),
        ("report.seconds = 1e-5", "0.01 or more"),
        ("batch.seconds = 1e-5", "0.01 or more"),
    ],
)
def test_a_recipe_with_a_slip_is_refused_by_entry(recipe_file: Path, change: str, says: str) -> None:
    with pytest.raises(ModelError, match=says):
        load_recipe(recipe_file, [change])


@pytest.mark.parametrize("change", ["width = 'a'", "width = -1", "hop = 0", "hop = 5000", "bands = 0"])
def test_a_network_of_impossible_sizes_is_refused_before_it_trains(
    recipe_file: Path, corpus_folder: Path, tmp_path: Path, change: str
) -> None:
    with pytest.raises(ModelError, match=r"dual-path-unet .*sizes"):
        train(
            recipe_file, tmp_path / "run", data={"corpus": corpus_folder}, workers=0, cache=tmp_path / "cache",
            changes=[f"network.{change}"], quiet=True, device="cpu",
        )  # fmt: skip


def test_weights_with_a_broken_configuration_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    save_network(path, build_network("dual-path-unet", SIZES), notes={"config": "5"})
    with pytest.raises(ModelError, match="does not hold weights of ours"):
        load_network(path, name="x")
