"""The files that effects read, an impulse response for one, found again from wherever they are named.

In memory a file that is there has its whole path. Written down, it is relative to the folder of the file that names it
where it lies in there, so that a session can be moved with all it holds; anywhere else its whole path stays.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from plugin_host.mix.state import Chain, Effect, ParamValue

FILE_PARAMS = frozenset({"impulse_response_filename"})
"""Parameters that are paths; a test holds the effects catalogue to it."""


def found_from(folder: Path, params: Mapping[str, ParamValue]) -> dict[str, ParamValue]:
    """Parameters read from a file in that folder, relative paths made whole.

    They are looked for in that folder, then in the working folder, to which earlier versions wrote them. What is in
    neither, or in a folder whose name is no Unicode, stays as it is: who needs it says that it is missing.
    """
    return {name: _found(folder, value) if name in FILE_PARAMS else value for name, value in params.items()}


def _found(folder: Path, value: ParamValue) -> ParamValue:
    if not isinstance(value, str):
        return value
    there = (str(_whole(path)) for path in (folder / value, Path(value)) if _is_file(path))
    return next(filter(_is_unicode, there), value)


def _whole(path: Path) -> Path:
    """Without dots and links on the way; a file that is a link itself stays one."""
    return path.parent.resolve() / path.name


def _is_unicode(path: str) -> bool:
    """What is written is Unicode, which a folder's name need not be."""
    return path.encode(errors="replace").decode() == path


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # in a folder that may not be looked into, or with a name longer than names can be
        return False


def kept_in(folder: Path, chain: Chain) -> Chain:
    """The chain as a file in that folder is to name its files; `found_from` finds them again."""
    return tuple(_kept_in(folder, effect) for effect in chain)


def _kept_in(folder: Path, effect: Effect) -> Effect:
    params = {name: _kept(folder, value) if name in FILE_PARAMS else value for name, value in effect.params.items()}
    return replace(effect, params=params, branches=tuple(kept_in(folder, branch) for branch in effect.branches))


def _kept(folder: Path, value: ParamValue) -> ParamValue:
    if not isinstance(value, str) or not _is_file(Path(value)):
        return value
    path, home = _whole(Path(value)), folder.resolve()
    kept = path.relative_to(home).as_posix() if path.is_relative_to(home) else str(path)
    return kept if _is_unicode(kept) else value
