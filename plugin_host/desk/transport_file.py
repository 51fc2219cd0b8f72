"""`transport.toml`: what a session knows of its song beside the mix: tempo, markers and the loop.

format = 1
tempo = 120.0          # beats a minute; left out: not known
beats_per_bar = 4
loop = [480000, 960000]

[[markers]]
name = "chorus"
frame = 480000
"""

from pathlib import Path

import tomli_w

from plugin_host.errors import MixError
from plugin_host.mix.mix_file import check_format, replace_file
from plugin_host.mix.toml_document import Table, read_document, shown
from plugin_host.mix.transport import (
    MAX_MARKERS,
    MAX_TEMPO,
    MIN_TEMPO,
    AddMarker,
    SetLoop,
    SetTempo,
    Transport,
    TransportCommand,
    apply_transport,
)

FORMAT = 1
FILE_NAME = "transport.toml"


def read_transport(path: Path, frames: int) -> Transport:
    """The transport to begin with, in a song of `frames` frames; `PresetError` names file, line and field."""
    root = read_document(path)
    check_format(root)
    root.refuse_unknown(("format", "tempo", "beats_per_bar", "loop", "markers"))
    transport = _set(root, "beats_per_bar", Transport(), _tempo(root), frames)
    if "loop" in root.values:
        transport = _set(root, "loop", transport, _loop(root), frames)
    markers = root.tables("markers")
    if len(markers) > MAX_MARKERS:
        raise root.fault("markers", f"{len(markers)} markers: give at most {MAX_MARKERS}")
    for table in markers:
        table.refuse_unknown(("name", "frame"))
        added = AddMarker(table.text("name"), _frame(table, table.values.get("frame"), "frame"))
        transport = _set(table, "frame", transport, added, frames)
    return transport


def _set(table: Table, key: str, transport: Transport, command: TransportCommand, frames: int) -> Transport:
    try:
        return apply_transport(transport, command, frames)
    except MixError as error:
        raise table.fault(key, str(error)) from error


def _tempo(root: Table) -> SetTempo:
    tempo = root.number("tempo", MIN_TEMPO, MIN_TEMPO, MAX_TEMPO) if "tempo" in root.values else None
    beats = root.values.get("beats_per_bar", 4)
    if not isinstance(beats, int) or isinstance(beats, bool):
        raise root.fault("beats_per_bar", f"{shown(beats)} is no whole number")
    return SetTempo(tempo, beats)


def _loop(root: Table) -> SetLoop:
    value = root.values["loop"]
    if not isinstance(value, list) or len(value) != 2:
        raise root.fault("loop", f"{shown(value)}: give two frames, [begin, end]")
    begin, end = (_frame(root, frame, "loop") for frame in value)
    return SetLoop(begin, end)


def _frame(table: Table, value: object, key: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 2**53:
        raise table.fault(key, f"{shown(value)} is no frame: give a whole number from 0")
    return value


def write_transport(path: Path, transport: Transport) -> None:
    """Write tempo, markers and loop, atomically; `PresetError` where that fails."""
    values: dict[str, object] = {"format": FORMAT, "beats_per_bar": transport.beats_per_bar}
    if transport.tempo is not None:
        values["tempo"] = transport.tempo
    if transport.loop is not None:
        values["loop"] = list(transport.loop)
    values["markers"] = [{"name": marker.name, "frame": marker.frame} for marker in transport.markers]
    replace_file(path, tomli_w.dumps(values).encode())
