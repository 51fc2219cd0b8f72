"""The composition root: commands, the options they share, and how errors end."""

import os
import signal
import sys
import traceback
from io import TextIOWrapper
from typing import Annotated

import typer

from plugin_host.cli import (
    bounce,
    catalogue,
    demo,
    doctor,
    evaluate,
    inspect,
    midi,
    models,
    params,
    picture,
    play,
    separate,
    train,
)
from plugin_host.cli.empty_paths import refuse_empty_paths
from plugin_host.cli.reporting import notes
from plugin_host.errors import HostError
from separation_core.errors import SeparationError

app = typer.Typer(
    name="stemrack",
    help="Unmix a song into stems once, then play the stems.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

_wants_traceback = False


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version  # not cheap

        sys.stdout.write(f"stemrack {version('stemrack')}\n")
        raise typer.Exit


@app.callback()
def shared_options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Options that come before the command."""
    global _wants_traceback
    _wants_traceback = debug


for commands in (
    separate, bounce, picture, inspect, catalogue, play, params, midi, models, evaluate, train, demo, doctor,
):  # fmt: skip
    commands.register(app)
refuse_empty_paths(app)


def main() -> None:
    """Run the command line: exit code 0, 1 for an error told in one line, 2 for wrong usage, 130 when stopped."""
    # Threads of the networks' library that wait for work should sleep, not spin: on a machine that does anything else
    # (plays, for instance) spinning costs several times what the network itself does. Read when torch is imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if isinstance(sys.stdout, TextIOWrapper):
        # As on standard error: a name that is no Unicode, or a sign that the terminal lacks, is shown by its number.
        sys.stdout.reconfigure(errors="backslashreplace")
    _be_told_to_stop()
    try:
        app()
    except (SeparationError, HostError) as error:
        sys.exit(_tell(error, str(error)))
    except BrokenPipeError:
        # The reader (head, less) went away: nothing is wrong, and nothing more can be said.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:
        sys.exit(_tell(error, f"{error.filename or 'the system'}: {error.strerror or error}"))
    except MemoryError as error:
        sys.exit(_tell(error, "not enough memory: close other programs, or separate a shorter part"))


def _be_told_to_stop() -> None:
    """A polite kill and a terminal that is closed end a command as Ctrl-C does: half-made files are cleared away."""
    for number in (signal.SIGTERM, *([signal.SIGHUP] if sys.platform != "win32" else [])):
        if signal.getsignal(number) is not signal.SIG_IGN:  # else it is for `nohup`
            signal.signal(number, signal.default_int_handler)


def _tell(error: BaseException, text: str) -> int:
    if _wants_traceback:
        traceback.print_exception(error)
    notes.print(f"stemrack: {' '.join(text.split())}", style="red", soft_wrap=True, highlight=False, markup=False)
    return 1
