"""`stemrack separate`: songs become sessions of stems."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from plugin_host.cli.model_choice import (
    AugmentOption,
    OverlapOption,
    QualityOption,
    ShiftsOption,
    chosen_effort,
    chosen_model,
)
from plugin_host.cli.reporting import clock, detail, note, print_json, stage_progress
from plugin_host.cli.session_words import device_named, session_summary, show_session
from plugin_host.cli.times import seconds

if TYPE_CHECKING:
    from separation_core.jobs.options import SessionOptions
    from separation_core.jobs.part import Part

SumChoice = Literal["residual", "least-squares", "off"]
StemFormat = Literal["float32", "pcm24", "flac"]
PrecisionChoice = Literal["auto", "float32", "half"]


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command()(separate)


def separate(
    songs: Annotated[
        list[Path],
        typer.Argument(
            metavar="SONG…",
            help="WAV, FLAC, OGG, Opus, MP3, AIFF, M4A, MP4, MKV, WebM …, or folders of them.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Session folder to make; for several songs or a folder, where to put a session of each.",
            show_default="SONG.stemrack here",
        ),
    ] = None,
    recursive: Annotated[bool, typer.Option("--recursive", "-r", help="Of folders, also the folders below.")] = False,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            help="Separator; several as A+B, or A+B:median (min, max; -spectrum).",
            show_default="STEMRACK_MODEL if it can be had, or the built-in one",
        ),
    ] = None,
    sum_mode: Annotated[
        SumChoice, typer.Option("--sum", help="How the stems are made to sum to the song.")
    ] = "residual",
    two_stems: Annotated[
        str, typer.Option(metavar="STEM", help="Keep this stem and put everything else into one.", show_default=False)
    ] = "",
    without: Annotated[
        str,
        typer.Option(
            metavar="STEM,…",
            help="Stems that the song does not have: what the model hears of them goes to the others.",
            show_default=False,
        ),
    ] = "",
    quality: QualityOption = "normal",
    overlap: OverlapOption = None,
    shifts: ShiftsOption = None,
    augment: AugmentOption = None,
    batch_size: Annotated[
        int | None, typer.Option(min=1, max=64, help="Segments at once.", show_default="what suits the device")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")] = "auto",
    precision: Annotated[
        PrecisionChoice, typer.Option(help="auto is half on NVIDIA GPUs, for models that allow it.")
    ] = "auto",
    sample_format: Annotated[StemFormat, typer.Option("--format", help="Of the stem files.")] = "float32",
    channels: Annotated[
        str, typer.Option(metavar="L,R", help="Take these two channels, counted from 1.", show_default=False)
    ] = "",
    stream: Annotated[int, typer.Option(min=0, help="Audio stream of a video or container file.")] = 0,
    start: Annotated[
        str,
        typer.Option("--from", metavar="TIME", help="Only from here on: seconds or m:ss.", show_default=False),
    ] = "",
    end: Annotated[
        str, typer.Option("--to", metavar="TIME", help="Only up to here: seconds or m:ss.", show_default=False)
    ] = "",
    force: Annotated[bool, typer.Option("--force", help="Do it again even if it was done before.")] = False,
    json: Annotated[
        bool, typer.Option("--json", help="Print the session as JSON; for several songs or a folder, a list.")
    ] = False,
) -> None:
    """Separate each SONG into stems and keep them as a session.

    Stopped or killed, the same command goes on where it was; done before, it answers at once.
    """
    pair = _channel_pair(channels)
    from separation_core.audio.writing import SampleFormat
    from separation_core.inference.consistency import SumMode
    from separation_core.inference.precision import Precision
    from separation_core.inference.separate import SeparationSettings
    from separation_core.jobs.options import SessionOptions

    name = chosen_model(model, stem=two_stems if sum_mode == "residual" else "")
    effort = chosen_effort(quality, overlap, shifts, augment, model=name)
    settings = SeparationSettings(
        overlap=effort.overlap,
        shifts=effort.shifts,
        augment=effort.augment,
        batch_size=batch_size,
        device=device,
        precision=Precision(precision),
    )
    options = SessionOptions(
        model=name,
        separation=settings,
        sum_mode=SumMode(sum_mode),
        two_stems=two_stems,
        without=_listed(without),
        sample_format=SampleFormat(sample_format),
        stream=stream,
        pick=pair,
        part=_part(start, end),
    )
    if len(songs) == 1 and not songs[0].is_dir():
        _separate(songs[0], output, options, force=force, json=json)
    else:
        from plugin_host.cli.separate_many import separate_many

        separate_many(songs, output, options, recursive=recursive, force=force, json=json)


def _listed(text: str) -> frozenset[str]:
    return frozenset(name.strip() for name in text.split(",")) if text.strip() else frozenset()


def _part(start: str, end: str) -> "Part":
    from separation_core.jobs.part import Part

    return Part(seconds(start, "--from") if start else 0.0, seconds(end, "--to") if end else None)


def _channel_pair(text: str) -> tuple[int, int] | None:
    if not text:
        return None
    parts = text.split(",")
    if len(parts) != 2 or not all(part.strip().isdecimal() and int(part) >= 1 for part in parts):
        raise typer.BadParameter(f"{text!r}: give two channels counted from 1, such as 1,2", param_hint="--channels")
    return int(parts[0]), int(parts[1])


def _separate(song: Path, output: Path | None, options: "SessionOptions", *, force: bool, json: bool) -> None:
    from separation_core.jobs.prepare_session import prepare_session

    where = device_named(options)
    began = time.monotonic()
    worked = False

    try:
        with stage_progress() as show:

            def progress(stage: str, done: int, total: int) -> None:
                nonlocal worked
                worked = worked or stage not in ("download", "hash")
                show(stage, done, total)

            session = prepare_session(song, output, options=options, force=force, progress=progress, note=note)
    except KeyboardInterrupt:
        note("stopped; the same command goes on from here")
        raise typer.Exit(130) from None
    for warning in session.manifest.warnings:
        note(warning)
    took = time.monotonic() - began
    if json:
        print_json(session_summary(session) | {"seconds": took, "found_again": not worked, "device": where})
    else:
        show_session(session)
        detail(f"done in {clock(took)} on {where}" if worked else f"nothing to do, found again: {session.folder}")
