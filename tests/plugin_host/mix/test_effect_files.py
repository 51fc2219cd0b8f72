"""A file that an effect reads is found wherever its mix or preset is read from, and moves with the session."""

import shutil
import sys
from pathlib import Path

import pytest

from plugin_host.effects.catalogue import check_effect, effect_types
from plugin_host.errors import PresetError
from plugin_host.mix.effect_files import FILE_PARAMS
from plugin_host.mix.mix_file import read_mix, write_mix
from plugin_host.mix.presets import PresetLibrary
from plugin_host.mix.state import Aux, Chain, Effect, Master, Mix, Track

FILE = "impulse_response_filename"


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in the working folder, with an impulse response in it and one beside it."""
    monkeypatch.chdir(tmp_path)
    for path in (Path("song/rooms/hall.wav"), Path("outside.wav")):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"a sound")
    return Path("song")


def chain(path: str | Path) -> Chain:
    return (Effect("convolution", {FILE: str(path), "mix": 0.5}),)


def mix(path: str | Path) -> Mix:
    """In every place that has a chain."""
    branches = (Effect("parallel", branches=((), chain(path))),)
    return Mix((Track("vocals", "vocals", branches),), Master(chain(path)), (), (Aux("a", chain(path)), Aux("b")))


def hand_written(session: Path, path: str) -> Path:
    file = session / "mix.toml"
    file.write_text(
        f'format = 1\n[[tracks]]\nstem = "vocals"\n[[tracks.chain]]\neffect = "convolution"\n{FILE} = "{path}"\n'
    )
    return file


def read_path(file: Path) -> object:
    return read_mix(file, check_effect).tracks[0].chain[0].params[FILE]


def test_the_catalogues_paths_are_these() -> None:
    paths = {parameter.name for kind in effect_types() for parameter in kind.parameters if parameter.kind == "path"}
    assert paths == FILE_PARAMS


@pytest.mark.parametrize("given", ["song/rooms/hall.wav", "song/../song/rooms/hall.wav", "{here}/song/rooms/hall.wav"])
def test_what_lies_in_the_session_moves_with_it(given: str, session: Path, tmp_path: Path) -> None:
    write_mix(session / "mix.toml", mix(given.format(here=tmp_path)))
    assert (session / "mix.toml").read_text().count(f'{FILE} = "rooms/hall.wav"') == 3
    moved = shutil.move(session, tmp_path / "elsewhere")
    assert read_mix(moved / "mix.toml", check_effect) == mix(tmp_path / "elsewhere/rooms/hall.wav")


@pytest.mark.parametrize("given", ["outside.wav", "{here}/outside.wav", "song/../outside.wav"])
def test_what_lies_elsewhere_is_named_in_full(
    given: str, session: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_mix(session / "mix.toml", mix(given.format(here=tmp_path)))
    monkeypatch.chdir("/")
    assert read_mix(tmp_path / "song/mix.toml", check_effect) == mix(tmp_path / "outside.wav")


def test_a_mix_of_an_earlier_version_is_read_from_the_folder_that_it_was_made_in(session: Path, tmp_path: Path) -> None:
    assert read_path(hand_written(session, "outside.wav")) == str(tmp_path / "outside.wav")
    assert read_path(hand_written(session, "song/rooms/hall.wav")) == str(tmp_path / "song/rooms/hall.wav")


def test_the_mixs_own_folder_comes_first(session: Path, tmp_path: Path) -> None:
    (session / "outside.wav").write_bytes(b"another")
    assert read_path(hand_written(session, "outside.wav")) == str(tmp_path / "song/outside.wav")


@pytest.mark.parametrize("given", ["gone.wav", "/nowhere/gone.wav", "rooms", "x" * 5000 + ".wav"])
def test_what_is_not_there_stays_as_it_is_written(given: str, session: Path) -> None:
    file = hand_written(session, given)
    assert read_path(file) == given
    write_mix(file, read_mix(file, check_effect))
    assert read_path(file) == given


@pytest.mark.parametrize("wrong", ["3", '""', "true"])
def test_what_is_no_path_is_still_told_with_its_line(wrong: str, session: Path) -> None:
    file = hand_written(session, "x")
    file.write_text(file.read_text().replace('"x"', wrong))
    with pytest.raises(PresetError, match=f"line 6: .*{FILE}.*give a file path"):
        read_mix(file, check_effect)


def test_a_preset_names_files_beside_itself(session: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own/chains").mkdir(parents=True)
    (tmp_path / "own/chains/hall.toml").write_text(
        f'purpose = "A hall"\n[[chain]]\neffect = "convolution"\n{FILE} = "../../song/rooms/hall.wav"\n'
    )
    monkeypatch.chdir("/")
    library = PresetLibrary((tmp_path / "own",), tmp_path / "none", check_effect)
    assert library.chain("hall").chain[0].params[FILE] == str(tmp_path / "song/rooms/hall.wav")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems take only names in Unicode")
def test_a_folder_whose_name_is_no_unicode_is_never_written(
    tmp_path: Path, session: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = tmp_path / "caf\udce9"
    odd.mkdir()
    (odd / "hall.wav").write_bytes(b"a sound")
    monkeypatch.chdir(odd)
    for folder in (odd, tmp_path / "song"):  # in the mix's own folder, and out of it
        write_mix(folder / "mix.toml", mix("hall.wav"))
        assert read_mix(folder / "mix.toml", check_effect) == mix("hall.wav")
