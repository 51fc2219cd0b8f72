"""From a checkpoint's file to a network with its weights, in the order that keeps a hostile file harmless.

List the file; decide what network it is; build that on the device "meta", where nothing is allocated; compare every
name and shape; and only then read the weights.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, cast, runtime_checkable

import torch
from torch import nn

from separation_core.errors import ModelError
from separation_core.models.contract import Separator
from separation_core.zoo.architectures import ARCHITECTURES, build, configure, restore
from separation_core.zoo.checkpoint_file import CheckpointFile, open_checkpoint
from separation_core.zoo.convert import Weights, unpack
from separation_core.zoo.recognise import recognise
from separation_core.zoo.tensor_records import TensorRecord

_UNSET: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Blueprint:
    """A file whose network is known and whose weights fit it, before they are read.

    config: the architecture's configuration. stems: names in output order. assumed: what neither the file nor the
    caller told.
    """

    file: CheckpointFile
    weights: Weights
    architecture: str
    config: Any
    stems: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()

    @property
    def normalised(self) -> bool:
        """Whether the network wants to hear the song at unit level, as far as the file tells; see `ModelSpec`."""
        return self.weights.normalised or ARCHITECTURES[self.architecture].normalised

    def network(self, called: str, version: str) -> nn.Module:
        """The network in float32 on the CPU, ready to infer."""
        tensors = self.file.read(self.weights.tensors)
        network = build(self.architecture, self.config, tensors=len(tensors), called=called, version=version)
        laid_out = network.state_dict()
        network.load_state_dict(
            {key: _single(tensor, laid_out.get(key)) for key, tensor in tensors.items()}, assign=True
        )
        ready = network.eval()
        return ready.fused() if isinstance(ready, _Fusible) else ready


@runtime_checkable
class _Fusible(Protocol):
    """A network that can be had with fewer steps for inference, and the same output."""

    def fused(self) -> nn.Module:
        """A copy without the steps that only training needs."""


def blueprint(
    path: Path,
    *,
    architecture: str | None = None,
    configuration: Mapping[str, Any] = _UNSET,
    stems: tuple[str, ...] | None = None,
) -> Blueprint:
    """Find out what network a file holds, and check that its weights are exactly that network's.

    architecture, stems: what is known already, for files that do not say. configuration: published keyword arguments,
    which count over those in the file. Raises ModelError naming the file and what does not fit.
    """
    file = open_checkpoint(path)
    weights = unpack(file)
    if weights.own and weights.architecture:
        found = Blueprint(file, weights, weights.architecture, restore(weights.architecture, weights.configuration))
    else:
        found = _published(file, weights, architecture, configuration, stems)
    expected = build(
        found.architecture, found.config, tensors=len(weights.tensors), called=path.name, version="", device="meta"
    )
    check_fit(_needed(expected, weights.tensors), weights.tensors, str(path), found.architecture)
    return replace(found, stems=cast(Separator, expected).spec.stems)


def _published(
    file: CheckpointFile,
    weights: Weights,
    architecture: str | None,
    configuration: Mapping[str, Any],
    stems: tuple[str, ...] | None,
) -> Blueprint:
    """By what the file says, else by its shapes, and over both by what the caller knows."""
    settings, found = dict(weights.configuration), weights.architecture
    assumed: tuple[str, ...] = ()
    names = tuple(settings.get("sources", ()))
    if found is None:
        guess = recognise(weights.shapes, str(file.path))
        told = {*settings, *configuration, *(["stems"] if stems else [])}
        assumed = tuple(item for item in guess.assumed if item.partition(" ")[0] not in told)
        settings, found, names = {**guess.configuration, **settings}, guess.architecture, stems or guess.stems
    if architecture not in (None, found):
        raise ModelError(f"{file.path} holds {found}, not {architecture}: give another file")
    config = configure(found, {**settings, **configuration}, names or stems or ())
    return Blueprint(file, weights, found, config, assumed=assumed)


def _needed(network: nn.Module, found: Mapping[str, TensorRecord]) -> Mapping[str, torch.Tensor]:
    """The network's weights less those that several layers share and that the file holds under another name only."""
    names: dict[int, list[str]] = {}
    for name, parameter in network.named_parameters(remove_duplicate=False):
        names.setdefault(id(parameter), []).append(name)
    held = {name for shared in names.values() if any(one in found for one in shared) for name in shared}
    return {key: value for key, value in network.state_dict().items() if key in found or key not in held}


def check_fit(
    expected: Mapping[str, torch.Tensor], found: Mapping[str, TensorRecord], source: str, architecture: str
) -> None:
    """Raise ModelError naming the first weight that is missing, too many or of another shape."""
    for key, tensor in expected.items():
        if key not in found:
            lacking = sum(key not in found for key in expected)
            raise ModelError(f"{source} lacks {lacking} weights of {architecture}, first {key}: it is another model")
        if found[key].shape != tuple(tensor.shape):
            raise ModelError(
                f"{source}: {key} has shape {found[key].shape}, {architecture} of this size has {tuple(tensor.shape)}: "
                "it is another variant"
            )
        if tensor.is_floating_point() and not found[key].dtype.is_floating_point:
            raise ModelError(f"{source}: {key} is of {found[key].dtype}, not of real numbers: take the full version")
    surplus = sorted(found.keys() - expected.keys())
    if surplus:
        raise ModelError(
            f"{source} has {len(surplus)} weights that {architecture} has not, first {surplus[0][:80]}: "
            "it is another variant"
        )


def _single(tensor: torch.Tensor, like: torch.Tensor | None) -> torch.Tensor:
    """The weight in float32, in the order in memory that the network had made for it."""
    single = tensor.float() if tensor.is_floating_point() else tensor
    if like is None or like.shape != single.shape or like.stride() == single.stride():
        return single
    return torch.empty_like(like).copy_(single)
