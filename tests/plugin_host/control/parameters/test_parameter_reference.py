import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from plugin_host.cli import params
from plugin_host.control.parameters.declared import CONTROLS, parameters_of
from plugin_host.control.parameters.reference import markdown, reference_values

PAGE = Path(__file__).resolve().parents[4] / "docs" / "parameters.md"


def _run(*arguments: str) -> str:
    app = typer.Typer()
    params.register(app)
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_reference_page_is_current() -> None:
    current = PAGE.read_text(encoding="utf-8") == markdown()
    assert current, "write it anew: stemrack params --markdown > docs/parameters.md"


def test_the_command_prints_the_page_json_and_a_list() -> None:
    assert _run("--markdown") == markdown()
    listed = json.loads(_run("--json"))
    assert len(listed["parameters"]) == len(reference_values())
    assert {"address", "kind", "access", "unit", "minimum", "maximum", "taper"} <= listed["parameters"][0].keys()
    assert [entry["address"] for entry in json.loads(_run("/ab", "--json"))["parameters"]] == ["/ab", "/ab/toggle"]
    assert "/transport/play" in _run("transport")


def test_a_search_for_a_tracks_name_says_how_tracks_stand_there(capsys: pytest.CaptureFixture[str]) -> None:
    params.params("vocals")
    assert "no address has 'vocals' in it" in capsys.readouterr().err


def test_every_parameter_is_declared_whole() -> None:
    declared = [parameter for control in CONTROLS for parameter in parameters_of(control)]
    assert len({parameter.address for parameter in declared}) == len(declared)
    for control in CONTROLS:
        parameter = control.parameter
        assert parameter.readable == (control.read is not None), parameter.address
        assert parameter.writable == (control.make is not None or control.act is not None), parameter.address
        assert not (control.make and control.act), parameter.address
    assert all(parameter.description and "|" not in parameter.description for parameter in declared)
