"""Checkpoints made to crash, hang, fill the memory or write where they should not: each is refused in one line."""

import json
import os
import struct
import sys
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from separation_core.errors import ModelError
from separation_core.models.demucs_config import DemucsConfig
from separation_core.models.scnet import Scnet
from separation_core.zoo.added import AddedModel, add_checkpoint, added_folder, added_models
from separation_core.zoo.architectures import stored
from separation_core.zoo.checkpoint_file import open_checkpoint
from separation_core.zoo.convert import unpack
from separation_core.zoo.pickle_listing import MAX_WORK
from separation_core.zoo.tensor_records import StorageRecord

STORAGE = b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\1\0\0\x000X\3\0\0\0cpu%stQ"
TENSOR = b"ctorch._utils\n_rebuild_tensor_v2\n(" + STORAGE + b"K\0%s%s\x89NtR"


def listed(pickle: bytes, path: Path) -> Any:
    """What a checkpoint with that pickle in it says."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("m/data.pkl", pickle)
        archive.writestr("m/data/0", bytes(4))
    return open_checkpoint(path)


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def number(value: int) -> bytes:
    digits = value.to_bytes(value.bit_length() // 8 + 1, "little")
    return b"\x8b" + struct.pack("<i", len(digits)) + digits


HUGE = number(1 << 40_000)
HOSTILE = {
    "deep tuple as a key of an ordered dict": (
        b"ccollections\nOrderedDict\n](" + b")" + b"\x85" * 200_000 + b"K\1\x86e\x85R."
    ),
    "fraction with an exponent": b"cfractions\nFraction\n" + text("1e999999999") + b"\x85R.",
    "fraction of long numbers": b"cfractions\nFraction\n" + HUGE + HUGE + b"\x86R.",
    "storage of more numbers than can be told": TENSOR % (HUGE, b"K\1\x85", b"K\1\x85") + b".",
    "a number as long as a book, as a key": b"}" + HUGE + b"Ns.",
    "shape that cannot be told": TENSOR % (b"K\1", b"K\0" + HUGE + b"\x86", b"K\1K\1\x86") + b".",
}  # fmt: skip


@pytest.mark.parametrize("pickle", HOSTILE.values(), ids=HOSTILE)
def test_what_would_crash_or_hang_is_damaged(pickle: bytes, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="damaged"):
        listed(b"\x80\x02" + pickle, tmp_path / "m.ckpt")


PAIRS = b"](" + b"".join(b"M" + struct.pack("<H", key) + b"N\x86" for key in range(60_000)) + b"eq\1"
GREEDY = {
    "sets": b"\x8f" * (MAX_WORK + 1),
    "a long list made a dict many times": PAIRS + b"ccollections\nOrderedDict\nh\1\x85R" * 50,
    "many arguments once more": b"(" + b"N" * 100_000 + b"tq\1" + b"cargparse\nNamespace\nh\1}\x92" * 50,
}


@pytest.mark.parametrize("pickle", GREEDY.values(), ids=GREEDY)
def test_what_would_fill_the_memory_is_refused_before_it_does(pickle: bytes, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="damaged"):
        listed(b"\x80\x04" + pickle + b".", tmp_path / "m.ckpt")


def test_the_same_kinds_of_record_are_read_where_they_are_harmless(tmp_path: Path) -> None:
    pairs = (
        b"ccollections\nOrderedDict\n](" + text("a") + b"cfractions\nFraction\n" + text("39/5") + b"\x85R\x86e\x85R."
    )
    assert {key: str(value) for key, value in listed(b"\x80\x02" + pairs, tmp_path / "m.ckpt").content.items()} == {
        "a": "39/5"
    }
    tensor = listed(b"\x80\x02" + TENSOR % (b"K\1", b"K\1\x85", b"K\1\x85") + b".", tmp_path / "n.ckpt").content
    assert (tensor.storage, tensor.shape) == (StorageRecord("0", torch.float32, 1), (1,))


def test_arguments_that_cannot_be_told_are_left_out(tmp_path: Path) -> None:
    nested = text("N") + b")" + b"2\x86" * 200  # to spell it out would take 2 ** 200 brackets
    arguments = b"cargparse\nNamespace\n)\x81}(" + text("stages_num") + b"K\3" + nested + b"ub"
    state = b"}" + text("w") + TENSOR % (b"K\1", b"K\1\x85", b"K\1\x85") + b"s"
    content = b"\x80\x02}(" + text("args") + arguments + text("state_dict") + state + b"u."
    assert unpack(listed(content, tmp_path / "m.ckpt")).configuration == {"stages_num": 3}


@pytest.mark.parametrize("arguments", [5, {"x": 1}, [5], [None], [{"a": 1}], ["abcd"]])
def test_a_package_whose_stems_are_no_list_is_refused(
    arguments: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = ModuleType("demucs.htdemucs")
    module.HTDemucs = type("HTDemucs", (), {"__module__": "demucs.htdemucs"})  # type: ignore[attr-defined]  # our own
    monkeypatch.setitem(sys.modules, "demucs", ModuleType("demucs"))
    monkeypatch.setitem(sys.modules, "demucs.htdemucs", module)
    content = {"klass": module.HTDemucs, "args": arguments, "kwargs": {}, "state": {"a": torch.ones(1)}}
    torch.save(content, tmp_path / "m.th")
    with pytest.raises(ModelError, match=r"how its network is built|size of zero|cannot be"):
        add_checkpoint(tmp_path / "m.th")


def own_file(path: Path, network: Scnet, **changes: Any) -> Path:
    """A file of ours whose configuration says something else."""
    config = json.dumps(stored(network.config) | changes)
    header = {"architecture": "scnet", "config": config, "stems": "[]", "source": "x", "source_sha256": "0"}
    save_file({key: value.contiguous() for key, value in network.state_dict().items()}, path, metadata=header)
    return path


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"stems": ["../../../escaped", "b", "c", "d"]}, "cannot be called '../../../escaped'"),
        ({"stems": ["a", "b", "", "d"]}, "cannot be called ''"),
        ({"stems": [1, 2, 3, 4]}, "cannot be called 1"),
        ({"stems": ["a", "b", "A", "d"]}, "two stems have one name"),
        ({"segment": -4096}, "segments of -4096 frames"),
        ({"segment": "4096"}, "segments of '4096' frames"),
    ],
)
def test_a_file_cannot_say_where_its_stems_are_written_or_that_they_are_nothing(
    changes: dict[str, Any], said: str, small_scnet: Scnet, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=said) as caught:
        add_checkpoint(own_file(tmp_path / "m.safetensors", small_scnet, **changes))
    assert "\n" not in str(caught.value)
    assert not added_folder().exists()


def test_weights_that_are_no_real_numbers_are_refused_when_they_are_added(small_scnet: Scnet, tmp_path: Path) -> None:
    path = tmp_path / "m.ckpt"
    torch.save({key: value.to(torch.int8) for key, value in small_scnet.state_dict().items()}, path)
    with pytest.raises(ModelError, match=r"torch\.int8"):
        add_checkpoint(path)


def test_a_configuration_nested_without_end_is_refused_and_passed_over(small_scnet: Scnet, tmp_path: Path) -> None:
    deep = {"architecture": "scnet", "config": "[" * 100_000, "stems": "[" * 100_000, "source": "x"}
    added_folder().mkdir(parents=True)
    path = added_folder() / "deep.safetensors"
    save_file({"a": torch.ones(1)}, path, metadata=deep | {"source_sha256": "0"})
    assert added_models() == {}
    with pytest.raises(ModelError, match="configuration"):
        add_checkpoint(path)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems take only names in Unicode")
def test_a_name_that_is_no_unicode_is_read_or_said_to_be_the_trouble(small_scnet: Scnet, tmp_path: Path) -> None:
    weights = {key: value.contiguous() for key, value in small_scnet.state_dict().items()}
    path = tmp_path / os.fsdecode(b"tr\xe9s.ckpt")
    torch.save(weights, path)
    added = add_checkpoint(path)
    assert isinstance(added, AddedModel)
    assert (added.name, added.source) == ("tr_s", "tr\N{REPLACEMENT CHARACTER}s.ckpt")
    assert added_models()["tr_s"].source == added.source
    save_file(weights, tmp_path / "plain.safetensors")
    with pytest.raises(ModelError, match=r"name that is no valid UTF-8.*rename it"):
        open_checkpoint((tmp_path / "plain.safetensors").rename(path.with_suffix(".safetensors")))


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ModelError, match="not a file"):
        add_checkpoint(tmp_path / "pipe")


@pytest.mark.parametrize("segment", ["1e999999999", "1" * 5000, "9" * 50])
def test_a_segment_that_would_take_for_ever_to_write_out_is_refused(segment: str) -> None:
    with pytest.raises(ModelError, match="no length in seconds") as caught:
        DemucsConfig.from_published({"sources": ["a"], "segment": segment})
    assert len(str(caught.value)) < 200
