"""Tensors in a file as descriptions: what they would be, before a byte is allocated for them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch

from separation_core.errors import ModelError

MAX_DIMENSIONS = 8
LARGEST_NUMBER = 1 << 48
"""No size, and nothing else that a file counts, comes near it; what is larger may be too long even to be told."""


@dataclass(frozen=True, slots=True)
class StorageRecord:
    """A run of `count` numbers of one type that the file keeps under `key`."""

    key: str
    dtype: torch.dtype
    count: int

    @property
    def nbytes(self) -> int:
        """Its length in the file."""
        return self.count * self.dtype.itemsize


@dataclass(frozen=True, slots=True)
class TensorRecord:
    """A tensor: a shape laid over a storage. offset and stride are in numbers, not bytes."""

    storage: StorageRecord
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]

    def __post_init__(self) -> None:
        numbers = (self.offset, *self.shape, *self.stride)
        if not all(type(number) is int and 0 <= number < LARGEST_NUMBER for number in numbers):
            raise ValueError("a shape that is no shape")
        if len(self.shape) != len(self.stride) or len(self.shape) > MAX_DIMENSIONS:
            raise ValueError("a shape with another number of axes than its strides")
        # An expanded tensor can claim any size over one stored number, so its size counts, not only its last address.
        last = self.offset + sum((size - 1) * step for size, step in zip(self.shape, self.stride, strict=True))
        if self.count and (last >= self.storage.count or self.count > self.storage.count):
            raise ValueError("a tensor larger than what is stored")

    @property
    def dtype(self) -> torch.dtype:
        """Type of its numbers."""
        return self.storage.dtype

    @property
    def count(self) -> int:
        """How many numbers it has."""
        return math.prod(self.shape)


def laid_out(records: Mapping[str, TensorRecord], key: str, data: bytearray) -> dict[str, torch.Tensor]:
    """The tensors among `records` that lie over the storage `key` whose bytes are `data`. They share no memory."""
    tensors = {}
    for name, record in records.items():
        if record.storage.key != key:
            continue
        if record.count == 0:
            tensors[name] = torch.empty(record.shape, dtype=record.dtype)
            continue
        flat = torch.frombuffer(data, dtype=record.dtype, count=record.storage.count)
        tensors[name] = flat.as_strided(record.shape, record.stride, record.offset).clone(
            memory_format=torch.contiguous_format
        )
    return tensors


def check_sizes(records: Mapping[str, TensorRecord], file_bytes: int, source: str) -> None:
    """Raise ModelError where the tensors claim more bytes than the file has, or one storage has two sizes."""
    storages: dict[str, StorageRecord] = {}
    for record in records.values():
        if storages.setdefault(record.storage.key, record.storage) != record.storage:
            raise ModelError(f"{source} contradicts itself about its tensors: download or export it again")
    claimed = sum(storage.nbytes for storage in storages.values())
    if claimed > file_bytes:
        raise ModelError(
            f"{source} claims {claimed} bytes of weights and has {file_bytes}: it is damaged or hostile, do not use it"
        )
