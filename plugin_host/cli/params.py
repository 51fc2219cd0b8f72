"""`stemrack params`: everything that OSC, MIDI and other surfaces can control."""

import sys
from typing import Annotated

import typer
from rich.table import Column, Table

from plugin_host.cli.reporting import note, out, print_json


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command()(params)


def params(
    part: Annotated[str, typer.Argument(help="Only addresses with this text in them.", show_default=False)] = "",
    json: Annotated[bool, typer.Option("--json", help="Print them as JSON.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the reference page.")] = False,
) -> None:
    """List every address that OSC, MIDI and other surfaces can control, with its range, unit and default."""
    from plugin_host.control.parameters import reference

    if markdown:
        sys.stdout.write(reference.markdown())
    elif json:
        effects = [] if part else reference.effect_values()
        print_json({"parameters": _chosen(reference.reference_values(), part), "effects": effects})
    else:
        _show(part)


def _chosen(values: list[dict[str, object]], part: str) -> list[dict[str, object]]:
    return [value for value in values if part in str(value["address"])]


def _show(part: str) -> None:
    from plugin_host.control.parameters.declared import CONTROLS, parameters_of
    from plugin_host.control.parameters.reference import range_text

    table = Table(Column("address", overflow="fold", no_wrap=False), "kind", "", "range", "", box=None, pad_edge=False)
    for control in CONTROLS:
        for parameter in parameters_of(control):
            if part in parameter.address:
                row = (parameter.kind, parameter.access, range_text(parameter), parameter.description)
                table.add_row(parameter.address, *row)
    if not table.rows:
        note(f"no address has {part!r} in it: tracks, effects and scenes stand in braces there, as {{track}}")
    out.print(table, markup=False)
