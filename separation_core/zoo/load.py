"""From a model's name to what the engine runs.

A name is one of the built-in separators', of a published model's in the catalogue, or of a model that the user added;
or several of these, joined as `zoo.ensembles` says. A published model that is not here yet is downloaded first.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha256
from importlib.resources import as_file
from pathlib import Path

from separation_core.errors import ModelError
from separation_core.models.contract import Ensemble, Member, Model, Separator
from separation_core.zoo.added import AddedModel, added_models
from separation_core.zoo.built_in import DEFAULT_MODEL, built_in, built_in_card, is_built_in, weights_of
from separation_core.zoo.card_table import nearest
from separation_core.zoo.cards import BagMember, BuiltInCard, ModelCard
from separation_core.zoo.catalogue import catalogue
from separation_core.zoo.checkpoints import Verification, digest_of, fetch, sha256_of, verify_stamp
from separation_core.zoo.checkpoints import verify as verify_checkpoint
from separation_core.zoo.ensembles import join, parse_ensemble
from separation_core.zoo.transfer import Progress


def model_names() -> tuple[str, ...]:
    """The names that `load_separator` knows: built-in, published, the user's; `default` is one more for the first."""
    return (*built_in().cards, *catalogue(), *added_models())


def load_separator(
    name: str,
    *,
    stem: str = "",
    progress: Progress | None = None,
    offline: bool | None = None,
    note: Callable[[str], None] | None = None,
) -> Model:
    """The model of that name, on the CPU, downloaded if need be: a separator, or for a bag the ensemble of several.

    stem: the only one that is wanted. Where members of a bag have no say in it, only the others are downloaded and
    loaded, and they give that stem and the rest of the mix (`StemAndRest`); `note` is told so in one line. progress:
    bytes of the download, over all checkpoints. offline: never download; None asks the environment.
    Raises ModelError for an unknown name, with the nearest, for a stem that a published model lacks, and
    NotDownloadedError where a checkpoint cannot be had.
    """
    joined = parse_ensemble(name)
    if joined:
        # All members must give the same stems, so none is loaded for one stem only.
        return join(name, joined, [load_separator(one, progress=progress, offline=offline) for one in joined.models])
    if is_built_in(name):
        return _built_in(built_in_card(name))
    if name in catalogue():
        return _published(_only(catalogue()[name], stem, note), progress, offline)
    added = added_models().get(name)
    if added:
        return _added(added)
    raise unknown_model(name)


def get_model(
    name: str, *, stem: str = "", progress: Progress | None = None, offline: bool | None = None
) -> tuple[Path, ...]:
    """Download what a model needs and say where it lies; nothing for a built-in one.

    stem: the only one that is wanted, see `load_separator`. progress: bytes there are and bytes there will be (None
    where unknown), over all of the model's checkpoints.
    """
    joined = parse_ensemble(name)
    if joined:
        return tuple(path for one in joined.models for path in get_model(one, progress=progress, offline=offline))
    if is_built_in(name):
        return ()
    added = added_models()
    if name in added:
        return (added[name].path,)
    if name not in catalogue():
        raise unknown_model(name)
    return _fetched(_only(catalogue()[name], stem, None).card, progress, offline)


def verify(name: str) -> tuple[Verification, ...]:
    """Hash every file of a model anew. Raises ModelError for an unknown name; a built-in model has no files."""
    if is_built_in(name):
        return ()
    if name in catalogue():
        return tuple(verify_checkpoint(member.checkpoint) for member in catalogue()[name].members)
    added = added_models().get(name)
    if added:
        return (verify_stamp(added.path),)
    raise unknown_model(name)


def unknown_model(name: str) -> ModelError:
    """What to tell about a name that no model has: the nearest ones, or for a file how it becomes a model."""
    if os.path.isfile(name):  # noqa: PTH113  # which a name that can be no path does not upset
        return ModelError(f"no model is called {name!r}: take the file in with `stemrack models add` and use that name")
    return ModelError(f"no model is called {name!r}: {nearest(name, (DEFAULT_MODEL, *model_names()))}")


def _fetched(card: ModelCard, progress: Progress | None, offline: bool | None) -> tuple[Path, ...]:
    paths: list[Path] = []
    for member in card.members:
        before = sum(path.stat().st_size for path in paths)
        shown = _after(before, card.size, progress) if progress else None
        paths.append(fetch(member.checkpoint, progress=shown, offline=offline))
    return tuple(paths)


def _after(before: int, size: int | None, progress: Progress) -> Progress:
    """Progress of one file as progress of all."""

    def show(done: int, total: int | None) -> None:
        progress(before + done, size or (before + total if total is not None else None))

    return show


def _built_in(card: BuiltInCard) -> Separator:
    """The model of a card: the classical separator, or a network with the weights that came with the package."""
    if not card.weights:
        from separation_core.models.classical import ClassicalSeparator

        return ClassicalSeparator()
    with as_file(weights_of(card)) as path:
        network = _network(path, card.name, sha256_of(path)[:12])
    return network if card.silence_db is None else _silent(network, card.silence_db)


def _silent(separator: Separator, below_db: float) -> Separator:
    from separation_core.models.presence import SilentStems

    return SilentStems(separator, below_db)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is needed of a published model. card: with the members that are needed. stem: the only one, if it is."""

    card: ModelCard
    stem: str = ""


def _only(card: ModelCard, stem: str, note: Callable[[str], None] | None) -> _Wanted:
    if not stem:
        return _Wanted(card)
    if stem not in card.stems:
        raise ModelError(f"{card.name} has no stem {stem!r}: choose from {', '.join(card.stems)}")
    place = card.stems.index(stem)
    needed = tuple(member for member in card.members if member.weights[place] > 0)
    if len(needed) == len(card.members):
        return _Wanted(card)
    if note:
        note(
            f"{card.name}: {stem} needs only {len(needed)} of its {len(card.members)} networks; "
            f"no_{stem} is the song without it"
        )
    return _Wanted(replace(card, members=needed), stem)


def _published(wanted: _Wanted, progress: Progress | None, offline: bool | None) -> Model:
    card = wanted.card
    paths = _fetched(card, progress, offline)
    members = tuple(_member(wanted, member, path) for member, path in zip(card.members, paths, strict=True))
    if len(members) == 1:
        return members[0].separator
    versions = ",".join(member.separator.spec.version for member in members)
    return Ensemble(card.name, sha256(versions.encode()).hexdigest()[:12], members)


def _member(wanted: _Wanted, member: BagMember, path: Path) -> Member:
    from separation_core.zoo.architectures import as_separator
    from separation_core.zoo.materialise import blueprint

    card = wanted.card
    plan = blueprint(path, architecture=card.architecture, configuration=card.configuration, stems=card.stems)
    if set(plan.stems) != set(card.stems):
        raise ModelError(f"{path.name} gives {', '.join(plan.stems)}, {card.name} should give {', '.join(card.stems)}")
    called = card.name if len(card.members) == 1 else f"{card.name}/{member.checkpoint.key}"
    network = plan.network(called, digest_of(path)[:12])
    by_stem = dict(zip(card.stems, member.weights, strict=True))
    separator = as_separator(network, normalised=plan.normalised or card.normalised)
    if wanted.stem:
        from separation_core.models.stem_and_rest import StemAndRest

        return Member(StemAndRest(separator, wanted.stem), (by_stem[wanted.stem],) * 2)
    return Member(separator, tuple(by_stem[stem] for stem in plan.stems))


def _added(model: AddedModel) -> Separator:
    return _network(model.path, model.name, model.source_sha256[:12])


def _network(path: Path, called: str, version: str) -> Separator:
    """The network in a file of ours."""
    from separation_core.zoo.architectures import as_separator
    from separation_core.zoo.materialise import blueprint

    plan = blueprint(path)
    return as_separator(plan.network(called, version), normalised=plan.normalised)
