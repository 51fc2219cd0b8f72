"""The mix of a session as the command line puts it together: what was saved, then scenes, then single changes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import typer
from rich.markup import escape
from rich.table import Table

from plugin_host.cli.catalogue import show_chain
from plugin_host.cli.reporting import decibels, out
from plugin_host.effects.catalogue import check_effect
from plugin_host.mix import commands as c
from plugin_host.mix.apply import apply
from plugin_host.mix.mix_file import read_mix
from plugin_host.mix.presets import PresetLibrary, find_library
from plugin_host.mix.state import Mix, plain_mix
from plugin_host.stems.open_session import HostSession

MIX_FILE = "mix.toml"
MASTER_TRACK = "master"


@dataclass(frozen=True, slots=True)
class MixChanges:
    """What the command line asks for: scene names, and TRACK=VALUE texts. `plain` starts from untouched tracks."""

    plain: bool = False
    scenes: Sequence[str] = ()
    chains: Sequence[str] = ()
    gains: Sequence[str] = ()
    pans: Sequence[str] = ()
    mutes: Sequence[str] = ()
    solos: Sequence[str] = ()
    limiter: bool | None = None
    ceiling_db: float | None = None


def saved_mix(session: HostSession) -> Mix | None:
    """The mix kept in the session, or None where none was saved; `PresetError` where it is broken."""
    path = session.folder / MIX_FILE
    return read_mix(path, check_effect) if path.exists() else None


def changed_mix(session: HostSession, changes: MixChanges) -> Mix:
    """The session's mix, or untouched tracks, with the changes made."""
    mix = None if changes.plain else saved_mix(session)
    return with_changes(mix or plain_mix(session.stems), changes)


def with_changes(mix: Mix, changes: MixChanges) -> Mix:
    """The mix with the changes made, in the order scenes, chains, faders. A ceiling alone switches no limiter on."""
    for command in _commands(changes, find_library(check_effect)):
        mix = apply(mix, command)
    limiter = mix.master.limiter if changes.limiter is None else changes.limiter
    return apply(mix, c.SetLimiter(limiter, changes.ceiling_db))


def _commands(changes: MixChanges, library: PresetLibrary) -> Iterator[c.Command]:
    yield from (c.RecallScene(library.scene(name)) for name in changes.scenes)
    for track, name in (_pair(text, "--chain") for text in changes.chains):
        chain = library.chain(name).chain
        yield c.SetChain(c.MASTER if track == MASTER_TRACK else track, chain)
    for track, text in (_pair(text, "--gain") for text in changes.gains):
        gain = _number(text, "--gain")
        yield c.SetMasterGain(gain) if track == MASTER_TRACK else c.SetGain(track, gain)
    for track, text in (_pair(text, "--pan") for text in changes.pans):
        yield c.SetPan(track, _number(text, "--pan"))
    yield from (c.SetMute(track, True) for track in changes.mutes)
    yield from (c.SetSolo(track, True) for track in changes.solos)


def _pair(text: str, option: str) -> tuple[str, str]:
    track, equals, value = text.partition("=")
    if not (track and equals and value):
        raise typer.BadParameter(f"{text!r}: give TRACK=VALUE, such as vocals=…", param_hint=option)
    return track, value


def _number(text: str, option: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a number", param_hint=option) from None


def show_mix(mix: Mix) -> None:
    """The mix as a person reads it: one line a track, its chain under it."""
    for track in mix.tracks:
        table = Table.grid(padding=(0, 2))
        marks = (
            (track.mute, "muted"),
            (track.solo, "solo"),
            (track.invert, "inverted"),
            (track.pan, f"pan {track.pan:+.2f}"),
        )
        words = " ".join(word for on, word in marks if on)
        table.add_row(f"[bold]{escape(track.name)}[/]", decibels(track.gain_db), words)
        out.print(table)
        show_chain(track.chain, indent="    ")
    limiter = f"limiter at {decibels(mix.master.ceiling_db, 'dBFS')}" if mix.master.limiter else "no limiter"
    out.print(f"[bold]master[/]  {decibels(mix.master.gain_db)}  {limiter}")
    show_chain(mix.master.chain, indent="    ")
