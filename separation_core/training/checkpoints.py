"""Checkpoints: everything a run needs to go on exactly, in a folder of small files that appears at once or not.

A checkpoint is a folder `step-00001234` with `state.json` and a few `part-0.safetensors` of at most 15 MiB each, so
that they pass where single files are limited. It is written under another name and renamed; the last two are kept.

Exact checkpoints hold everything in float32. Compact ones, for a long way, keep the weights in float32 but the
optimiser's moments in bfloat16 and the average as a bfloat16 difference to the weights: ten bytes a parameter
instead of sixteen, and a resumed run that differs in the last digits.
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from separation_core.errors import ModelError
from separation_core.sessions.durable import write_errors
from separation_core.training.log import LOG_NAME

PART_BYTES = 15 << 20
KEPT = 2
FORMAT = 1
Tensors = dict[str, torch.Tensor]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A run's state. network and average: state dicts. first, second: AdamW's moments by parameter name. facts: step,
    trained seconds and the like, as JSON holds them."""

    network: Tensors
    average: Tensors
    first: Tensors
    second: Tensors
    facts: Mapping[str, Any]


def write_checkpoint(folder: Path, checkpoint: Checkpoint, *, compact: bool = False) -> Path:
    """Write under `folder` as `step-…`; older ones but the last are removed. Returns the checkpoint's folder.

    Raises WriteFailed where the disk refuses it; what was there stays.
    """
    final = folder / checkpoint_name(checkpoint.facts["step"])
    with _appearing(final) as partial:
        parts = 0
        for part in _parts(_flatten(checkpoint, compact=compact)):
            # Not `save_file`, whose files are for one user only.
            (partial / f"part-{parts}.safetensors").write_bytes(save(part))
            parts += 1
        facts = {**checkpoint.facts, "format": FORMAT, "compact": compact, "parts": parts}
        (partial / "state.json").write_text(json.dumps(facts, indent=1), encoding="utf-8")
    for old in _found(folder)[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)
    return final


def checkpoint_name(step: int) -> str:
    """What the folder of a step's checkpoint is called."""
    return f"step-{step:08d}"


@contextmanager
def _appearing(final: Path) -> Iterator[Path]:
    """A folder to fill, which becomes `final` at the end, or goes. Those that killed runs left half made go first."""
    for left in final.parent.glob("step-????????.partial"):
        shutil.rmtree(left, ignore_errors=True)
    partial = final.with_name(f"{final.name}.partial")
    try:
        with write_errors(final):
            partial.mkdir(parents=True)
            yield partial
            shutil.rmtree(final, ignore_errors=True)
            partial.replace(final)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def latest_checkpoint(folder: Path) -> Path | None:
    """The newest finished checkpoint under `folder`, or None."""
    found = _found(folder)
    return found[-1] if found else None


def read_checkpoint(path: Path) -> Checkpoint:
    """Read one checkpoint folder, tensors on the CPU. Raises ModelError where it is damaged or cannot be read."""
    facts = read_facts(path)
    with _read_errors(path):
        parts = sorted(path.glob("part-*.safetensors"))
        if len(parts) != facts.get("parts", len(parts)):  # which older ones do not say
            raise ValueError(f"{len(parts)} of {facts['parts']} parts are there")
        tensors: Tensors = {}
        for part in parts:
            tensors.update(load_file(part))
        groups = _unflatten(tensors, compact=facts["compact"])
        return Checkpoint(**groups, facts=facts)


def read_facts(path: Path) -> Mapping[str, Any]:
    """What a checkpoint folder says of itself, without its tensors. Raises ModelError as `read_checkpoint` does."""
    with _read_errors(path):
        facts: dict[str, Any] = json.loads((path / "state.json").read_text(encoding="utf-8"))
        form = facts.get("format")
    if form != FORMAT:
        raise ModelError(f"checkpoint {path} has format {form}, not {FORMAT}: start a new run")
    return facts


@contextmanager
def _read_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ModelError(f"checkpoint {path} cannot be read ({error}): check its files and permissions") from error
    except (ValueError, KeyError, AttributeError, SafetensorError) as error:
        raise ModelError(f"checkpoint {path} is damaged ({error}): remove it to go on from the one before") from error


def _found(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("step-????????") if (path / "state.json").is_file())


def _flatten(checkpoint: Checkpoint, *, compact: bool) -> Iterator[tuple[str, torch.Tensor]]:
    for name, tensor in checkpoint.network.items():
        yield f"network/{name}", tensor
        average = checkpoint.average[name]
        yield f"average/{name}", _shrunk(average - tensor) if compact and _shrinks(average) else average
    for group, tensors in (("first", checkpoint.first), ("second", checkpoint.second)):
        for name, tensor in tensors.items():
            yield f"{group}/{name}", _shrunk(tensor) if compact else tensor


def _unflatten(tensors: Tensors, *, compact: bool) -> dict[str, Tensors]:
    groups: dict[str, Tensors] = {"network": {}, "average": {}, "first": {}, "second": {}}
    for key, tensor in tensors.items():
        group, name = key.split("/", 1)
        groups[group][name] = tensor.float() if compact and tensor.dtype == torch.bfloat16 else tensor
    if compact:
        for name, tensor in groups["average"].items():
            if _shrinks(tensor):
                groups["average"][name] = groups["network"][name] + tensor
    return groups


def _shrinks(tensor: torch.Tensor) -> bool:
    return tensor.is_floating_point()


def _shrunk(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.to(torch.bfloat16)


def _parts(tensors: Iterator[tuple[str, torch.Tensor]]) -> Iterator[Tensors]:
    part: Tensors = {}
    size = 0
    for name, tensor in tensors:
        plain = tensor.detach().cpu().contiguous().clone()
        if part and size + plain.nbytes > PART_BYTES:
            yield part
            part, size = {}, 0
        part[name] = plain
        size += plain.nbytes
    if part:
        yield part


def copy_compact(folder: Path, out: Path) -> Path:
    """Write the latest checkpoint of a run's folder under `out` in the compact form; returns its folder.

    Raises ModelError where there is none, or where `out` is a run's folder, whose checkpoints it would push out.
    """
    found = latest_checkpoint(folder)
    if found is None:
        raise ModelError(f"{folder} holds no checkpoint: name the folder of a training run")
    if out.resolve() == folder.resolve() or (out / LOG_NAME).exists():
        raise ModelError(f"{out} is the folder of a training run: name another for the copy")
    return write_checkpoint(out, read_checkpoint(found), compact=True)
