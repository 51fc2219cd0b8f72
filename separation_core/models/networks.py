"""Networks by name, and the self-describing files that hold their weights.

A weights file is safetensors with the architecture and its sizes in the header: nothing is executed on loading, and
nothing but the file is needed to rebuild the network.
"""

import hashlib
import json
import struct
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from separation_core.errors import ModelError
from separation_core.models.band_unet import BandUNet, BandUNetConfig
from separation_core.models.dual_path_unet import DualPathUNet, DualPathUNetConfig
from separation_core.models.scnet import Scnet, ScnetConfig
from separation_core.sessions.durable import write_errors

Network = Scnet | DualPathUNet | BandUNet
HEADER_LIMIT = 1 << 24

ARCHITECTURES: Mapping[str, tuple[type[ScnetConfig | DualPathUNetConfig | BandUNetConfig], Callable[..., Network]]] = {
    "scnet": (ScnetConfig, Scnet),
    "dual-path-unet": (DualPathUNetConfig, DualPathUNet),
    "band-unet": (BandUNetConfig, BandUNet),
}
"""Configuration and network class of each architecture that can be trained and loaded."""


def build_network(
    architecture: str, sizes: Mapping[str, Any], *, name: str = "", version: str = "untrained"
) -> Network:
    """A new network with random weights. Raises ModelError for an unknown architecture or size."""
    if architecture not in ARCHITECTURES:
        raise ModelError(f"unknown architecture {architecture!r}: take one of {', '.join(ARCHITECTURES)}")
    config_class, network_class = ARCHITECTURES[architecture]
    known = {field.name for field in fields(config_class)}
    unknown = sorted(set(sizes) - known)
    if unknown:
        raise ModelError(f"{architecture} has no size {unknown[0]!r}: it has {', '.join(sorted(known))}")
    frozen: dict[str, Any] = {key: _frozen(value) for key, value in sizes.items()}
    try:
        return network_class(config_class(**frozen), name=name or architecture, version=version)
    except (TypeError, ValueError, IndexError, ArithmeticError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise ModelError(f"{architecture} cannot be built with these sizes ({reason}): correct them") from error


def _frozen(value: Any) -> Any:
    """Lists, at any depth, as the tuples that configurations hold."""
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


def architecture_of(network: Network) -> str:
    """The name under which a network's architecture is known."""
    return next(name for name, (_, kind) in ARCHITECTURES.items() if type(network) is kind)


def save_network(path: Path, network: Network, *, notes: Mapping[str, str] | None = None) -> None:
    """Write a network's weights as float16 safetensors with its architecture, sizes and `notes` in the header.

    Raises WriteFailed naming `path`, which is then as it was.
    """
    header = {
        "architecture": architecture_of(network),
        "config": json.dumps(asdict(network.config)),
        **(notes or {}),
    }
    tensors = {name: _halved(tensor) for name, tensor in network.state_dict().items()}
    partial = path.with_name(path.name + ".partial")
    with write_errors(path):
        try:
            # Not `save_file`, whose files are for one user only.
            partial.write_bytes(save(tensors, header))
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)


def _halved(tensor: torch.Tensor) -> torch.Tensor:
    plain = tensor.detach().cpu().contiguous()
    return plain.half() if plain.is_floating_point() else plain


def load_network(path: Path, *, name: str) -> Network:
    """Rebuild a network from `save_network`'s file, in float32 and ready to infer; its version is the file's hash.

    Raises ModelError for a file that is not one of ours or is damaged.
    """
    header = read_header(path)
    try:
        version = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
        network = build_network(header["architecture"], json.loads(header["config"]), name=name, version=version)
        weights = {
            key: tensor.float() if tensor.is_floating_point() else tensor for key, tensor in load_file(path).items()
        }
        network.load_state_dict(weights)
    except (KeyError, TypeError, ValueError, RuntimeError, SafetensorError, OSError) as error:
        raise ModelError(f"{path} does not hold weights of ours, or is damaged: fetch or export it again") from error
    return network.eval()


def read_header(path: Path) -> Mapping[str, str]:
    """The text entries of a safetensors file's header. Raises ModelError for a file that is none, or not there."""
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            header = json.loads(file.read(min(length, HEADER_LIMIT)))
        return dict(header.get("__metadata__", {}))
    except OSError as error:
        raise ModelError(f"{path} cannot be read ({error.strerror}): check the path and its permissions") from error
    except (struct.error, ValueError, AttributeError) as error:
        raise ModelError(f"{path} is not a weights file (safetensors): fetch or export it again") from error
