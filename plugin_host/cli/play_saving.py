"""Keeping the mix of `stemrack play --save`: in its session, else where there is room for it, else on the terminal."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from plugin_host.cli.reporting import note, print_text
from plugin_host.cli.session_mix import MIX_FILE
from plugin_host.desk.transport_file import FILE_NAME, write_transport
from plugin_host.errors import HostError, PresetError
from plugin_host.mix.mix_file import mix_text, write_mix
from plugin_host.mix.state import Mix
from plugin_host.mix.transport import Transport


def check_saving(folder: Path) -> None:
    """`PresetError` where no mix could be kept in that folder as it is now: time to say so before one is made."""
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PresetError(f"{folder}: --save cannot write there: check its permissions, or use a copy of the session")


def save_mix(folder: Path, mix: Mix, transport: Transport) -> None:
    """Keep both in the session. Where it does not take them, `PresetError` says where they lie instead."""
    try:
        _write(folder, mix, transport)
    except HostError as error:
        raise PresetError(f"{error}; {_kept_elsewhere(folder, mix, transport)}") from error
    note(f"the mix is kept in {folder / MIX_FILE}")


def _write(folder: Path, mix: Mix, transport: Transport) -> None:
    write_mix(folder / MIX_FILE, mix)
    write_transport(folder / FILE_NAME, transport)


def _kept_elsewhere(session: Path, mix: Mix, transport: Transport) -> str:
    """What became of them."""
    for folder in _new_folders(f"{session.stem}-mix-"):
        try:
            _write(folder, mix, transport)
        except HostError:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            return f"the mix is kept in {folder}: copy its files into the session"
    print_text(mix_text(mix))
    return f"nor is there room elsewhere: the mix is printed, put it into {session / MIX_FILE}"


def _new_folders(beginning: str) -> Iterator[Path]:
    """In the working folder, then where temporary files are."""
    for place in (os.curdir, None):
        try:
            yield Path(tempfile.mkdtemp(prefix=beginning, dir=place)).absolute()
        except OSError:  # full, gone, or not to be written
            continue
