"""Out of the many ways to wrap published weights, the weights: names as our networks have them, and what else is told.

Demucs packages (`klass`, `args`, `kwargs`, `state`), SCNet's training state (`best_state`), Meta-TasNet's
(`state_dict`, `args`), Lightning checkpoints, the nests and bare dicts of ZFTurbo's repository, and files of ours.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from separation_core.errors import ModelError
from separation_core.zoo.checkpoint_file import CheckpointFile
from separation_core.zoo.pickle_listing import Call, Name
from separation_core.zoo.tensor_records import TensorRecord

NESTS = ("best_state", "state", "state_dict", "model_state_dict", "ema_state_dict", "model")
"""Keys under which published files keep their weights, in the order to look."""
_PREFIXES = ("module.", "_orig_mod.", "model.", "net.", "network.")
"""What training frameworks put before every name."""
_COUNTERS = ("total_ops", "total_params")
"""What a profiler leaves among the weights."""
_DEMUCS_CLASSES = {"HTDemucs": "htdemucs", "HDemucs": "hdemucs"}
_MAX_DEPTH = 4


@dataclass(frozen=True, slots=True)
class Weights:
    """Named tensors, not yet read, and what the file says about them.

    architecture: None where the file does not say. configuration: keyword arguments it holds; `own` says whether
    these are our names (a file of ours) or the published ones. normalised: see `ModelSpec`. wrapping: what the
    file is, for a person.
    """

    tensors: Mapping[str, TensorRecord]
    wrapping: str
    architecture: str | None = None
    configuration: Mapping[str, Any] = field(default_factory=dict)
    own: bool = False
    normalised: bool = False

    @property
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """Shape of each tensor."""
        return {name: record.shape for name, record in self.tensors.items()}


def unpack(file: CheckpointFile) -> Weights:
    """The weights in a file. Raises ModelError for a file without any, or in a form that cannot be used."""
    if "architecture" in file.header:
        return _own(file)
    content = file.content
    if isinstance(content, dict) and isinstance(content.get("klass"), Name) and "state" in content:
        return _demucs_package(file, content)
    if isinstance(content, dict) and isinstance(content.get("args"), Call) and "state_dict" in content:
        return _with_arguments(file, content)
    tensors, nest = _nested(content, str(file.path))
    if nest == "best_state":
        # SCNet's own training writes it, whose network brings the spectrogram to unit spread, as it does the song.
        return Weights(
            tensors, "a training state of SCNet", configuration={"spectrogram_normalised": True}, normalised=True
        )
    return Weights(tensors, f"weights under {nest!r}" if nest else "bare weights")


def _own(file: CheckpointFile) -> Weights:
    try:
        configuration = json.loads(file.header["config"])
    except (KeyError, ValueError, RecursionError) as error:
        raise ModelError(f"{file.path} has no configuration in its header: export it again") from error
    if not isinstance(configuration, dict):
        raise ModelError(f"{file.path} has a broken configuration in its header: export it again")
    normalised = file.header.get("normalised") == "true"
    return Weights(file.content, "a file of stemrack", file.header["architecture"], configuration, True, normalised)


def _demucs_package(file: CheckpointFile, content: dict[Any, Any]) -> Weights:
    name = content["klass"].path.rpartition(".")[2]
    state = content["state"]
    if name not in _DEMUCS_CLASSES:
        raise ModelError(f"{file.path} is a {name} of Demucs, which is not supported: take htdemucs or mdx_extra")
    if isinstance(state, dict) and "__quantized" in state:
        raise ModelError(f"{file.path} is quantised with DiffQ, which is not supported: take the full version")
    keywords = content.get("kwargs")
    # Only the stems are ever given by position.
    positional = content.get("args") or ()
    if isinstance(keywords, dict) and isinstance(positional, list | tuple) and positional:
        keywords = {"sources": positional[0]} | keywords
    if not isinstance(keywords, dict) or not all(_is_setting(*item) for item in keywords.items()):
        raise ModelError(f"{file.path} does not say how its network is built: download it again")
    return Weights(_tensors(state, str(file.path)), f"a Demucs package ({name})", _DEMUCS_CLASSES[name], keywords)


def _is_setting(key: Any, value: Any) -> bool:
    """Whether that is a keyword argument; the stems must be a list, the others may be anything plain."""
    return isinstance(key, str) and _plain(value) and (key != "sources" or isinstance(value, list | tuple))


def _plain(value: Any) -> bool:
    """Whether a keyword argument is one that a configuration can hold."""
    if isinstance(value, list | tuple):
        return all(isinstance(item, str | int | float) for item in value)
    return value is None or isinstance(value, str | int | float | Fraction)


def _with_arguments(file: CheckpointFile, content: dict[Any, Any]) -> Weights:
    """Meta-TasNet's: the arguments of its training script say how the network is built."""
    arguments = content["args"].state
    tensors = _tensors(content["state_dict"], str(file.path))
    if not isinstance(arguments, dict) or "stages_num" not in arguments:
        return Weights(tensors, "a training state")
    plain = {key: value for key, value in arguments.items() if _plain(value)}
    return Weights(tensors, "a training state of Meta-TasNet", "meta_tasnet", plain)


def _nested(content: Any, source: str) -> tuple[Mapping[str, TensorRecord], str]:
    """The weights under the first known nest, however deep, or the content itself."""
    path: list[str] = []
    while isinstance(content, dict) and len(path) < _MAX_DEPTH:
        nest = next((key for key in NESTS if isinstance(content.get(key), dict)), None)
        if nest is None:
            break
        path.append(nest)
        content = content[nest]
    return _tensors(content, source), ".".join(path)


def _tensors(state: Any, source: str) -> Mapping[str, TensorRecord]:
    if not isinstance(state, dict):
        raise ModelError(f"{source} holds no dict of weights: save the model's state_dict()")
    tensors = {
        key: value
        for key, value in state.items()
        if isinstance(key, str) and isinstance(value, TensorRecord) and key.rpartition(".")[2] not in _COUNTERS
    }
    if not tensors:
        raise ModelError(f"{source} holds no weights: save the model's state_dict()")
    return _without_prefixes(tensors)


def _without_prefixes(tensors: Mapping[str, TensorRecord]) -> Mapping[str, TensorRecord]:
    """Names without what a framework put before all of them."""
    while prefix := next((one for one in _PREFIXES if all(key.startswith(one) for key in tensors)), None):
        tensors = {key.removeprefix(prefix): value for key, value in tensors.items()}
    return tensors
