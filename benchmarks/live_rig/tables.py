"""Tables as wide as they need to be, also where the output is a file."""

from rich.console import Console
from rich.table import Table

_WIDTH = 130


def show(table: Table) -> None:
    Console(width=_WIDTH).print(table)
