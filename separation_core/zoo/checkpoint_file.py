"""A file of weights of any known format, opened without trusting it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from separation_core.audio.regular_file import require_regular_file
from separation_core.errors import ModelError, SongUnreadable
from separation_core.zoo.pickle_listing import damaged
from separation_core.zoo.tensor_records import StorageRecord, TensorRecord, check_sizes
from separation_core.zoo.torch_files import list_legacy, list_zip, read_legacy, read_zip

MAX_HEADER_BYTES = 16 << 20
_SAFETENSORS_TYPES = {
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "I64": torch.int64,
    "I32": torch.int32, "I16": torch.int16, "I8": torch.int8, "U8": torch.uint8, "BOOL": torch.bool,
}  # fmt: skip

Reader = Callable[[Path, Mapping[str, TensorRecord]], dict[str, torch.Tensor]]


@dataclass(frozen=True, slots=True)
class CheckpointFile:
    """What a file says it holds: plain data and, in place of tensors, `TensorRecord`s.

    header: text entries of a safetensors file, empty for other formats. `read` gives tensors on the CPU.
    """

    path: Path
    content: Any
    reader: Reader = field(repr=False)
    header: Mapping[str, str] = field(default_factory=dict)

    def read(self, records: Mapping[str, TensorRecord]) -> dict[str, torch.Tensor]:
        """Those tensors. Raises ModelError before reading any of them if they claim more bytes than the file has."""
        check_sizes(records, self.path.stat().st_size, str(self.path))
        return self.reader(self.path, records)


def open_checkpoint(path: Path) -> CheckpointFile:
    """List a safetensors file or one of `torch.save`; no tensor is read, nothing in the file is run.

    Raises ModelError naming the file: not there, no checkpoint, damaged, or with names in it that may be code.
    """
    head = _head(path)
    if head.startswith(b"PK\x03\x04"):
        return CheckpointFile(path, list_zip(path), read_zip)
    # Before pickles, which begin with 0x80: so may the length of a header, but no file of torch.save has a { there.
    if head[8:9] == b"{":
        return _open_safetensors(path, int.from_bytes(head[:8], "little"))
    if head.startswith(b"\x80"):
        return CheckpointFile(path, list_legacy(path), read_legacy)
    if head.lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        raise ModelError(f"{path} is a web page, not a checkpoint: download the file itself")
    raise ModelError(f"{path} is neither safetensors nor a file of torch.save: give a checkpoint (.th, .ckpt, .pt …)")


def _head(path: Path) -> bytes:
    try:
        require_regular_file(path)
        with path.open("rb") as file:
            return file.read(16)
    except SongUnreadable as error:
        raise ModelError(str(error).replace("not a song; name", "no checkpoint; name")) from error


def _open_safetensors(path: Path, header_bytes: int) -> CheckpointFile:
    if header_bytes > MAX_HEADER_BYTES or header_bytes + 8 > path.stat().st_size:
        raise damaged(str(path))
    if not _is_unicode(path):
        raise ModelError(f"{path} has a name that is no valid UTF-8, with which safetensors cannot be read: rename it")
    try:
        with safe_open(path, "pt") as file:
            keys = file.keys()  # it is no dict, and cannot be iterated over
            records = {key: _safetensors_record(key, file.get_slice(key)) for key in keys}
            return CheckpointFile(path, records, _read_safetensors, file.metadata() or {})
    except (SafetensorError, KeyError, OSError, ValueError) as error:
        raise damaged(str(path)) from error


def _is_unicode(path: Path) -> bool:
    """Whether the system's bytes for the path could be decoded."""
    return not any("\ud800" <= letter <= "\udfff" for letter in str(path))


def _safetensors_record(key: str, entry: Any) -> TensorRecord:
    shape, count, stride = tuple(entry.get_shape()), 1, []
    for size in reversed(shape):
        stride.append(count)
        count *= size
    return TensorRecord(StorageRecord(key, _SAFETENSORS_TYPES[entry.get_dtype()], count), 0, shape, tuple(stride[::-1]))


def _read_safetensors(path: Path, records: Mapping[str, TensorRecord]) -> dict[str, torch.Tensor]:
    try:
        with safe_open(path, "pt") as file:
            return {name: file.get_tensor(record.storage.key).clone() for name, record in records.items()}
    except (SafetensorError, OSError) as error:
        raise damaged(str(path)) from error
