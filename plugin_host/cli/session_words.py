"""A session that was made, and the device that made it: for a person, and for a script."""

from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from plugin_host.cli.reporting import clock, decibels, out

if TYPE_CHECKING:
    from separation_core.jobs.options import SessionOptions
    from separation_core.sessions.store import Session


def device_named(options: "SessionOptions") -> str:
    """The device that models will run on, for a person.

    ModelError, before any work, where it is not there or has no such precision.
    """
    from separation_core.inference.device import choose_device, device_title
    from separation_core.inference.precision import half_type

    device = choose_device(options.separation.device)
    half_type(options.separation.precision, device)
    return device_title(device)


def session_summary(session: "Session") -> dict[str, object]:
    """What a script wants to know of a session."""
    manifest, left_out = session.manifest, _left_out(session)
    return {
        "session": str(session.folder),
        "source": manifest.source.path,
        "model": manifest.model.name,
        "without": left_out.split(",") if left_out else [],
        "rate": manifest.rate,
        "start": manifest.start,
        "frames": manifest.frames,
        "source_frames": manifest.source.frames,
        "stems": [
            {
                "name": stem.name,
                "file": str(session.folder / stem.file),
                "lufs": stem.lufs,
                "peak_db": stem.peak_db,
                "silent": stem.silent,
            }
            for stem in manifest.stems
        ],
        "warnings": list(manifest.warnings),
    }


def show_session(session: "Session") -> None:
    """The session as a person reads it: what it is made from, and its stems with their levels."""
    manifest = session.manifest
    length = clock(manifest.frames / manifest.rate)
    name, model = escape(session.folder.name), escape(manifest.model.name)
    left_out = _left_out(session)
    without = f", without {escape(left_out)}" if left_out else ""
    out.print(f"[bold]{name}[/]  {length} at {manifest.rate} Hz, model {model}{without}")
    if manifest.is_part:
        begin, end, all_of_it = (
            clock(frame / manifest.rate)
            for frame in (manifest.start, manifest.start + manifest.frames, manifest.source.frames)
        )
        out.print(f"the part from {begin} to {end} of a song of {all_of_it}")
    table = Table("stem", "loudness", "peak", "", box=None, pad_edge=False)
    for stem in manifest.stems:
        remark = "[dim]silent[/]" if stem.silent else ""
        table.add_row(escape(stem.name), decibels(stem.lufs, "LUFS"), decibels(stem.peak_db, "dBFS"), remark)
    out.print(table)


def _left_out(session: "Session") -> str:
    """The stems that the song was said not to have, a comma between them."""
    return str(session.manifest.model.settings.get("without", ""))
