"""Files of `torch.save`, both the zip archives of today and the plain pickles of torch before 1.6.

They are listed (`pickle_listing`), never unpickled. Of the names that a published checkpoint mentions, those that
build tensors become `TensorRecord`s, and those of training metadata (Demucs, OmegaConf, Lightning …) stay inert.
"""

import struct
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import IO, Any

import torch

from separation_core.errors import ModelError
from separation_core.zoo.pickle_listing import BoundedFile, Call, Name, Rules, as_keys, damaged, list_pickle
from separation_core.zoo.tensor_records import LARGEST_NUMBER, StorageRecord, TensorRecord, laid_out

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
LEGACY_PROTOCOL = 1001
MAX_PICKLE_BYTES = 64 << 20
"""The weights lie outside the pickle; published ones are below one megabyte."""
MAX_ENTRIES = 200_000

_STORAGES = {
    "DoubleStorage": torch.float64, "FloatStorage": torch.float32, "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16, "LongStorage": torch.int64, "IntStorage": torch.int32,
    "ShortStorage": torch.int16, "CharStorage": torch.int8, "ByteStorage": torch.uint8, "BoolStorage": torch.bool,
    "ComplexFloatStorage": torch.complex64, "ComplexDoubleStorage": torch.complex128,
}  # fmt: skip
_TENSOR_CALLS = {"torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor"}
_PARAMETER_CALLS = {"torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state"}
_PLAIN_NAMES = {
    *_TENSOR_CALLS, *_PARAMETER_CALLS, *(f"torch.{name}" for name in _STORAGES),
    "torch._tensor._rebuild_from_type_v2", "torch.nn.parameter.Parameter", "torch.Size", "torch.device",
    "torch.float16", "torch.float32", "torch.float64", "torch.bfloat16", "torch.int64", "torch.int32",
    "collections.OrderedDict", "collections.defaultdict", "collections.Counter", "collections.deque",
    "argparse.Namespace", "fractions.Fraction", "decimal.Decimal", "typing.Any", "copyreg._reconstructor",
    "_codecs.encode", "datetime.datetime", "datetime.date", "datetime.timedelta", "datetime.timezone",
    "pathlib.Path", "pathlib.PosixPath", "pathlib.WindowsPath", "pathlib.PurePosixPath", "pathlib.PureWindowsPath",
    "pathlib._local.PosixPath", "pathlib._local.WindowsPath", "pathlib._local.Path",
    *(f"builtins.{name}" for name in (
        "object", "dict", "list", "tuple", "set", "frozenset", "int", "float", "complex", "str", "bytes", "bytearray",
        "bool", "slice", "range", "long", "unicode", "xrange",
    )),
    *(f"{core}.multiarray.{name}" for core in ("numpy.core", "numpy._core") for name in ("scalar", "_reconstruct")),
    "numpy.dtype", "numpy.ndarray",
}  # fmt: skip
_METADATA_PACKAGES = (
    "demucs.", "dora.", "omegaconf.", "ml_collections.", "numpy.dtypes.", "lightning.", "lightning_fabric.",
    "lightning_utilities.", "pytorch_lightning.", "torchmetrics.",
)  # fmt: skip
"""Packages whose classes published checkpoints mention in their metadata. Nothing of them is imported or needed."""


def is_allowed(path: str) -> bool:
    """Whether a checkpoint may mention that name; it stays a mere name either way."""
    return path in _PLAIN_NAMES or path.startswith(_METADATA_PACKAGES)


def list_zip(path: Path) -> Any:
    """The object in a zip archive of `torch.save`. Raises ModelError for any other archive, or a hostile one."""
    with _archive(path) as archive:
        prefix = _prefix(archive, path)
        if f"{prefix}constants.pkl" in archive.namelist():
            raise ModelError(f"{path} is a TorchScript archive, which is code: take the checkpoint it was made from")
        if f"{prefix}byteorder" in archive.namelist() and _entry(archive, f"{prefix}byteorder", path, 64) != b"little":
            raise ModelError(f"{path} was written by a big-endian machine: save it again on another one")
        info = _stored(archive, f"{prefix}data.pkl", path, MAX_PICKLE_BYTES)
        with archive.open(info) as file:
            return list_pickle(BoundedFile(file, MAX_PICKLE_BYTES), str(path), _rules())


def read_zip(path: Path, records: Mapping[str, TensorRecord]) -> dict[str, torch.Tensor]:
    """Those tensors of the archive, one storage at a time."""
    tensors: dict[str, torch.Tensor] = {}
    with _archive(path) as archive:
        prefix = _prefix(archive, path)
        for storage in {record.storage for record in records.values()}:
            data = _entry(archive, f"{prefix}data/{storage.key}", path, storage.nbytes)
            if len(data) != storage.nbytes:
                raise damaged(str(path))
            tensors |= laid_out(records, storage.key, bytearray(data))
    return tensors


def list_legacy(path: Path) -> Any:
    """The object in a plain pickle of `torch.save`. Raises ModelError for any other pickle."""
    with path.open("rb") as file:
        return _legacy_header(file, path)


def read_legacy(path: Path, records: Mapping[str, TensorRecord]) -> dict[str, torch.Tensor]:
    """Those tensors of the file; storages of no interest (an optimiser's) are passed over unread."""
    wanted = {record.storage.key: record.storage for record in records.values()}
    sizes = {storage.key: storage.dtype.itemsize for storage in wanted.values()}
    tensors: dict[str, torch.Tensor] = {}
    with path.open("rb") as file:
        everything = _storage_sizes(_legacy_header(file, path))
        for key in _legacy_keys(file, path):
            count = _legacy_count(file, path)
            if key not in everything or everything[key].count != count:
                raise damaged(str(path))
            if key in sizes:
                data = bytearray(file.read(count * sizes[key]))
                if len(data) != count * sizes[key]:
                    raise damaged(str(path))
                tensors |= laid_out(records, key, data)
            else:
                file.seek(everything[key].nbytes, 1)
    if len(tensors) != len(records):
        raise damaged(str(path))
    return tensors


def _legacy_header(file: IO[bytes], path: Path) -> Any:
    bounded = BoundedFile(file, MAX_PICKLE_BYTES)
    plain = Rules(lambda _: False, Call, _no_storage)
    magic, protocol = (list_pickle(bounded, str(path), plain) for _ in range(2))
    if magic != LEGACY_MAGIC or protocol != LEGACY_PROTOCOL:
        raise ModelError(f"{path} is a pickle but not one of torch.save: save the model's state_dict() with torch.save")
    system = list_pickle(bounded, str(path), plain)
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise ModelError(f"{path} was written by a big-endian machine: save it again on another one")
    return list_pickle(bounded, str(path), _rules())


def _legacy_keys(file: IO[bytes], path: Path) -> list[str]:
    keys = list_pickle(BoundedFile(file, MAX_PICKLE_BYTES), str(path), Rules(lambda _: False, Call, _no_storage))
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys) or len(set(keys)) != len(keys):
        raise damaged(str(path))
    return keys


def _legacy_count(file: IO[bytes], path: Path) -> int:
    try:
        return int(struct.unpack("<q", file.read(8))[0])
    except struct.error as error:
        raise damaged(str(path)) from error


def _storage_sizes(content: Any) -> dict[str, StorageRecord]:
    """Every storage that the object mentions anywhere."""
    found: dict[str, StorageRecord] = {}
    seen: set[int] = set()
    waiting = [content]
    while waiting:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, TensorRecord):
            found[value.storage.key] = value.storage
        elif isinstance(value, StorageRecord):
            found[value.key] = value
        elif isinstance(value, dict):
            waiting += [*value.keys(), *value.values()]
        elif isinstance(value, list | tuple | set | frozenset):
            waiting += value
        elif isinstance(value, Call):
            waiting += [*value.arguments, value.state]
    return found


def _no_storage(_: Any) -> Any:
    raise ValueError("a stored tensor where none can be")


def _rules() -> Rules:
    return Rules(is_allowed, _built, _storage)


def _storage(address: Any) -> StorageRecord:
    """The storage that a persistent id names: ("storage", type, key, device, count) and, in old files, a view."""
    kind, storage_type, key, _, count, *view = address
    if kind != "storage" or not isinstance(storage_type, Name) or not isinstance(key, str) or any(view):
        raise ValueError("an unknown kind of storage")
    if type(count) is not int or not 0 <= count < LARGEST_NUMBER or not key.isalnum():
        raise ValueError("a storage without a size")
    return StorageRecord(key, _STORAGES[storage_type.path.removeprefix("torch.")], count)


def _built(path: str, arguments: tuple[Any, ...]) -> Any:
    """What a call stands for: a tensor, a plain container or number, or an inert record."""
    if path in _TENSOR_CALLS:
        storage, offset, shape, stride = arguments[:4]
        if not isinstance(storage, StorageRecord):
            raise TypeError("a tensor without a storage")
        return TensorRecord(storage, offset, tuple(_plain_size(shape)), tuple(stride))
    if path in _PARAMETER_CALLS:
        return arguments[0]
    if path == "torch._tensor._rebuild_from_type_v2":
        return _built(arguments[0].path, arguments[2])
    if path == "collections.OrderedDict":
        return _dict(*arguments)
    if path == "collections.defaultdict":
        return _dict(*arguments[1:])
    if path == "fractions.Fraction":
        return _fraction(*arguments)
    return Call(path, arguments)


def _plain_size(shape: Any) -> Any:
    return shape.arguments[0] if isinstance(shape, Call) and shape.path == "torch.Size" else shape


def _dict(entries: Any = ()) -> dict[Any, Any]:
    pairs = [(key, value) for key, value in (entries.items() if isinstance(entries, dict) else entries)]
    return dict(zip(as_keys([key for key, _ in pairs]), (value for _, value in pairs), strict=True))


def _fraction(numerator: Any, denominator: Any = 1) -> Fraction:
    # Not Fraction("…"): of "1e999999999" it would write out every digit.
    if isinstance(numerator, str):
        numerator, denominator = f"{numerator}/1".split("/")[:2]
    parts = int(numerator), int(denominator)
    if max(map(abs, parts)) >= LARGEST_NUMBER:
        raise ValueError("a fraction with too many digits")
    return Fraction(*parts)


@contextmanager
def _archive(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            if len(archive.namelist()) > MAX_ENTRIES:
                raise ModelError(f"{path} has {len(archive.namelist())} entries: no checkpoint has that many")
            yield archive
    except (zipfile.BadZipFile, NotImplementedError, EOFError, KeyError, ValueError, OSError) as error:
        raise damaged(str(path)) from error


def _prefix(archive: zipfile.ZipFile, path: Path) -> str:
    """The folder inside the archive that holds everything."""
    found = [name for name in archive.namelist() if name.endswith("data.pkl") and name.count("/") == 1]
    if len(found) != 1:
        raise ModelError(f"{path} is a zip archive but not one of torch.save: give the checkpoint itself")
    return found[0].removesuffix("data.pkl")


def _stored(archive: zipfile.ZipFile, name: str, path: Path, limit: int) -> zipfile.ZipInfo:
    """The entry's description. torch stores and never packs: a packed entry may be a bomb."""
    info = archive.getinfo(name)
    if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size or info.flag_bits & 1:
        raise ModelError(f"{path} has packed or encrypted entries, which torch.save never writes: it is refused")
    if info.file_size > limit:
        raise ModelError(f"{path}: {name} has {info.file_size} bytes where at most {limit} are expected: it is refused")
    return info


def _entry(archive: zipfile.ZipFile, name: str, path: Path, limit: int) -> bytes:
    return archive.read(_stored(archive, name, path, limit))
