"""`mix.toml`: the whole mix as a file a person can read and edit, written atomically.

format = 1

[[tracks]]
name = "vocals"
stem = "vocals"
gain_db = -1.5          # -inf … +12
pan = 0.0               # -1 left … +1 right
mute = false
solo = false
invert = false
group = "band"          # left out: none
sends = [-12.0, -inf]   # dB to each aux bus, after the fader

[[tracks.chain]]
effect = "compressor"
threshold_db = -18.0

[[groups]]
name = "band"
gain_db = 0.0
mute = false
solo = false

[[auxes]]               # two
name = "reverb"
gain_db = 0.0
mute = false

[master]
gain_db = 0.0
limiter = true
ceiling_db = -1.0
"""

import os
from dataclasses import replace
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

import tomli_w

from plugin_host.errors import MixError, PresetError
from plugin_host.mix.chain_table import EffectCheck, chain_values, read_chain
from plugin_host.mix.effect_files import kept_in
from plugin_host.mix.limits import MAX_GROUPS, MAX_TRACKS
from plugin_host.mix.sends import read_sends
from plugin_host.mix.state import AUXES, MAX_GAIN_DB, SILENCE_DB, Aux, Group, Master, Mix, Track, usual_auxes
from plugin_host.mix.toml_document import MAX_BYTES, MAX_LINES, Table, read_document

FORMAT = 1
_TRACK_KEYS = ("name", "stem", "gain_db", "pan", "mute", "solo", "invert", "group", "sends", "chain")
_GROUP_KEYS = ("name", "gain_db", "mute", "solo")
_AUX_KEYS = ("name", "gain_db", "mute", "chain")
_MASTER_KEYS = ("gain_db", "limiter", "ceiling_db", "chain")

Owner = TypeVar("Owner", Track, Aux, Master)


def read_mix(path: Path, check: EffectCheck) -> Mix:
    """The mix in that file.

    Keys left out take a new track's values; unknown keys are refused. Raises `PresetError` naming file, line and
    field for anything that is not a mix we can play, `check` judging every effect.
    """
    root = read_document(path)
    check_format(root)
    root.refuse_unknown(("format", "tracks", "groups", "auxes", "master"))
    tables = root.tables("tracks")
    if len(tables) > MAX_TRACKS:
        raise tables[MAX_TRACKS].fault("", f"a mix holds at most {MAX_TRACKS} tracks")
    tracks = tuple(_read_track(table, check) for table in tables)
    try:
        return Mix(tracks, _read_master(root.table("master"), check), _read_groups(root), _read_auxes(root, check))
    except MixError as error:
        raise root.fault("tracks", str(error)) from error


def check_format(root: Table) -> None:
    """A file says which format it has; a later one is refused."""
    version = root.values.get("format")
    if isinstance(version, bool) or not isinstance(version, int):
        raise root.fault("format", f"give format = {FORMAT} at the top of the file")
    if version > FORMAT:
        raise root.fault("format", f"{version} was written by a later stemrack: upgrade, or save it again from there")
    if version < FORMAT:
        raise root.fault("format", f"there is no format {version}: give {FORMAT}")


def _read_track(table: Table, check: EffectCheck) -> Track:
    table.refuse_unknown(_TRACK_KEYS)
    stem = table.text("stem")
    return Track(
        name=table.text("name") if "name" in table.values else stem,
        stem=stem,
        chain=read_chain(table.document, (*table.at, "chain"), table.values.get("chain", []), check),
        gain_db=table.number("gain_db", 0.0, SILENCE_DB, MAX_GAIN_DB),
        pan=table.number("pan", 0.0, -1.0, 1.0),
        mute=table.flag("mute", False),
        solo=table.flag("solo", False),
        invert=table.flag("invert", False),
        group=table.text("group") if "group" in table.values else "",
        sends=read_sends(table) or (SILENCE_DB,) * AUXES,
    )


def _read_groups(root: Table) -> tuple[Group, ...]:
    tables = root.tables("groups")
    if len(tables) > MAX_GROUPS:
        raise tables[MAX_GROUPS].fault("", f"a mix holds at most {MAX_GROUPS} groups")
    return tuple(_read_group(table) for table in tables)


def _read_group(table: Table) -> Group:
    table.refuse_unknown(_GROUP_KEYS)
    return Group(
        name=table.text("name"),
        gain_db=table.number("gain_db", 0.0, SILENCE_DB, MAX_GAIN_DB),
        mute=table.flag("mute", False),
        solo=table.flag("solo", False),
    )


def _read_auxes(root: Table, check: EffectCheck) -> tuple[Aux, ...]:
    tables = root.tables("auxes")
    return tuple(_read_aux(table, check) for table in tables) if tables else usual_auxes()


def _read_aux(table: Table, check: EffectCheck) -> Aux:
    table.refuse_unknown(_AUX_KEYS)
    return Aux(
        name=table.text("name"),
        chain=read_chain(table.document, (*table.at, "chain"), table.values.get("chain", []), check),
        gain_db=table.number("gain_db", 0.0, SILENCE_DB, MAX_GAIN_DB),
        mute=table.flag("mute", False),
    )


def _read_master(table: Table, check: EffectCheck) -> Master:
    table.refuse_unknown(_MASTER_KEYS)
    return Master(
        chain=read_chain(table.document, (*table.at, "chain"), table.values.get("chain", []), check),
        gain_db=table.number("gain_db", 0.0, SILENCE_DB, MAX_GAIN_DB),
        limiter=table.flag("limiter", True),
        ceiling_db=table.number("ceiling_db", -1.0, -24.0, 0.0),
    )


def write_mix(path: Path, mix: Mix) -> None:
    """Write the mix so that the file is at every moment the old one or the new one, never half.

    Files that effects read are named relative to the mix's folder where they lie in there. Raises `PresetError` where
    the folder cannot be written or the mix would be too large to be read again.
    """
    text = mix_text(_kept_beside(mix, path.parent))
    data = text.encode()
    if len(data) > MAX_BYTES or text.count("\n") > MAX_LINES:
        raise PresetError(
            f"{path}: this mix needs {len(data)} bytes: at most {MAX_BYTES} can be read again, "
            "so take out a plugin with a large saved state"
        )
    replace_file(path, data)


def _kept_beside(mix: Mix, folder: Path) -> Mix:
    def kept(owner: Owner) -> Owner:
        return replace(owner, chain=kept_in(folder, owner.chain))

    return replace(mix, tracks=tuple(map(kept, mix.tracks)), master=kept(mix.master), auxes=tuple(map(kept, mix.auxes)))


def mix_text(mix: Mix) -> str:
    """The mix as TOML text; equal mixes give equal texts."""
    return tomli_w.dumps(
        {
            "format": FORMAT,
            "tracks": [_track_values(track) for track in mix.tracks],
            "groups": [{key: getattr(group, key) for key in _GROUP_KEYS} for group in mix.groups],
            "auxes": [_with_chain(aux, _AUX_KEYS) for aux in mix.auxes],
            "master": _with_chain(mix.master, _MASTER_KEYS),
        }
    )


def _track_values(track: Track) -> dict[str, object]:
    values = _with_chain(track, _TRACK_KEYS)
    if not track.group:
        del values["group"]
    return values | {"sends": list(track.sends)}


def _with_chain(owner: Track | Aux | Master, keys: tuple[str, ...]) -> dict[str, object]:
    values = {key: getattr(owner, key) for key in keys if key != "chain"}
    return values | ({"chain": chain_values(owner.chain)} if owner.chain else {})


def replace_file(path: Path, data: bytes) -> None:
    """Temporary file in the same folder, fsync, rename; `PresetError` where that fails, and nothing is left behind."""
    part = path.with_name(f".{path.name}.{uuid4().hex}.part")
    try:
        try:
            with part.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
            _sync_folder(path.parent)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise PresetError(f"{path}: cannot be written: {error.strerror or error}") from error


def _sync_folder(folder: Path) -> None:
    """Make the rename last through a power cut; only POSIX can open a folder for that."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
