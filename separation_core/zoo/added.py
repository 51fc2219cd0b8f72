"""Models that the user brought: kept as safetensors of ours, which say all that is needed to build the network.

They are the user's own, so they do not lie in the cache but in the platform's data folder (`STEMRACK_MODELS`
overrides it). Listing them reads a header and imports no torch.
"""

import json
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from platformdirs import user_data_path
from safetensors import SafetensorError, safe_open

from separation_core.errors import ModelError
from separation_core.sessions.durable import write_errors
from separation_core.zoo.built_in import is_built_in
from separation_core.zoo.cards import CheckpointCard, ModelCard
from separation_core.zoo.catalogue import catalogue, model_card
from separation_core.zoo.checkpoints import adopt, finish, sha256_of

if TYPE_CHECKING:
    from separation_core.zoo.materialise import Blueprint

FOLDER_VARIABLE = "STEMRACK_MODELS"
"""Environment variable that puts the user's models into another folder."""
_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")


@dataclass(frozen=True, slots=True)
class AddedModel:
    """A model of the user's. source: the file it came from; source_sha256: that file's checksum.

    assumed: what neither that file nor the user told, as `field value`.
    """

    name: str
    path: Path
    architecture: str
    stems: tuple[str, ...]
    source: str
    source_sha256: str
    assumed: tuple[str, ...] = ()


def added_folder() -> Path:
    """Where the user's models lie; it need not exist yet."""
    chosen = os.environ.get(FOLDER_VARIABLE)
    return Path(chosen) if chosen else user_data_path("stemrack", appauthor=False) / "models"


def added_models() -> Mapping[str, AddedModel]:
    """The user's models by name. A file that is none of ours is passed over."""
    try:
        paths = sorted(added_folder().glob("*.safetensors"))
    except OSError:
        return {}
    found = {path.stem: _read(path) for path in paths if _NAME.fullmatch(path.stem)}
    return {name: model for name, model in found.items() if model}


def check_added_folder() -> None:
    """Raises ModelError where there is a folder of the user's models that cannot be listed."""
    folder = added_folder()
    try:
        next(folder.iterdir(), None)
    except FileNotFoundError:
        return
    except OSError as error:
        remedy = f"check its permissions, or name another folder in {FOLDER_VARIABLE}"
        raise ModelError(f"{folder}, for models of yours, cannot be listed ({error.strerror}): {remedy}") from error


def add_checkpoint(
    path: Path, *, name: str = "", like: str = "", stems: tuple[str, ...] | None = None
) -> AddedModel | ModelCard:
    """Take a local checkpoint of any known family into the zoo, recognised by its names and shapes.

    A published file is put where a download would have put it, and its card is given back; any other becomes a model
    of the user's under `name` (default: the file's name). like: a published model whose configuration it shares, for
    what shapes do not tell. stems: their names in output order, for files that do not say. Raises ModelError for a
    file that is damaged, hostile, of no known family or says other stems, or a name that is taken.
    """
    digest = sha256_of(path)
    published = _published_file(digest)
    if published and not (name or like or stems):
        adopt(published[1], path)
        return published[0]
    chosen = _free_name(name or _as_name(path), digest)
    from separation_core.zoo.materialise import blueprint

    card = model_card(like) if like else None
    plan = blueprint(
        path,
        architecture=card.architecture if card else None,
        configuration=card.configuration if card else {},
        stems=stems or (card.stems if card else None),
    )
    if stems and plan.stems != stems:
        raise ModelError(f"{path} says itself what its stems are ({', '.join(plan.stems)}): leave --stems away")
    model = _written(plan, chosen, path, digest, normalised=plan.normalised or bool(card and card.normalised))
    return replace(model, assumed=plan.assumed)


def remove_added(name: str) -> None:
    """Delete a model of the user's. Raises ModelError where there is none of that name."""
    models = added_models()
    if name not in models:
        raise ModelError(f"{name!r} is no model of yours: there are {', '.join(models) or 'none'}")
    path = models[name].path
    with write_errors(path):
        path.unlink()
        path.with_name(f".{path.name}.stamp").unlink(missing_ok=True)


def _published_file(digest: str) -> tuple[ModelCard, CheckpointCard] | None:
    for card in catalogue().values():
        for member in card.members:
            if member.checkpoint.sha256 == digest:
                return card, member.checkpoint
    return None


def _as_name(path: Path) -> str:
    return re.sub(r"[^a-z0-9_.-]+", "_", path.stem.lower()).strip("_.-")[:64] or "model"


def _free_name(name: str, digest: str) -> str:
    if not _NAME.fullmatch(name):
        raise ModelError(f"{name!r} cannot name a model: give up to 64 small letters, digits, _ . and -")
    taken = added_models().get(name)
    if name in catalogue() or is_built_in(name) or (taken and taken.source_sha256 != digest):
        raise ModelError(f"there is a model called {name!r} already: choose another with --name")
    return name


def _written(plan: "Blueprint", name: str, source: Path, digest: str, *, normalised: bool) -> AddedModel:
    """Write the model's file. Types are kept: half precision stays half precision."""
    from safetensors.torch import save_file

    from separation_core.zoo.architectures import stored

    said = os.fsencode(source.name).decode("utf-8", "replace")  # a name may be no Unicode, a header has to be
    model = AddedModel(name, added_folder() / f"{name}.safetensors", plan.architecture, plan.stems, said, digest)
    header = {
        "architecture": plan.architecture,
        "config": json.dumps(stored(plan.config)),
        "stems": json.dumps(plan.stems),
        "source": said,
        "source_sha256": digest,
        "normalised": "true" if normalised else "false",
    }
    partial = model.path.with_name(f".{model.path.name}.{os.getpid()}.part")
    with write_errors(model.path):
        model.path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with write_errors(model.path):
            save_file(plan.file.read(plan.weights.tensors), partial, metadata=header)
        finish(partial, model.path, sha256_of(partial))
    except SafetensorError as error:
        raise ModelError(f"cannot write {model.path} ({error}): free some space or choose another folder") from error
    finally:
        partial.unlink(missing_ok=True)
    return model


def _read(path: Path) -> AddedModel | None:
    with suppress(SafetensorError, OSError, KeyError, ValueError, TypeError, RecursionError):
        with safe_open(path, "np") as file:
            header = file.metadata() or {}
        stems = tuple(str(stem) for stem in json.loads(header["stems"]))
        texts = (header["architecture"], stems, header["source"], header["source_sha256"])
        return AddedModel(path.stem, path, *texts)
    return None
