"""`stemrack demo`: it writes over nothing of anybody's, and knows its scene before it composes."""

from pathlib import Path

from typer.testing import CliRunner

from plugin_host.cli.app import app
from plugin_host.errors import HostError


def test_a_folder_with_files_of_somebody_elses_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "song.wav").write_bytes(b"mine")
    done = CliRunner().invoke(app, ["demo", "-o", str(tmp_path)])
    assert isinstance(done.exception, HostError)
    assert str(tmp_path) in str(done.exception)
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("song.wav", b"mine")]


def test_a_scene_that_is_not_there_is_told_before_the_work(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["demo", "-o", str(tmp_path / "demo"), "--scene", "night-driv"])
    assert isinstance(done.exception, HostError)
    assert "night-drive" in str(done.exception)
    assert not (tmp_path / "demo").exists()
