"""`stemrack check` and `stemrack info`: is a session sound, and what is in it."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from plugin_host.cli.reporting import clock, decibels, detail, out, print_json
from plugin_host.cli.session_words import session_summary, show_session

if TYPE_CHECKING:
    from separation_core.evaluation.report import Finding, SessionReport

MARKS = {"error": "[red]✗[/]", "warning": "[yellow]![/]", "info": "[blue]i[/]"}


def register(app: typer.Typer) -> None:
    """Add the commands to the app."""
    app.command()(check)
    app.command()(info)


def check(
    session: Annotated[Path, typer.Argument(help="A session folder.", show_default=False)],
    json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Measure SESSION: sum, levels, silent or doubled stems, clipping, length, alignment. Exit code 1 if broken."""
    from separation_core.evaluation.checks import check_session

    report = check_session(session)
    if json:
        print_json(report.as_json())
    else:
        _show_report(report)
    if not report.ok:
        raise typer.Exit(1)


def _show_report(report: "SessionReport") -> None:
    out.print(f"[bold]{escape(report.folder.name)}[/]  {clock(report.frames / report.rate)} at {report.rate} Hz")
    files = [report.song] if report.song else []
    table = Table("", "loudness", "peak", "true peak", "RMS", "like the song", box=None, pad_edge=False)
    for file in (*files, *report.stems):
        levels = (decibels(file.lufs, "LUFS"), *(decibels(v) for v in (file.peak_db, file.true_peak_db, file.rms_db)))
        table.add_row(escape(file.name), *levels, f"{file.likeness:.2f}")
    out.print(table)
    if report.sum_error:
        error = report.sum_error
        out.print(f"sum of stems − song: peak {decibels(error.peak_db, 'dBFS')}, RMS {decibels(error.rms_db, 'dBFS')}")
    for finding in report.findings:
        _show_finding(finding)
    out.print("[green]sound[/]" if report.ok else "[red]broken[/]")


def _show_finding(finding: "Finding") -> None:
    said = escape(f"{finding.subject}: {finding.message}")
    out.print(f"{MARKS[finding.severity]} {said} [dim]→ {escape(finding.remedy)}[/]", soft_wrap=True)


def info(
    path: Annotated[Path, typer.Argument(help="A session folder or an audio file.", show_default=False)],
    json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Show what is in a session (stems, model, mix) or in an audio file."""
    if path.is_dir():
        _session_info(path, json=json)
    else:
        _song_info(path, json=json)


def _session_info(path: Path, *, json: bool) -> None:
    from plugin_host.cli.session_mix import saved_mix, show_mix
    from plugin_host.stems.open_session import open_for_host

    session = open_for_host(path)
    if json:
        print_json(session_summary(session.session) | {"settings": session.session.manifest.model.settings})
        return
    show_session(session.session)
    manifest = session.session.manifest
    settings = ", ".join(f"{name} {value}" for name, value in manifest.model.settings.items() if value != "")
    detail(f"from {manifest.source.path} ({manifest.source.container} {manifest.source.encoding})")
    detail(f"separated {manifest.created:%Y-%m-%d %H:%M} with {settings}")
    mix = saved_mix(session)
    if mix:
        show_mix(mix)


def _song_info(path: Path, *, json: bool) -> None:
    from separation_core.audio.reading import describe_song

    song = describe_song(path)
    if json:
        print_json(asdict(song))
        return
    length = clock(song.frames / song.rate) if song.frames else "length known only by decoding"
    facts = f"{song.container} {song.encoding}, {song.channels} channels at {song.rate} Hz, {length}"
    out.print(f"[bold]{escape(path.name)}[/]  {facts}")
    for name, value in song.tags.items():
        out.print(f"  {name}: {value}", markup=False, highlight=False)
