"""Files that nobody should trust: nothing in them is run, nothing is allocated for them, and the error names them."""

import argparse
import builtins
import collections
import fractions
import io
import json
import os
import pickle
import struct
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from separation_core.errors import ModelError
from separation_core.zoo.checkpoint_file import open_checkpoint
from separation_core.zoo.convert import unpack
from separation_core.zoo.pickle_listing import Call
from separation_core.zoo.tensor_records import StorageRecord, TensorRecord

CHANCE = np.random.default_rng(3)
BOTH = pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])


def save(content: Any, path: Path, *, zipped: bool = True) -> Path:
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    return path


class Calls:
    """Pickles as a call of any function, as a hostile checkpoint does."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.function, self.arguments = function, arguments

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return self.function, self.arguments


@BOTH
@pytest.mark.parametrize(
    ("function", "named"),
    [
        (os.system, f"{os.system.__module__}.system"),
        (builtins.eval, "builtins.eval"),
        (builtins.exec, "builtins.exec"),
        (builtins.__import__, "builtins.__import__"),
        (builtins.getattr, "builtins.getattr"),
        (subprocess.check_output, "check_output"),
        (torch.load, "torch.serialization.load"),
        (torch.hub.load, "torch.hub.load"),
        (collections.namedtuple, "collections.namedtuple"),
    ],
)
def test_a_file_that_would_run_code_is_refused_by_name(function: Any, named: str, zipped: bool, tmp_path: Path) -> None:
    path = save(
        {"state_dict": {"a": torch.ones(2)}, "x": Calls(function, "harmless")}, tmp_path / "m.ckpt", zipped=zipped
    )
    with pytest.raises(ModelError, match=named) as caught:
        open_checkpoint(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@BOTH
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_nothing_in_a_file_is_run(zipped: bool, protocol: int, tmp_path: Path) -> None:
    trace = tmp_path / "it_ran"
    hostile = {"state_dict": {"a": torch.ones(2), "b": Calls(os.mkdir, str(trace))}}
    path = tmp_path / "m.ckpt"
    torch.save(hostile, path, pickle_protocol=protocol, _use_new_zipfile_serialization=zipped)
    with pytest.raises(ModelError, match="mkdir"):
        open_checkpoint(path)
    assert not trace.exists()
    torch.load(path, weights_only=False)
    assert trace.exists(), "the file was not hostile at all"


@pytest.mark.parametrize(
    "instructions",
    [
        b"\x80\x02cos\nsystem\n(S'x'\ntR.",
        b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x01x\x85R.",
        b"\x80\x02(S'x'\nios\nsystem\n.",
        b"\x80\x02(cos\nsystem\nS'x'\no.",
        b"\x80\x04\x8c\x02os\x94\x8c\x06system\x94h\x00h\x01\x93.",
        b"\x80\x02}q\x00X\x01\x00\x00\x00acos\nsystem\nX\x01\x00\x00\x00x\x85R\x73.",
    ],
)
def test_every_way_to_name_a_function_is_seen(instructions: bytes, tmp_path: Path) -> None:
    path = tmp_path / "m.ckpt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("m/data.pkl", instructions)
    with pytest.raises(ModelError, match=r"os\.system"):
        open_checkpoint(path)


@BOTH
def test_published_metadata_stays_inert(zipped: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = published_class(monkeypatch, "demucs.htdemucs", "HTDemucs")
    node = published_class(monkeypatch, "omegaconf.dictconfig", "DictConfig")
    settings_node = node()
    settings_node.lr = 3
    content = {
        "klass": network,
        "args": (),
        "kwargs": {"segment": fractions.Fraction(39, 5), "sources": ["a", "b"]},
        "state": collections.OrderedDict(a=torch.arange(6.0).half().view(2, 3)),
        "training_args": settings_node,
        "best": np.float64(0.5),
        "type": np.dtype("float32"),
        "options": argparse.Namespace(lr=1e-3),
        "folder": Path("somewhere"),
        "counts": collections.defaultdict(int, {"x": 1}),
    }
    file = open_checkpoint(save(content, tmp_path / "m.th", zipped=zipped))
    assert file.content["klass"].path == "demucs.htdemucs.HTDemucs"
    assert file.content["kwargs"]["segment"] == fractions.Fraction(39, 5)
    assert isinstance(file.content["training_args"], Call)
    assert file.content["options"].state == {"lr": 1e-3}
    assert torch.equal(file.read(unpack(file).tensors)["a"], content["state"]["a"])


def published_class(monkeypatch: pytest.MonkeyPatch, module: str, name: str) -> type:
    """A class that pickles as one of a package that is not installed here."""
    made = ModuleType(module)
    monkeypatch.setitem(sys.modules, module, made)
    monkeypatch.setitem(sys.modules, module.partition(".")[0], ModuleType(module.partition(".")[0]))
    one = type(name, (), {"__module__": module})
    setattr(made, name, one)
    return one


DTYPES = (torch.float32, torch.float16, torch.bfloat16, torch.float64, torch.int64, torch.bool, torch.uint8)


@st.composite
def states(draw: st.DrawFn) -> dict[str, torch.Tensor]:
    """State dicts with tensors of many types, with views, transposes and shared storages among them."""
    state: dict[str, torch.Tensor] = {}
    for number in range(draw(st.integers(1, 5))):
        shape = draw(st.lists(st.integers(0, 4), max_size=3))
        base = torch.randint(0, 2, (*shape, 6)).to(draw(st.sampled_from(DTYPES)))
        start = draw(st.integers(0, 5))
        state[f"{number}.whole"] = base
        state[f"{number}.part"] = base[..., start:]
        state[f"{number}.turned"] = base.movedim(-1, 0)
    return state


@given(state=states(), zipped=st.booleans(), parameter=st.booleans())
@settings(max_examples=30, deadline=None)
def test_what_is_read_is_what_torch_reads(
    state: dict[str, torch.Tensor], zipped: bool, parameter: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    if parameter:
        state["parameter"] = torch.nn.Parameter(torch.randn(3))
    path = save(state, tmp_path_factory.mktemp("read") / "m.pt", zipped=zipped)
    file = open_checkpoint(path)
    ours = file.read(unpack(file).tensors)
    theirs = torch.load(path, weights_only=True)
    assert ours.keys() == theirs.keys()
    for key, tensor in theirs.items():
        assert ours[key].dtype == tensor.dtype
        assert torch.equal(ours[key], tensor)


@pytest.mark.parametrize("kind", ["zip", "legacy", "safetensors"])
def test_a_cut_file_is_said_to_be_damaged(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "m.ckpt"
    state = {"a": torch.randn(50), "b": torch.randn(7)}
    if kind == "safetensors":
        save_file(state, path)
    else:
        save(state, path, zipped=kind == "zip")
    whole = path.read_bytes()
    for length in CHANCE.integers(1, len(whole), 20):
        path.write_bytes(whole[:length])
        with pytest.raises(ModelError, match=r"m\.ckpt"):
            read_all(path)


@pytest.mark.parametrize("kind", ["zip", "legacy", "safetensors"])
def test_a_garbled_file_is_read_or_refused_but_never_crashes(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "m.ckpt"
    state = {"a": torch.randn(5), "b": torch.randn(7).half()}
    if kind == "safetensors":
        save_file(state, path)
    else:
        save(state, path, zipped=kind == "zip")
    whole = path.read_bytes()
    refused = 0
    for _ in range(120):
        garbled = bytearray(whole)
        for place in CHANCE.integers(0, len(garbled), CHANCE.integers(1, 5)):
            garbled[place] = CHANCE.integers(256)
        path.write_bytes(garbled)
        refused += not readable(path)
    assert refused > 5


def read_all(path: Path) -> dict[str, torch.Tensor]:
    file = open_checkpoint(path)
    return file.read(unpack(file).tensors)


def readable(path: Path) -> bool:
    """Whether it can be read; anything but a ModelError is the test's failure."""
    try:
        read_all(path)
    except ModelError:
        return False
    return True


NO_CHECKPOINTS = {
    "page": (b"<!DOCTYPE html><html></html>", "web page"),
    "text": (b"hello, this is text", "neither safetensors nor"),
    "nothing": (b"", "empty"),
    "noise": (CHANCE.bytes(50).replace(b"<", b"?"), "neither|damaged"),
    "huge header": (struct.pack("<Q", 1 << 62) + b'{"a":1}', "damaged"),
    "no header": (struct.pack("<Q", 5) + b"{{{{{", "damaged"),
    "long text": (b"\x80\x02X\xff\xff\xff\x7fabc.", "damaged"),
    "longer bytes": (b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7fabc.", "damaged"),
    "far memo": (b"\x80\x02r\xff\xff\xff\xff.", "damaged"),
    "many marks": (b"\x80\x02" + b"(" * 100_000, "damaged"),
    "deep tuple as a key": (b"\x80\x02}" + b")" + b"\x85" * 100_000 + b"Ns.", "damaged"),
    "other pickle": (pickle.dumps({"a": 1}), "not one of torch.save|damaged"),
}


@pytest.mark.parametrize(("content", "said"), NO_CHECKPOINTS.values(), ids=NO_CHECKPOINTS)
def test_what_is_no_checkpoint_is_said_to_be_none(content: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "m.ckpt"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=said):
        open_checkpoint(path)


def test_a_folder_and_a_missing_file_are_said(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="folder"):
        open_checkpoint(tmp_path)
    with pytest.raises(ModelError, match="does not exist"):
        open_checkpoint(tmp_path / "no.ckpt")


def rewritten(path: Path, change: Any, **how: Any) -> Path:
    """The archive with its entries changed by `change(name, data)` and written anew."""
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", **how) as archive:
        for name, data in entries.items():
            archive.writestr(name, change(name, data))
    return path


def test_a_packed_archive_is_refused(tmp_path: Path) -> None:
    path = save({"a": torch.zeros(1_000_000)}, tmp_path / "bomb.ckpt")
    rewritten(path, lambda _, data: data, compression=zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 20_000
    with pytest.raises(ModelError, match="packed"):
        open_checkpoint(path)


def test_a_script_archive_is_refused(tmp_path: Path) -> None:
    path = save({"a": torch.zeros(2)}, tmp_path / "m.pt")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("m/constants.pkl", b"\x80\x02).")
    with pytest.raises(ModelError, match="TorchScript"):
        open_checkpoint(path)


@BOTH
@pytest.mark.parametrize("shape", [(1 << 40,), (1 << 20, 1 << 20), (1 << 31, 0, 1 << 31)])
def test_absurd_sizes_are_refused_before_anything_is_allocated(
    shape: tuple[int, ...], zipped: bool, tmp_path: Path
) -> None:
    storage = torch.zeros(4).untyped_storage()
    claim = Calls(torch._utils._rebuild_tensor_v2, torch.TypedStorage(wrap_storage=storage, dtype=torch.float32,
        _internal=True), 0, shape, (0,) * len(shape), False, collections.OrderedDict())  # fmt: skip
    path = save({"a": claim}, tmp_path / "m.ckpt", zipped=zipped)
    if 0 in shape:
        file = open_checkpoint(path)
        assert file.read(unpack(file).tensors)["a"].shape == shape
        return
    with pytest.raises(ModelError, match="damaged"):
        open_checkpoint(path)


def test_storages_that_claim_more_than_the_file_has_are_refused(tmp_path: Path) -> None:
    path = save({"a": torch.zeros(4)}, tmp_path / "m.ckpt")
    file = open_checkpoint(path)
    huge = TensorRecord(StorageRecord("0", torch.float32, 1 << 38), 0, (1 << 38,), (1,))
    with pytest.raises(ModelError, match="claims"):
        file.read({"a": huge})


def test_a_storage_shorter_than_its_claim_is_damaged(tmp_path: Path) -> None:
    path = save({"a": torch.zeros(400)}, tmp_path / "m.ckpt")
    rewritten(path, lambda name, data: data[:100] if name.endswith("data/0") else data)
    file = open_checkpoint(path)
    with pytest.raises(ModelError, match=r"damaged|claims"):
        file.read(unpack(file).tensors)


def test_a_safetensors_header_that_lies_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    header = json.dumps({"a": {"dtype": "F32", "shape": [1 << 40], "data_offsets": [0, 1 << 42]}}).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + b"\0" * 16)
    with pytest.raises(ModelError, match="damaged"):
        open_checkpoint(path)


def test_an_old_file_may_hold_an_optimiser_that_is_not_read(tmp_path: Path) -> None:
    content = {"optimizer": [torch.randn(1000), torch.randn(10).double()], "state_dict": {"a": torch.arange(5.0)}}
    file = open_checkpoint(save(content, tmp_path / "m.ckpt", zipped=False))
    assert torch.equal(file.read(unpack(file).tensors)["a"], torch.arange(5.0))


def test_the_file_may_be_read_from_a_stream_of_bytes_once(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    torch.save({"a": torch.ones(3)}, buffer)
    path = tmp_path / "m.ckpt"
    path.write_bytes(buffer.getvalue())
    file = open_checkpoint(path)
    first, second = (file.read(unpack(file).tensors)["a"] for _ in range(2))
    first.zero_()
    assert torch.equal(second, torch.ones(3))
