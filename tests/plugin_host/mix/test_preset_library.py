"""Finding presets by name or path, the user's before the shipped; bad files named by line and field."""

import os
from pathlib import Path

import pytest

from plugin_host.errors import EffectError, PresetError
from plugin_host.mix import presets
from plugin_host.mix.preset_files import ChainPreset
from plugin_host.mix.presets import PresetKind, PresetLibrary, find_library
from plugin_host.mix.scenes import MasterScene, TrackScene
from plugin_host.mix.state import Effect

CHAIN = 'purpose = "{}"\n[[chain]]\neffect = "gain"\ngain_db = {}\n'


def only_gain(effect: Effect) -> None:
    if effect.kind != "gain":
        raise EffectError(f"no effect {effect.kind!r}: did you mean 'gain'?")


@pytest.fixture
def library(tmp_path: Path) -> PresetLibrary:
    for folder in ("own/chains", "own/scenes", "shipped/chains", "shipped/scenes"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "shipped/chains/warm.toml").write_text(CHAIN.format("shipped", 1.0))
    (tmp_path / "shipped/chains/cold.toml").write_text(CHAIN.format("shipped", 2.0))
    (tmp_path / "own/chains/warm.toml").write_text(CHAIN.format("mine", 3.0))
    (tmp_path / "own/chains/.hidden.toml").write_text("")
    (tmp_path / "own/chains/notes.txt").write_text("")
    return PresetLibrary((tmp_path / "own",), tmp_path / "shipped", only_gain)


def write_scene(library: PresetLibrary, text: str) -> Path:
    path = library.own_folders[0] / "scenes" / "mine.toml"
    path.write_text(f'purpose = "mine"\n{text}', encoding="utf-8")
    return path


def test_a_users_preset_takes_the_place_of_a_shipped_one(library: PresetLibrary) -> None:
    assert library.chain("warm") == ChainPreset("warm", "mine", (), (Effect("gain", {"gain_db": 3.0}),))
    assert library.chain("cold").purpose == "shipped"
    assert [(file.name, file.shipped) for file in library.files(PresetKind.CHAIN)] == [("cold", True), ("warm", False)]


def test_a_path_is_read_as_it_is(library: PresetLibrary, tmp_path: Path) -> None:
    assert library.chain(str(tmp_path / "shipped" / "chains" / "warm.toml")).purpose == "shipped"
    with pytest.raises(PresetError, match="no such file"):
        library.chain("absent.toml")


def test_an_unknown_name_gets_the_nearest_one(library: PresetLibrary) -> None:
    with pytest.raises(PresetError, match="no chain preset 'warn': did you mean 'warm'"):
        library.chain("warn")
    with pytest.raises(PresetError, match="no chain preset 'zzz': there are cold, warm"):
        library.chain("zzz")
    with pytest.raises(PresetError, match="no scene 'x': there are none"):
        library.scene("x")


def test_listing_reads_nothing_so_that_one_bad_file_hides_no_other(library: PresetLibrary) -> None:
    (library.own_folders[0] / "chains" / "bad.toml").write_text("][")
    assert [file.name for file in library.files(PresetKind.CHAIN)] == ["bad", "cold", "warm"]


def test_a_scenes_chains_are_named_or_written_out(library: PresetLibrary) -> None:
    write_scene(
        library,
        """
        needs = ["voice"]
        [roles.voice]
        gain_db = -inf
        chain = "warm"
        [tracks."*"]
        chain = [{ effect = "gain", gain_db = -1.0 }]
        [[master.chain]]
        effect = "gain"
        """,
    )
    scene = library.scene("mine")
    assert scene.roles == {"voice": TrackScene(gain_db=float("-inf"), chain=(Effect("gain", {"gain_db": 3.0}),))}
    assert scene.tracks == {"*": TrackScene(chain=(Effect("gain", {"gain_db": -1.0}),))}
    assert scene.master == MasterScene(chain=(Effect("gain"),))
    assert scene.needs == ("voice",)


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("[track.vocals]", 2, "track: unknown key: did you mean 'tracks'?"),
        ("[roles.voise]", 2, "roles.voise: unknown key: did you mean 'voice'?"),
        ("needs = ['voice',\n'x']", 3, "needs[2]: unknown"),
        ("needs = 'voice'", 2, "give a list of names"),
        ("tracks = 1", 2, "1 is no table: write [tracks]"),
        ("[tracks]\nvocals = 1", 3, "tracks.vocals: 1 is no table"),
        ("[tracks.vocals]\nmuted = true", 3, "did you mean 'mute'?"),
        ("[tracks.vocals]\npan = 2", 3, "tracks.vocals.pan: 2 is out of range"),
        ('[tracks.vocals]\nchain = "wurm"', 3, "no chain preset 'wurm': did you mean 'warm'?"),
        ('[tracks.vocals]\nchain = "../warm.toml"', 3, "is a path: give a chain preset's name"),
        ('[tracks.vocals]\nchain = "broken"', 3, "broken.toml, line 3: chain[1].effect: no effect 'gian'"),
        ("[tracks.vocals]\nchain = 4", 3, "4 is no list"),
        ("[master]\nlimiter = 'on'", 3, "master.limiter: 'on' is neither true nor false"),
        ("[master]\nceiling_db = 1", 3, "out of range: give -24 to 0"),
    ],
)
def test_a_bad_scene_names_its_line_and_field(library: PresetLibrary, text: str, line: int, said: str) -> None:
    broken = library.own_folders[0] / "chains" / "broken.toml"
    broken.write_text('purpose = "x"\n[[chain]]\neffect = "gian"\n')
    path = write_scene(library, text)
    with pytest.raises(PresetError) as caught:
        library.scene("mine")
    assert str(caught.value).startswith(f"{path}, line {line}:")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "purpose is missing"),
        ('purpose = "x"', "chain is missing"),
        ('purpose = "x"\nchain = []\nsuits = ["vocie"]', "suits[1]: unknown: did you mean 'voice'?"),
        ('purpose = "x"\nchain = []\nname = "y"', "name: unknown key"),
    ],
)
def test_a_bad_chain_names_its_field(library: PresetLibrary, tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(PresetError) as caught:
        library.chain(str(path))
    assert said in str(caught.value)


def test_a_hundred_thousand_lines_are_refused(library: PresetLibrary, tmp_path: Path) -> None:
    path = tmp_path / "long.toml"
    path.write_text('purpose = "x"\n' + '[[chain]]\neffect = "gain"\n' * 50_000)
    with pytest.raises(PresetError, match="more than 20000 lines"):
        library.chain(str(path))


def test_the_variable_names_the_users_folders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "a" / "chains").mkdir(parents=True)
    (tmp_path / "a" / "chains" / "glue.toml").write_text(CHAIN.format("my glue", 0.0))
    monkeypatch.setenv(presets.FOLDERS_VARIABLE, f"{tmp_path / 'absent'}{os.pathsep}{tmp_path / 'a'}")
    library = find_library(lambda effect: None)
    assert library.own_folders == (tmp_path / "absent", tmp_path / "a")
    assert library.chain("glue").purpose == "my glue"
    assert library.chain("tape").purpose != "my glue"


def test_without_the_variable_the_platforms_config_folder_is_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(presets.FOLDERS_VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (folder,) = presets.own_folders()
    assert folder.name == "presets"
    assert folder.parent.name == "stemrack"
