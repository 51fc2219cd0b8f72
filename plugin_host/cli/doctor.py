"""`stemrack doctor`: what is installed, what is missing and how to get it."""

import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

import platformdirs
import typer
from rich.markup import escape
from rich.table import Column, Table

from plugin_host.cli.reporting import out, print_json

NEEDED = ("torch", "pedalboard", "numpy", "scipy", "soundfile", "soxr", "typer", "rich", "mido", "python-osc")
OPTIONAL = {
    "av": ("M4A, MP4, MKV and WebM files", "pip install 'stemrack[media]'"),
    "rtmidi": ("MIDI controllers", "pip install 'stemrack[midi]'"),
    "zeroconf": ("OSCQuery", "pip install 'stemrack[oscquery]'"),
    "link": ("Ableton Link", "pip install 'stemrack[link]'"),
    "matplotlib": ("pictures of songs and stems", "pip install 'stemrack[plots]'"),
}
DISTRIBUTIONS = {"rtmidi": "python-rtmidi", "link": "LinkPython-extern"}
VST3_FOLDERS = {
    "Linux": ("~/.vst3", "/usr/lib/vst3", "/usr/local/lib/vst3"),
    "Darwin": ("~/Library/Audio/Plug-Ins/VST3", "/Library/Audio/Plug-Ins/VST3"),
    "Windows": ("C:/Program Files/Common Files/VST3",),
}
OUTPUTS = {"portaudio": "sound cards", "jack": "JACK"}
LOW_DISK_BYTES = 2 << 30


@dataclass(frozen=True)
class Finding:
    """One line of the report; `remedy` is empty when nothing is to be done."""

    subject: str
    state: Literal["ok", "optional", "missing", "warning"]
    detail: str
    remedy: str = ""


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command()(doctor)


def doctor(
    json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Say what is installed, what is missing and how to get it. Exit code 1 if something needed is missing."""
    findings = list(examine())
    if json:
        print_json([asdict(finding) for finding in findings])
    else:
        _show(findings)
    if any(finding.state == "missing" for finding in findings):
        raise typer.Exit(1)


def examine() -> Iterator[Finding]:
    """Every finding about this machine, in the order they are shown."""
    yield Finding("Python", "ok", f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    yield from (_package(name) for name in NEEDED)
    yield from (_extra(name, use, remedy) for name, (use, remedy) in OPTIONAL.items())
    yield _compute_device()
    yield from _sound_outputs()
    yield _plugins()
    yield _folder("user folder", platformdirs.user_config_path("stemrack"))
    yield _folder("cache folder", platformdirs.user_cache_path("stemrack"))
    yield _disk(Path.cwd())


def _package(name: str) -> Finding:
    from importlib.metadata import PackageNotFoundError, version  # here and not above: no other command needs it

    try:
        return Finding(name, "ok", version(name))
    except PackageNotFoundError:
        return Finding(name, "missing", "not installed", f"pip install {name}")


def _extra(name: str, use: str, remedy: str) -> Finding:
    found = _package(DISTRIBUTIONS.get(name, name))
    if found.state == "missing":
        return Finding(name, "optional", f"not installed; needed for {use}", remedy)
    return Finding(name, "ok", f"{found.detail}, for {use}")


def _compute_device() -> Finding:
    import torch  # here and not above: it takes a second that `--help` must not pay

    if torch.cuda.is_available():
        return Finding("separation runs on", "ok", torch.cuda.get_device_name())
    if torch.backends.mps.is_available():
        return Finding("separation runs on", "ok", "Apple GPU (mps)")
    return Finding("separation runs on", "ok", f"CPU, {torch.get_num_threads()} threads")


def _sound_outputs() -> Iterator[Finding]:
    from plugin_host.engine.outputs.opening import list_devices

    for backend in list_devices():
        name = OUTPUTS[backend.kind]
        if backend.problem:
            yield Finding(name, "optional", backend.problem, "stemrack play --null needs none")
        else:
            yield Finding(name, "ok", ", ".join(backend.devices))


def _plugins() -> Finding:
    folders = [Path(folder).expanduser() for folder in VST3_FOLDERS.get(platform.system(), ())]
    found = [plugin for folder in folders if os.access(folder, os.R_OK) for plugin in folder.glob("**/*.vst3")]
    if found:
        return Finding("VST3 plugins", "ok", f"{len(found)} in {', '.join(sorted({str(p.parent) for p in found}))}")
    remedy = "apt-get install zam-plugins" if sys.platform == "linux" else "install any VST3 plugin"
    return Finding("VST3 plugins", "optional", "none found; the built-in effects work without", remedy)


def _folder(subject: str, folder: Path) -> Finding:
    existing = next(parent for parent in (folder, *folder.parents) if os.access(parent, os.F_OK))
    if os.access(existing, os.W_OK):
        return Finding(subject, "ok", str(folder))
    return Finding(subject, "warning", f"{folder} cannot be written", f"give yourself write access to {existing}")


def _disk(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free
    detail = f"{free / 2**30:.1f} GiB free in {folder}"
    if free >= LOW_DISK_BYTES:
        return Finding("disk", "ok", detail)
    return Finding("disk", "warning", detail, "free some space: a four-minute session takes about 0.4 GiB")


def _show(findings: list[Finding]) -> None:
    marks = {"ok": "[green]✓[/]", "optional": "[yellow]○[/]", "warning": "[yellow]![/]", "missing": "[red]✗[/]"}
    columns = ("", "subject", Column(overflow="fold"), Column(overflow="fold"))  # a path is of use only when whole
    table = Table(*columns, box=None, show_header=False, pad_edge=False)
    for finding in findings:
        remedy = f"→ {finding.remedy}" if finding.remedy else ""
        table.add_row(marks[finding.state], finding.subject, escape(finding.detail), escape(remedy))
    out.print(table)
