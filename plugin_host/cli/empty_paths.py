"""A path on the command line that is empty, as a shell's variable is that was never set, is wrong usage.

Taken as it is, it would be the working folder: `stemrack separate "$SONG"` would separate all that lies there.
"""

from pathlib import Path
from typing import Any, get_args, get_type_hints

import typer
from typer.core import TyperCommand


class _PathCheckingCommand(TyperCommand):
    # Which click the context comes from depends on typer's version, which carries its own by now.
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """The arguments left over, as ever; an empty path is told after all that is worse, and after --help."""
        words = list(args)
        rest = super().parse_args(ctx, args)
        if not ctx.resilient_parsing:  # as a shell does that completes what is being typed
            self._refuse_empty_paths(ctx, words)
        return rest

    def _refuse_empty_paths(self, ctx: Any, words: list[str]) -> None:
        """Looks at the words themselves: as a `Path`, an empty one and a dot are the same."""
        given, _, _ = self.make_parser(ctx).parse_args(args=words)
        hints = get_type_hints(self.callback)
        for parameter in ctx.command.params:
            value = given.get(parameter.name)
            values = value if isinstance(value, list | tuple) else (value,)
            if "" in values and _takes_paths(hints[parameter.name]):
                raise typer.BadParameter("the path is empty: give one", ctx=ctx, param=parameter)


def _takes_paths(hint: object) -> bool:
    """Whether it is `Path`, or made of it: a list of them, one or None."""
    return hint is Path or any(map(_takes_paths, get_args(hint)))


def refuse_empty_paths(app: typer.Typer) -> None:
    """Let no command of the app, or of an app below it, take an empty path: exit code 2, and it is named."""
    for command in app.registered_commands:
        command.cls = _PathCheckingCommand
    for group in app.registered_groups:
        if group.typer_instance:
            refuse_empty_paths(group.typer_instance)
