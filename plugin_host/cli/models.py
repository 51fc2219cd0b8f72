"""`stemrack models`: the separation models there are, which are here, and what they may be used for."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from plugin_host.cli.model_choice import download_bar
from plugin_host.cli.model_files import ModelFiles
from plugin_host.cli.reporting import detail, note, out, print_json, print_text, stage_progress

if TYPE_CHECKING:
    from separation_core.zoo.added import AddedModel
    from separation_core.zoo.cards import BuiltInCard, ModelCard, Score
    from separation_core.zoo.checkpoints import Verification

COMPARED = ("MDX", "MVSep Multisong")
"""Definition and data of the scores that most models were measured in; the list shows these where there are any."""
USES = {"yes": "", "no": "[red]non-commercial[/]", "unstated": "[yellow]use not stated[/]"}
STATES = {
    "ok": "[green]✓[/] as published",
    "first": "[green]✓[/] as it came (no published checksum)",
    "missing": "[dim]not here[/]",
    "damaged": "[red]✗ damaged[/]",
}

models_app = typer.Typer(help="The separation models: list, download, add, verify.")

Json = Annotated[bool, typer.Option("--json", help="Print it as JSON.")]
Name = Annotated[str, typer.Argument(help="A model's name, see `stemrack models`.", show_default=False)]


def register(app: typer.Typer) -> None:
    """Add the commands to the app."""
    app.add_typer(models_app, name="models")


@models_app.callback(invoke_without_command=True)
def models(context: typer.Context, json: Json = False) -> None:
    """List the separation models: which are here, how large, how good by whose measure, free for what use."""
    if context.invoked_subcommand is None:
        if json:
            print_json(_listing())
        else:
            _show_list()


@models_app.command()
def get(names: Annotated[list[str], typer.Argument(help="Models to download.", show_default=False)]) -> None:
    """Download models now, so that separating with them needs no network. Stopped, it goes on from there."""
    from separation_core.zoo.catalogue import catalogue
    from separation_core.zoo.load import get_model

    for name in names:
        try:
            with stage_progress() as show_stage:
                paths = get_model(name, progress=download_bar(show_stage, name))
        except KeyboardInterrupt:
            note("stopped; the same command goes on from here")
            raise typer.Exit(130) from None
        for path in paths or ("built in",):
            out.print(f"[green]✓[/] {name}: {escape(str(path))}", highlight=False, soft_wrap=True)
        card = catalogue().get(name)
        if card and card.commercial_use != "yes":
            note(f"{name}: {card.licence}; see {card.licence_source}")


@models_app.command()
def add(
    file: Annotated[Path, typer.Argument(help="A checkpoint: .th, .ckpt, .pt, .safetensors …", show_default=False)],
    name: Annotated[str, typer.Option(help="What to call it.", show_default="the file's name")] = "",
    like: Annotated[
        str, typer.Option(metavar="MODEL", help="A published model built the same way.", show_default=False)
    ] = "",
    stems: Annotated[
        str, typer.Option(metavar="A,B,…", help="The stems' names, in the model's order.", show_default=False)
    ] = "",
    json: Json = False,
) -> None:
    """Take a checkpoint of any known family into the zoo. Nothing in the file is run; code in it is refused."""
    from separation_core.zoo.added import AddedModel, add_checkpoint

    chosen = tuple(stem.strip() for stem in stems.split(",")) if stems else None
    added = add_checkpoint(file, name=name, like=like, stems=chosen)
    if json:
        print_json(asdict(added))
    elif isinstance(added, AddedModel):
        out.print(f"[green]✓[/] {added.name}: {added.architecture}, {escape(', '.join(added.stems))}", highlight=False)
        if added.assumed:
            note(f"the file does not say: {'; '.join(added.assumed)} (assumed; --like and --stems say otherwise)")
    else:
        out.print(f"[green]✓[/] that is a file of {added.name} ({added.title})", highlight=False)


@models_app.command()
def remove(name: Name) -> None:
    """Delete a model that you added."""
    from separation_core.zoo.added import remove_added

    remove_added(name)
    out.print(f"[green]✓[/] {name} is gone", highlight=False)


@models_app.command()
def verify(
    names: Annotated[
        list[str] | None, typer.Argument(help="Models to look at.", show_default="all that are here")
    ] = None,
    json: Json = False,
) -> None:
    """Compare the models' files with their checksums. Exit code 1 if one is damaged, or named and not here."""
    from separation_core.zoo.load import model_names
    from separation_core.zoo.load import verify as verify_model

    found = {name: verify_model(name) for name in names or model_names()}
    if not names:
        found = {name: files for name, files in found.items() if any(file.state != "missing" for file in files)}
    if json:
        print_json({name: [asdict(file) for file in files] for name, files in found.items()})
    else:
        _show_verified(found)
    bad = ("damaged", "missing") if names else ("damaged",)
    if any(file.state in bad for files in found.values() for file in files):
        raise typer.Exit(1)


@models_app.command()
def show(
    name: Annotated[str, typer.Argument(help="A model's name, or default.", show_default=False)],
    json: Json = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print a built-in model's page.")] = False,
) -> None:
    """Show all that is known of a model: stems, scores, cost, limits, licence, sources, credits, files."""
    from separation_core.zoo.added import added_models
    from separation_core.zoo.built_in import built_in_card, is_built_in
    from separation_core.zoo.catalogue import catalogue

    own = added_models().get(name)
    if is_built_in(name) or markdown:
        _show_built_in(built_in_card(name), json=json, markdown=markdown)
    elif own:
        _show_own(own, json=json)
    elif name in catalogue():
        _show_card(catalogue()[name], json=json)
    else:
        from separation_core.zoo.load import unknown_model  # PyTorch, which no other way through here needs

        raise unknown_model(name)


def _listing() -> list[dict[str, object]]:
    from separation_core.zoo.added import added_models
    from separation_core.zoo.built_in import built_in
    from separation_core.zoo.catalogue import catalogue

    ours = built_in()
    cards = [
        asdict(card) | {"kind": "built-in", "here": True, "default": name == ours.default}
        for name, card in ours.cards.items()
    ]
    files = ModelFiles()
    published = [asdict(card) | {"kind": "published", "here": files.has_all(card)} for card in catalogue().values()]
    files.check_own()
    own = [asdict(model) | {"kind": "own", "here": True} for model in added_models().values()]
    return [*cards, *published, *own]


def _show_list() -> None:
    from separation_core.zoo.added import added_models
    from separation_core.zoo.built_in import built_in
    from separation_core.zoo.catalogue import DEFINITIONS, catalogue

    files = ModelFiles()
    table = Table("model", "here", "size", "cost", "SDR", "licence", box=None, pad_edge=False)
    for name in built_in().cards:
        shown = f"{name} [green](default)[/]" if name == built_in().default else name
        table.add_row(shown, "[green]✓[/]", "", "", "", "built in")
    for card in catalogue().values():
        here = "[green]✓[/]" if files.has_all(card) else ""
        cost = f"{card.cost:g}×" if card.cost else ""
        table.add_row(card.name, here, _megabytes(card.size), cost, _best_score(card), _licence(card))
    files.check_own()
    for own in added_models().values():
        table.add_row(f"{own.name} [green](yours)[/]", "[green]✓[/]", _megabytes(own.path.stat().st_size), "", "", "")
    out.print(table)
    detail("SDR in dB; only numbers of the same definition and songs can be compared:")
    for definition, meaning in DEFINITIONS.items():
        detail(f"  {meaning if meaning.startswith(definition) else f'{definition}: {meaning}'}")
    detail("cost: computing time, htdemucs = 1; empty where nobody measured it")


def _megabytes(size: int | None) -> str:
    return "" if size is None else f"{size / 1e6:.0f} MB"


def _licence(card: "ModelCard") -> str:
    return USES[card.commercial_use] or card.licence.partition(",")[0].partition(" (")[0]


def _best_score(card: "ModelCard") -> str:
    """The score in the definition that most models share, or the first there is."""
    alike = [score for score in card.scores if (score.definition, score.data) == COMPARED]
    score = next(iter(alike or card.scores), None)
    return "" if score is None else f"{_value(score, len(card.stems))} [dim]{score.definition}, {score.data}[/]"


def _value(score: "Score", stems: int) -> str:
    """The published average, or that of all stems where only those are published, or the stems that are."""
    if score.average is not None:
        return f"{score.average:.2f}"
    if len(score.stems) == stems:
        return f"{sum(score.stems.values()) / stems:.2f}"
    return ", ".join(f"{stem} {value:.2f}" for stem, value in score.stems.items())


def _show_verified(found: dict[str, tuple["Verification", ...]]) -> None:
    from separation_core.zoo.added import added_models

    if not found:
        detail("no downloaded or added model is here")
    own = added_models()
    for name, files in found.items():
        if not files:
            out.print(f"{name}: [green]✓[/] built in", highlight=False)
        for file in files:
            out.print(f"{name}: {STATES[file.state]} [dim]{file.file}[/]", highlight=False, soft_wrap=True)
        if any(file.state == "damaged" for file in files):
            again = (
                f"models add {own[name].source} --name {name}` takes"
                if name in own
                else f"models get {name}` downloads"
            )
            note(f"{name}: `stemrack {again} it again")


def _show_built_in(card: "BuiltInCard", *, json: bool, markdown: bool) -> None:
    from plugin_host.cli.model_page import as_markdown, as_text

    if json:
        print_json(asdict(card) | {"here": True})
    elif markdown:
        print_text(as_markdown(card))
    else:
        out.print(as_text(card), highlight=False)


def _show_own(own: "AddedModel", *, json: bool) -> None:
    if json:
        print_json(asdict(own))
        return
    out.print(f"[bold]{own.name}[/]  {own.architecture}, {escape(', '.join(own.stems))}", highlight=False)
    detail(f"{own.path}, from {own.source} (SHA-256 {own.source_sha256})")


def _show_card(card: "ModelCard", *, json: bool) -> None:
    if json:
        print_json(asdict(card) | {"here": ModelFiles().has_all(card)})
        return
    out.print(f"[bold]{card.name}[/]  {card.title}", highlight=False)
    rows = Table(box=None, show_header=False, pad_edge=False)
    rows.add_row("stems", f"{', '.join(card.stems)} at {card.rate} Hz")
    rows.add_row("architecture", card.architecture)
    rows.add_row("licence", f"{card.licence} {USES[card.commercial_use]} [dim]{card.licence_source}[/]")
    for score in card.scores:
        values = ", ".join(f"{stem} {value:.2f}" for stem, value in score.stems.items())
        average = "" if score.average is None else f"{score.average:.2f}  "
        rows.add_row("SDR", f"{average}{values} [dim]{score.definition}, {score.data}[/]")
    rows.add_row("from", "  ".join(card.sources))
    rows.add_row("cite", card.citation)
    if card.note:
        rows.add_row("note", card.note)
    _add_files(rows, card)
    out.print(rows, highlight=False, soft_wrap=True)


def _add_files(rows: Table, card: "ModelCard") -> None:
    files = ModelFiles()
    for member in card.members:
        file = member.checkpoint
        state = "[green]here[/]" if files.has(file) else "not here"
        checksum = f"SHA-256 {file.sha256 or file.sha256_prefix or 'not published'}"
        uneven = len(set(member.weights)) > 1
        weights = f", weights {', '.join(f'{weight:g}' for weight in member.weights)}" if uneven else ""
        rows.add_row("file", f"{file.file} {_megabytes(file.size)} {state}{weights} [dim]{checksum}[/]")
