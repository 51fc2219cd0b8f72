"""`python -m separation_core.training`: gather, pack, train, score and export, without the rest of stemrack."""

import argparse
import sys
from pathlib import Path

from separation_core.errors import SeparationError


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns 0, or 2 after one line on a wrong value."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except (SeparationError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m separation_core.training", description=__doc__)
    commands = parser.add_subparsers(required=True)
    _add_train(commands.add_parser("train", help="train by a recipe, going on from what is in --out"))
    gather = commands.add_parser("gather", help="add recordings of free sample libraries to a corpus folder")
    gather.add_argument("libraries", type=Path, help="folder that the libraries were cloned into")
    gather.add_argument("corpus", type=Path, help="folder to add to: new, or with an index.json")
    gather.add_argument("--plan", type=Path, help="what to take, as TOML; the package's libraries.toml by default")
    gather.set_defaults(run=_gather)
    pack = commands.add_parser("pack", help="pack a corpus folder into a few small files")
    pack.add_argument("corpus", type=Path)
    pack.add_argument("out", type=Path)
    pack.add_argument("--spare", type=float, default=0.0, help="0 to 0.09: smaller and rougher")
    pack.add_argument("--longest", type=float, default=8.0, help="cut recordings to this many seconds")
    pack.set_defaults(run=_pack)
    score = commands.add_parser(
        "score", help="score weights, a run's folder or a built-in model on a folder of excerpts"
    )
    score.add_argument("weights", type=Path)
    score.add_argument("excerpts", type=Path)
    score.add_argument("--as", dest="copy", default="stereo", choices=("stereo", "mono", "dull"))
    score.set_defaults(run=_score)
    compact = commands.add_parser("compact", help="copy a run's latest checkpoint in a smaller form, for a long way")
    compact.add_argument("run_folder", type=Path)
    compact.add_argument("out", type=Path)
    compact.set_defaults(run=_compact)
    export = commands.add_parser("export", help="write the averaged weights of a run's latest checkpoint")
    export.add_argument("run_folder", type=Path, metavar="RUN|FILE|MODEL")
    export.add_argument("weights", type=Path)
    export.add_argument(
        "--mean", type=Path, action="append", default=[], metavar="RUN|FILE", help="average with its weights"
    )
    export.add_argument("--soften", type=float, default=1.0, help="divide the logits of shares: less sure")
    export.set_defaults(run=_export)
    settle = commands.add_parser("settle", help="measure anew what the normalisations of averaged weights count")
    settle.add_argument("recipe", help="a recipe's name or TOML file, for its data")
    settle.add_argument("weights", type=Path, metavar="RUN|FILE|MODEL")
    settle.add_argument("out", type=Path)
    _add_data(settle)
    settle.set_defaults(run=_settle)
    plot = commands.add_parser("plot", help="draw a run's log as a picture (needs matplotlib)")
    plot.add_argument("run_folder", type=Path)
    plot.add_argument("picture", type=Path)
    plot.set_defaults(run=_plot)
    return parser


def _add_train(train: argparse.ArgumentParser) -> None:
    train.add_argument("recipe", help="a recipe's name or TOML file")
    train.add_argument("--out", type=Path, required=True)
    train.add_argument("--from", type=Path, dest="begin", metavar="RUN|FILE|MODEL", help="begin with its weights")
    train.add_argument("--minutes", type=float)
    train.add_argument("--device", default="auto")
    train.add_argument("--workers", type=int)
    _add_data(train)
    train.set_defaults(run=_train)


def _add_data(command: argparse.ArgumentParser) -> None:
    command.add_argument("--data", action="append", default=[], metavar="NAME=FOLDER")
    command.add_argument("--cache", type=Path, help="where the decoded corpus is kept")
    command.add_argument("--set", action="append", default=[], dest="changes", metavar='"batch.size = 4"')


# PyTorch is imported by the commands that use it: rendering processes start by importing this module anew.
def _train(options: argparse.Namespace) -> None:
    from separation_core.training.data import parse_folders
    from separation_core.training.loop import train

    data = parse_folders(options.data)
    train(
        options.recipe, options.out, data=data, begin=options.begin, minutes=options.minutes, device=options.device,
        workers=options.workers, cache=options.cache, changes=options.changes,
    )  # fmt: skip


def _gather(options: argparse.Namespace) -> None:
    from separation_core.training.gathering import gather, report

    print(report(gather(options.libraries, options.corpus, plan=options.plan, tell=print)))  # noqa: T201


def _pack(options: argparse.Namespace) -> None:
    from separation_core.training.packing import pack_corpus

    size = pack_corpus(options.corpus, options.out, longest=options.longest, spare=options.spare)
    print(f"{options.out}: {size / 2**20:.1f} MiB")  # noqa: T201


def _score(options: argparse.Namespace) -> None:
    from separation_core.training.scoring import report, score_excerpts
    from separation_core.training.trainer import trained_network

    results = score_excerpts(trained_network(options.weights), options.excerpts, copy=options.copy)
    print(report(results))  # noqa: T201


def _compact(options: argparse.Namespace) -> None:
    from separation_core.training.checkpoints import copy_compact

    print(copy_compact(options.run_folder, options.out))  # noqa: T201


def _export(options: argparse.Namespace) -> None:
    from separation_core.training.trainer import export_weights

    export_weights(options.run_folder, options.weights, others=options.mean, soften=options.soften)


def _settle(options: argparse.Namespace) -> None:
    from separation_core.training.data import parse_folders
    from separation_core.training.settling import settle_weights

    settle_weights(
        options.recipe, options.weights, options.out, data=parse_folders(options.data), cache=options.cache,
        changes=options.changes,
    )  # fmt: skip


def _plot(options: argparse.Namespace) -> None:
    from separation_core.training.plots import plot_run

    plot_run(options.run_folder, options.picture)


if __name__ == "__main__":
    sys.exit(main())
