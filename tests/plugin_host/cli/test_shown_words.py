"""What is shown is what was meant: brackets in help, names and remedies are words, not markup."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import typer
from rich.text import Text
from typer.testing import CliRunner

from plugin_host.cli.app import app
from plugin_host.cli.doctor import OPTIONAL
from plugin_host.mix.mix_file import write_mix
from plugin_host.mix.presets import shipped_folder
from plugin_host.mix.state import plain_mix
from plugin_host.stems.open_session import HostSession


def options(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    """The help of every option and argument of every command."""
    for below in getattr(command, "commands", {}).values():
        yield from options(below, (*path, below.name))
    yield from ((" ".join((*path, param.name)), param.help) for param in command.params if getattr(param, "help", None))


def test_no_word_of_the_help_is_taken_for_markup() -> None:
    words = list(options(typer.main.get_command(app)))
    assert len(words) > 100
    assert [(where, Text.from_markup(said).plain) for where, said in words] == words


@pytest.mark.parametrize(
    ("command", "default"),
    [
        (["bounce"], "SESSION-remix.wav here"),
        (["separate"], "as the quality has it"),
        (["picture"], "SESSION.png here"),
        (["models", "verify"], "all that are here"),
        (["train", "run"], "one a core but two"),
    ],
)
def test_help_names_the_defaults_that_no_value_says(command: list[str], default: str) -> None:
    shown = CliRunner().invoke(app, [*command, "--help"], env={"COLUMNS": "300"}).stdout
    assert f"[default: ({default})]" in shown


def shown(*arguments: str | Path) -> str:
    done = CliRunner().invoke(app, [*map(str, arguments)], env={"COLUMNS": "300"})
    assert done.exit_code == 0, done.output
    return done.stdout


def test_a_remedy_keeps_the_extra_that_it_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(OPTIONAL, "no-such-thing", ("nothing", "pip install 'stemrack[nothing]'"))
    told = shown("doctor")
    assert "→ pip install 'stemrack[nothing]'" in told
    assert "Ableton Link" in told


def test_the_doctor_comes_also_where_no_folder_can_be_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(variable, f"/{'x' * 300}")  # longer than any name may be, which root is told, too
    assert "x" * 300 in shown("doctor", "--json")


def test_a_files_name_is_shown_as_it_is(session: HostSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    told = shown("bounce", session.folder, "-o", "mix [x].wav", "--to", "1", "--tracks", "dry", "--compare", "0.5")
    for name in ("mix [x].wav", "mix [x]-tracks", "mix [x]-compare.wav"):
        assert name in told


def test_a_long_path_is_folded_and_not_cut(session: HostSession, tmp_path: Path) -> None:
    folder = tmp_path / ("a" * 60) / ("b" * 60)
    folder.mkdir(parents=True)
    done = CliRunner().invoke(
        app, ["bounce", str(session.folder), "-o", str(folder / "mix.wav")], env={"COLUMNS": "80"}
    )
    lines = [line.split() for line in done.stdout.splitlines()]
    assert str(folder / "mix.wav") in "".join(words[0] for words in lines if words)


def test_the_words_of_a_mix_are_shown_as_they_are(session: HostSession, tmp_path: Path) -> None:
    plain = plain_mix(session.stems)
    named = replace(plain, tracks=(replace(plain.tracks[0], name="[lead]"), *plain.tracks[1:]))
    folder = shutil.copytree(session.folder, tmp_path / "copy.stemrack")
    write_mix(folder / "mix.toml", named)
    assert "[lead]" in shown("info", folder)


def test_a_broken_preset_hides_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEMRACK_PRESETS", str(tmp_path))
    for kind in ("chains", "scenes"):
        (tmp_path / kind).mkdir()
        (tmp_path / kind / "broken.toml").write_text("no TOML")
    done = CliRunner().invoke(app, ["presets"])
    assert done.exit_code == 0
    assert all(name in done.stdout for name in ("karaoke", "warm-lead"))
    assert [Path(line.split(":")[0]).parent.name for line in done.stderr.splitlines()] == ["scenes", "chains"]
    assert "karaoke" in shown("presets", "--json")


def test_the_list_of_presets_says_where_ones_own_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEMRACK_PRESETS", str(tmp_path))
    assert shown("presets").splitlines()[-1] == f"your own: scenes/ and chains/ in {tmp_path}"


def test_a_chain_names_its_plugins(tmp_path: Path) -> None:
    preset = tmp_path / "mine.toml"
    preset.write_text(
        'purpose = "mine"\n[[chain]]\neffect = "vst3"\nplugin_path = "/x/Comp.vst3"\nplugin_name = "Two"\n'
    )
    assert "vst3  /x/Comp.vst3, Two" in shown("presets", preset)


def test_the_words_of_a_preset_are_shown_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEMRACK_PRESETS", str(tmp_path))
    for kind, more in (("chains", "chain = []"), ("scenes", "")):
        (tmp_path / kind).mkdir()
        (tmp_path / kind / f"my [{kind}].toml").write_text(f'purpose = "as [/live] in {kind}"\n{more}\n')
        assert shown("presets", f"my [{kind}]").startswith(f"my [{kind}]  as [/live] in {kind}")
    told = shown("presets")
    for kind in ("chains", "scenes"):
        assert f"my [{kind}]" in told
        assert f"as [/live] in {kind}" in told


@pytest.mark.parametrize("name", ["karaoke", "night-drive"])
def test_a_scenes_file_is_shown_as_the_scene(name: str, tmp_path: Path) -> None:
    file = tmp_path / f"{name}.toml"
    shutil.copy(shipped_folder() / "scenes" / file.name, file)
    assert shown("presets", file) == shown("presets", name)
    assert shown("presets", file, "--json") == shown("presets", name, "--json")


def test_what_is_wrong_in_a_scenes_file_is_told_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('purpose = "mine"\n[master]\ngain = 1\n')
    done = CliRunner().invoke(app, ["presets", str(tmp_path / "mine.toml")])
    assert "line 3: master.gain: unknown key: did you mean 'gain_db'?" in str(done.exception)


def test_a_whole_mix_is_no_preset_and_is_told_so(session: HostSession, tmp_path: Path) -> None:
    folder = shutil.copytree(session.folder, tmp_path / "copy.stemrack")
    write_mix(folder / "mix.toml", plain_mix(session.stems))
    done = CliRunner().invoke(app, ["presets", str(folder / "mix.toml")])
    assert done.exit_code == 1
    assert str(done.exception) == (
        f"{folder}/mix.toml is a whole mix, no preset: `stemrack info SESSION` shows the one of a session"
    )
