"""Which model a command takes, how thoroughly it is used, and what that costs."""

import os
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from plugin_host.cli.reporting import StageProgress, note, stage_progress

if TYPE_CHECKING:
    from separation_core.inference.quality import Effort
    from separation_core.zoo.transfer import Progress

MODEL_VARIABLE = "STEMRACK_MODEL"
"""Environment variable with the model to take where none is named."""
QualityChoice = Literal["fast", "normal", "high", "best"]
_BY_QUALITY = "as the quality has it"

QualityOption = Annotated[
    QualityChoice,
    typer.Option(
        "--quality",
        "-q",
        help="Overlap, shifts and --augment in one word: fast takes 0.8, high 3 and best 9 times as long as normal; "
        "`stemrack models show MODEL` tells what was gained.",
    ),
]
OverlapOption = Annotated[
    float | None, typer.Option(min=0.0, max=0.9, help="How far segments overlap.", show_default=_BY_QUALITY)
]
ShiftsOption = Annotated[
    int | None,
    typer.Option(min=1, max=20, help="Passes at shifted positions, averaged.", show_default=_BY_QUALITY),
]
AugmentOption = Annotated[
    bool | None,
    typer.Option(
        "--augment/--no-augment",
        help="Also hear the song swapped and inverted, and average: three times slower.",
        show_default=_BY_QUALITY,
    ),
]


def chosen_model(asked: str | None, *, stem: str = "") -> str:
    """The model to take: the one asked for, else the one of the environment if it can be had, else the default.

    stem: the only one that is wanted of it. Only a model that nobody asked for by name is given up, in one line, where
    it is not here and cannot be downloaded.
    """
    from separation_core.errors import ModelError, WriteFailed
    from separation_core.zoo.built_in import DEFAULT_MODEL
    from separation_core.zoo.checkpoints import NotDownloadedError
    from separation_core.zoo.load import get_model

    usual = os.environ.get(MODEL_VARIABLE, "")
    if asked or not usual:
        return real_name(asked or DEFAULT_MODEL)
    try:
        with stage_progress() as show:
            get_model(usual, stem=stem, progress=download_bar(show, usual))
    except (NotDownloadedError, WriteFailed) as error:
        note(f"{MODEL_VARIABLE}={usual}: {error}; going on with the default model")
        return real_name(DEFAULT_MODEL)
    except ModelError as error:
        raise ModelError(f"{MODEL_VARIABLE}={usual}: {error}") from error
    except KeyboardInterrupt:
        note("stopped; the same command goes on from here")
        raise typer.Exit(130) from None
    return real_name(usual)


def real_name(model: str) -> str:
    """The name of the model that `default` means now; any other as it is."""
    from separation_core.zoo.built_in import built_in_card, is_built_in

    return built_in_card(model).name if is_built_in(model) else model


def chosen_effort(
    quality: str, overlap: float | None, shifts: int | None, augment: bool | None, *, model: str
) -> "Effort":
    """The effort of a quality and of what was given on its own; says what another than the normal one costs."""
    from separation_core.inference.quality import Quality, effort

    chosen = effort(Quality(quality), overlap=overlap, shifts=shifts, augment=augment)
    if quality != Quality.NORMAL:
        measured = chosen == effort(Quality(quality))
        note(f"quality {quality}: {chosen.cost:.2g} × the computing of normal; {_gain(model, quality, measured)}")
    return chosen


def _gain(model: str, quality: str, measured: bool) -> str:
    """What is known of it; measured: whether nothing was chosen that differs from the quality as it is measured."""
    from separation_core.zoo.built_in import built_in_card, is_built_in

    gains = built_in_card(model).gains if measured and is_built_in(model) else {}
    if quality not in gains:
        return f"nobody has measured what {model} gains by it"
    return f"measured gain {gains[quality]:+.2f} dB (mean MDX SDR)".replace("-", "−")


def download_bar(show: StageProgress, name: str) -> "Progress":
    """Bytes of a download as one bar; it is full where the server does not say how many there are."""
    return lambda done, total: show(name, done, total or done)
