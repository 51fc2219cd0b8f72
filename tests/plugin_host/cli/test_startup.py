"""`stemrack --help` answers at once: nothing heavy is loaded before a command needs it."""

import subprocess
import sys

import pytest

HEAVY = ("torch", "pedalboard", "scipy", "matplotlib", "av")


def _run_python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


def test_importing_the_command_line_loads_nothing_heavy() -> None:
    code = f"import sys, plugin_host.cli.app; print([name for name in {HEAVY!r} if name in sys.modules])"
    assert _run_python(code).strip() == "[]"


def test_the_engines_process_needs_no_command_line() -> None:
    """It begins with what the `stemrack` script begins with."""
    code = "import sys; from plugin_host.cli import main; print({'typer', 'rich'} & set(sys.modules))"
    assert _run_python(code).strip() == "set()"


def test_playing_needs_no_torch() -> None:
    code = "import sys, plugin_host.engine.bounce, plugin_host.effects.chain; print('torch' in sys.modules)"
    assert _run_python(code).strip() == "False"


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["separate", "--help"], ["bounce", "--help"]])
def test_help_and_version_end_well(arguments: list[str]) -> None:
    code = f"import sys; sys.argv = ['stemrack', *{arguments!r}]; from plugin_host.cli import main; main()"
    assert "stemrack" in _run_python(code)
