"""`stemrack presets` and `stemrack effects`: what there is to choose from."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer
from rich.markup import escape
from rich.table import Table

from plugin_host.cli.reporting import detail, note, out, print_json
from plugin_host.errors import PresetError

if TYPE_CHECKING:
    from plugin_host.effects.catalogue import EffectType, Parameter
    from plugin_host.mix.presets import PresetFile, PresetKind, PresetLibrary
    from plugin_host.mix.state import Chain


Preset = TypeVar("Preset")


def register(app: typer.Typer) -> None:
    """Add the commands to the app."""
    app.command()(presets)
    app.command()(effects)


def presets(
    name: Annotated[
        str, typer.Argument(help="Show one chain or scene in full: its name, or its file.", show_default=False)
    ] = "",
    json: Annotated[bool, typer.Option("--json", help="Print them as JSON.")] = False,
) -> None:
    """List the scenes (whole mixes) and chains (one track's effects), or show one."""
    from plugin_host.effects.catalogue import check_effect
    from plugin_host.mix.presets import find_library

    library = find_library(check_effect)
    if name:
        _show_preset(library, name, json=json)
    elif json:
        print_json(_listing(library))
    else:
        _list_presets(library)


def _list_presets(library: "PresetLibrary") -> None:
    from plugin_host.mix.presets import PresetKind, own_folders

    scenes, chains = Table("scene", "", box=None, pad_edge=False), Table("chain", "for", "", box=None, pad_edge=False)
    for file, scene in _readable(library.files(PresetKind.SCENE), library.scene):
        scenes.add_row(_marked(file), escape(scene.purpose))
    for file, preset in _readable(library.files(PresetKind.CHAIN), library.chain):
        chains.add_row(_marked(file), ", ".join(preset.suits), escape(preset.purpose))
    out.print(scenes)
    out.print()
    out.print(chains)
    detail(f"your own: scenes/ and chains/ in {', '.join(str(folder) for folder in own_folders())}")


def _readable(files: "Iterable[PresetFile]", read: "Callable[[str], Preset]") -> "Iterator[tuple[PresetFile, Preset]]":
    """Each file with what it holds; what is wrong with one is told, and it is left out."""
    for file in files:
        try:
            yield file, read(file.name)
        except PresetError as error:
            note(str(error))


def _marked(file: "PresetFile") -> str:
    return escape(file.name) if file.shipped else f"{escape(file.name)} [green](yours)[/]"


def _listing(library: "PresetLibrary") -> list[dict[str, object]]:
    from plugin_host.mix.presets import PresetKind

    scenes = _readable(library.files(PresetKind.SCENE), library.scene)
    chains = _readable(library.files(PresetKind.CHAIN), library.chain)
    return [
        *(_entry("scene", file, scene.purpose) for file, scene in scenes),
        *(_entry("chain", file, preset.purpose) for file, preset in chains),
    ]


def _entry(kind: str, file: "PresetFile", purpose: str) -> dict[str, object]:
    return {"kind": kind, "name": file.name, "purpose": purpose, "shipped": file.shipped, "path": str(file.path)}


def _show_preset(library: "PresetLibrary", name: str, *, json: bool) -> None:
    from plugin_host.mix.presets import PresetKind

    kind, path = _found(library, name)
    if kind is PresetKind.SCENE:
        scene = library.scene(name)
        if json:
            print_json(asdict(scene))
            return
        out.print(f"[bold]{escape(scene.name)}[/]  {escape(scene.purpose)}")
        out.print(path.read_text(encoding="utf-8"), markup=False, highlight=False)
        return
    preset = library.chain(name)
    if json:
        print_json(asdict(preset))
        return
    out.print(f"[bold]{escape(preset.name)}[/]  {escape(preset.purpose)}")
    show_chain(preset.chain, indent="  ")


def _found(library: "PresetLibrary", name: str) -> "tuple[PresetKind, Path]":
    """The scene or chain of that name, or what the file at that path holds."""
    from plugin_host.mix.presets import PresetKind, kind_of_file
    from plugin_host.mix.toml_document import shown, suggestion

    kinds = (PresetKind.CHAIN, PresetKind.SCENE)  # of the same name, the scene is shown
    named = {file.name: (kind, file.path) for kind in kinds for file in library.files(kind)}
    if name in named:
        return named[name]
    if "/" not in name and not name.endswith(".toml"):
        raise PresetError(f"no scene or chain {shown(name)}: {suggestion(name, named)}")
    return kind_of_file(Path(name)), Path(name)


def show_chain(chain: "Chain", indent: str) -> None:
    """A chain as a list, one effect a line, with the parameters that differ from their defaults."""
    for effect in chain:
        plugin = [part for part in (effect.plugin_path, effect.plugin_name) if part]
        values = ", ".join([*plugin, *(f"{name} {value}" for name, value in effect.params.items())])
        state = ("  (bypassed)" if effect.bypass else "") + (f"  wet {effect.wet:g}" if effect.wet < 1 else "")
        out.print(f"{indent}{effect.kind}  {values}{state}", markup=False, highlight=False, soft_wrap=True)
        for branch in effect.branches:
            out.print(f"{indent}  ├", highlight=False)
            show_chain(branch, f"{indent}  │ ")


def effects(
    name: Annotated[str, typer.Argument(help="Show one effect with its parameters.", show_default=False)] = "",
    json: Annotated[bool, typer.Option("--json", help="Print them as JSON.")] = False,
) -> None:
    """List the effects, or show one with its parameters, ranges, units and defaults."""
    from plugin_host.effects.catalogue import effect_type, effect_types

    found = (effect_type(name),) if name else effect_types()
    if json:
        print_json([asdict(kind) for kind in found])
    elif name:
        _show_effect(found[0])
    else:
        table = Table("effect", "", "parameters", box=None, pad_edge=False)
        for kind in found:
            table.add_row(kind.name, kind.purpose, str(len(kind.parameters)))
        out.print(table)


def _show_effect(kind: "EffectType") -> None:
    out.print(f"[bold]{kind.name}[/]  {kind.purpose}")
    table = Table("parameter", "default", "range", "unit", "", box=None, pad_edge=False)
    for parameter in kind.parameters:
        table.add_row(parameter.name, str(parameter.default), _range(parameter), parameter.unit, parameter.description)
    out.print(table)


def _range(parameter: "Parameter") -> str:
    if parameter.choices:
        return ", ".join(str(choice) for choice in parameter.choices)
    if parameter.minimum is None or parameter.maximum is None:
        return parameter.kind
    return f"{parameter.minimum:g} … {parameter.maximum:g}"
