"""`stemrack train`: a separator of one's own, by a recipe; and what is done with its runs."""

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.markup import escape
from typer.core import TyperGroup

from plugin_host.cli.reporting import note, out

Run = Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a training run.", show_default=False)]
Recipe = Annotated[str, typer.Argument(help="A recipe that comes with stemrack, or a TOML file.")]
Data = Annotated[
    list[str] | None, typer.Option(metavar="NAME=FOLDER", help="Where the data of that name in the recipe lies.")
]
Cache = Annotated[Path | None, typer.Option(help="Where the decoded corpus is kept.", show_default=False)]
Changes = Annotated[
    list[str] | None, typer.Option("--set", metavar='"batch.size = 4"', help="Change an entry of the recipe.")
]
_HELP = ("--help", "-h")


class _RecipeGroup(TyperGroup):
    """Commands of which `run` may be left out: `stemrack train RECIPE` is `stemrack train run RECIPE`."""

    # Which click the context comes from depends on typer's version, which carries its own by now.
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """The arguments, with the command's name in front where it was left out."""
        if args and args[0] not in self.commands and args[0] not in _HELP:
            args = ["run", *args]
        return super().parse_args(ctx, args)


train_app = typer.Typer(
    cls=_RecipeGroup,
    no_args_is_help=True,
    help="Train a separator on composed songs or on stems of your own: `stemrack train RECIPE`. docs/training.md tells "
    "what recipes hold and what data they take.",
)


def register(app: typer.Typer) -> None:
    """Add the commands to the app."""
    app.add_typer(train_app, name="train")


@train_app.command()
def run(
    recipe: Recipe,
    folder: Annotated[Path, typer.Option("--out", help="Folder of the run; what is there goes on.")],
    data: Data = None,
    begin: Annotated[
        Path | None,
        typer.Option(
            "--from", metavar="RUN|FILE|MODEL", help="Begin with these weights, say `default`.", show_default=False
        ),
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(min=0.1, help="Stop, with a checkpoint, before so long has passed.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1.")] = "auto",
    workers: Annotated[
        int | None, typer.Option(min=0, help="Processes that render songs.", show_default="one a core but two")
    ] = None,
    cache: Cache = None,
    changes: Changes = None,
) -> None:
    """Train by RECIPE, going on from the latest checkpoint in --out. Ctrl-C stops with a checkpoint."""
    from separation_core.training.data import parse_folders
    from separation_core.training.loop import train

    folders = parse_folders(data or [])
    summary = train(
        recipe, folder, data=folders, begin=begin, minutes=minutes, device=device, workers=workers, cache=cache,
        changes=changes or (),
    )  # fmt: skip
    state = "finished" if summary.finished else "stopped; the same command goes on from here"
    out.print(f"step {summary.step}: {state}", highlight=False)
    out.print(f"  {summary.weights}", highlight=False, markup=False, soft_wrap=True)


@train_app.command()
def score(
    weights: Annotated[
        Path, typer.Argument(metavar="RUN|FILE|MODEL", help="A run's folder, for its latest checkpoint; or `default`.")
    ],
    excerpts: Annotated[Path, typer.Argument(help="Folder of songs with true stems.")],
    copy: Annotated[
        Literal["stereo", "mono", "dull"],
        typer.Option("--as", help="Score them as they are, in mono, or without treble, as old recordings are."),
    ] = "stereo",
) -> None:
    """Score weights as they are on true stems: MDX SDR and leak. `stemrack evaluate` scores whole separations."""
    from separation_core.training.scoring import report, score_excerpts
    from separation_core.training.trainer import trained_network

    sys.stdout.write(f"{report(score_excerpts(trained_network(weights), excerpts, copy=copy))}\n")


@train_app.command()
def export(
    folder: Annotated[
        Path, typer.Argument(metavar="RUN|FILE|MODEL", help="A run's folder, or averaged weights that it kept.")
    ],
    weights: Annotated[Path, typer.Argument(help="File to write, .safetensors.")],
    mean: Annotated[
        list[Path] | None,
        typer.Option(metavar="RUN|FILE", help="Average with its weights, too.", show_default=False),
    ] = None,
    soften: Annotated[float, typer.Option(help="Divide the logits of shares by this, 1 to 4: less sure.")] = 1.0,
) -> None:
    """Write the averaged weights of a run's latest checkpoint; `stemrack models add` takes them."""
    from separation_core.training.trainer import export_weights

    export_weights(folder, weights, others=mean or (), soften=soften)
    _tell_size(weights)


@train_app.command()
def settle(
    recipe: Recipe,
    weights: Annotated[Path, typer.Argument(metavar="RUN|FILE|MODEL", help="What `export` wrote, or a run's folder.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="File to write, .safetensors.")],
    data: Data = None,
    cache: Cache = None,
    changes: Changes = None,
) -> None:
    """Measure anew what normalisations count, on songs of RECIPE's data: averaged weights have no counts yet."""
    from separation_core.training.data import parse_folders
    from separation_core.training.settling import settle_weights

    settle_weights(recipe, weights, target, data=parse_folders(data or []), cache=cache, changes=changes or ())
    _tell_size(target)


@train_app.command()
def compact(folder: Run, target: Annotated[Path, typer.Argument(metavar="OUT", help="Folder to write.")]) -> None:
    """Copy a run's latest checkpoint in a smaller form, for a long way."""
    from separation_core.training.checkpoints import copy_compact

    out.print(f"[green]✓[/] {escape(str(copy_compact(folder, target)))}", highlight=False, soft_wrap=True)


@train_app.command()
def gather(
    libraries: Annotated[Path, typer.Argument(help="Folder with a `git clone` of each library, or of some of them.")],
    corpus: Annotated[Path, typer.Argument(help="Folder of a corpus to add to; it is made if there is none.")],
    plan: Annotated[
        Path | None,
        typer.Option(help="What to take, as TOML.", show_default="the libraries.toml of stemrack"),
    ] = None,
) -> None:
    """Add notes and drums of freely licensed sample libraries to a corpus: more material to compose songs from.

    Libraries that are not there are named, with their address. What the corpus has already stays as it is. SoundFonts
    are played by `fluidsynth`, a program of its own.
    """
    from separation_core.training import gathering

    gathered = gathering.gather(libraries, corpus, plan=plan, tell=note)
    out.print(gathering.report(gathered), highlight=False, markup=False, soft_wrap=True)


@train_app.command()
def pack(
    corpus: Annotated[Path, typer.Argument(help="Folder of a corpus: index.json and recordings.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="New folder.")],
    spare: Annotated[float, typer.Option(min=0.0, max=0.09, help="The higher, the smaller and rougher.")] = 0.0,
    longest: Annotated[float, typer.Option(min=0.1, help="Cut recordings to so many seconds.")] = 8.0,
) -> None:
    """Pack a corpus into a few small files, for a machine far away."""
    from separation_core.training.packing import pack_corpus

    size = pack_corpus(corpus, target, longest=longest, spare=spare)
    out.print(f"[green]✓[/] {escape(str(target))}: {size / 2**20:.1f} MiB", highlight=False, soft_wrap=True)


@train_app.command()
def plot(folder: Run, picture: Annotated[Path, typer.Argument(help="PNG, SVG or PDF to write.")]) -> None:
    """Draw a run's log as a picture."""
    from separation_core.training.plots import plot_run

    plot_run(folder, picture)
    _tell_size(picture)


def _tell_size(path: Path) -> None:
    out.print(
        f"[green]✓[/] {escape(str(path))}: {path.stat().st_size / 2**20:.2f} MiB", highlight=False, soft_wrap=True
    )
