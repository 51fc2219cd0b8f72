"""What lies in a user's own folders: stems of many lengths, broken files, sessions beside songs, a cache half gone."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from separation_core.errors import ModelError, SongUnreadable
from separation_core.training.corpus import RATE, decode_corpus, open_corpus, read_clip, read_index
from separation_core.training.data import held_out_songs, parse_folders
from separation_core.training.gathering import gather
from separation_core.training.recipe import parse_recipe
from separation_core.training.sources import Instrumentals, StemFolders, read_excerpt, read_song, stem_files

RECIPE = """
[network]
architecture = "scnet"
[[data]]
kind = "instrumentals"
folder = "music"
[schedule]
steps = 1
[report]
songs = 4
seconds = 0.1
"""


def _write(path: Path, samples: np.ndarray, rate: int = RATE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate, subtype=None if path.suffix == ".flac" else "FLOAT")
    return path


def _noise(seconds: float, rate: int = RATE) -> np.ndarray:
    return np.random.default_rng(5).uniform(-0.5, 0.5, (int(seconds * rate), 2))


def test_stems_of_unequal_length_begin_together(tmp_path: Path) -> None:
    ramp = np.arange(3 * RATE) / (4 * RATE)
    _write(tmp_path / "drums.wav", np.stack([ramp, ramp], axis=1))
    _write(tmp_path / "bass.wav", np.stack([ramp, ramp], axis=1)[: 2 * RATE])
    drums, bass, *_ = read_excerpt(tmp_path, 0.5, RATE // 2)
    np.testing.assert_array_equal(drums, bass)
    drums, bass, *_ = read_excerpt(tmp_path, 1.0, RATE // 2)
    assert drums.any()
    assert not bass.any(), "it has ended before"


def test_an_empty_stem_is_silence_at_any_rate(tmp_path: Path) -> None:
    _write(tmp_path / "drums.wav", np.zeros((0, 2)), 22050)
    _write(tmp_path / "vocals.wav", _noise(1.0))
    song = read_excerpt(tmp_path, 0.0, RATE)
    assert not song[0].any()
    assert song[3].any()


def test_a_song_of_empty_stems_is_refused(tmp_path: Path) -> None:
    _write(tmp_path / "drums.wav", np.zeros((0, 2)))
    with pytest.raises(SongUnreadable, match="empty"):
        read_song(tmp_path)


def test_what_is_no_finite_number_is_silence(tmp_path: Path) -> None:
    samples = np.full((RATE, 2), 0.25)
    samples[100:102] = [[np.nan, 0.25], [0.25, np.inf]]
    file = _write(tmp_path / "drums.wav", samples)
    for clip in (read_clip(file), read_excerpt(tmp_path, 0.0, RATE)[0]):
        np.testing.assert_array_equal(clip[:, 100:102], [[0, 0.25], [0.25, 0]])
        assert np.all(clip[:, 102:] == 0.25)


def test_a_stem_that_breaks_off_is_named(tmp_path: Path) -> None:
    file = _write(tmp_path / "song" / "drums.flac", _noise(3.0))
    file.write_bytes(file.read_bytes()[:-200_000])
    with pytest.raises(SongUnreadable, match=r"drums\.flac"):
        read_excerpt(tmp_path / "song", 1.0, RATE)


def test_sessions_and_hidden_files_are_no_instrumentals(tmp_path: Path) -> None:
    music = _write(tmp_path / "album" / "music.flac", _noise(0.2))
    _write(tmp_path / "album" / "music.stemrack" / "stems" / "vocals.wav", _noise(0.2))
    _write(tmp_path / "other.stemrack.partial" / "song.wav", _noise(0.2))
    _write(tmp_path / "renamed" / "stems" / "vocals.wav", _noise(0.2))
    (tmp_path / "renamed" / "session.toml").touch()
    (tmp_path / "album" / "._music.wav").write_bytes(b"of another system")
    (tmp_path / "live.wav").mkdir()
    assert Instrumentals(tmp_path)._files == (music,)
    with pytest.raises(ModelError, match="no music"):
        Instrumentals(tmp_path / "renamed").song(np.random.default_rng(0), RATE)


def test_held_out_songs_of_instrumentals_have_no_sound_where_nobody_knows(tmp_path: Path) -> None:
    _write(tmp_path / "music" / "a.wav", _noise(1.0))
    songs = held_out_songs(parse_recipe(RECIPE, "recipe"), {"music": tmp_path / "music"}, None)
    assert not songs[:, :2].any()
    assert songs[:, 2].any()


def test_songs_are_held_out_of_stems_before_instrumentals(tmp_path: Path) -> None:
    _write(tmp_path / "music" / "a.wav", _noise(1.0))
    _write(tmp_path / "songs" / "a" / "vocals.wav", _noise(1.0))
    recipe = parse_recipe(f'{RECIPE}[[data]]\nkind = "stems"\nfolder = "songs"\n', "recipe")
    folders = {name: tmp_path / name for name in ("music", "songs")}
    songs = held_out_songs(recipe, folders, None)
    assert not songs[:, :3].any()
    assert np.all(songs.numpy()[:, 3].any(axis=(1, 2)))


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        (5, "no record"),
        ({"path": 5}, "path 5, which is of the wrong type"),
        ({"path": "a\0b"}, "outside"),
        ({"midi": "c4"}, "midi 'c4'"),
        ({"bpm": "fast"}, "bpm 'fast'"),
        ({"start": -1}, "below 0"),
        ({"frames": 1.5}, "frames 1.5"),
    ],
)
def test_a_record_with_a_slip_is_refused_by_name(tmp_path: Path, entry: object, says: str) -> None:
    record = {"path": "a.wav", "stem": "drums", "bpm": 120, **entry} if isinstance(entry, dict) else entry
    (tmp_path / "index.json").write_text(json.dumps([record]), encoding="utf-8")
    with pytest.raises(ModelError, match=says):
        read_index(tmp_path)


def test_files_of_editors_that_mark_utf_8_are_read(tmp_path: Path) -> None:
    record = [{"path": "a.wav", "stem": "bass", "midi": 40, "inst": "b"}]
    (tmp_path / "index.json").write_text(json.dumps(record), encoding="utf-8-sig")
    (tmp_path / "plan.toml").write_text("library = []", encoding="utf-8-sig")
    assert read_index(tmp_path)[0].midi == 40
    assert gather(tmp_path, tmp_path, plan=tmp_path / "plan.toml").added == {}


@pytest.mark.parametrize("place", [{}, {"start": 10**6}, {"start": 0, "frames": 1}])
def test_a_recording_of_next_to_nothing_is_refused_by_name(tmp_path: Path, place: dict[str, int]) -> None:
    _write(tmp_path / "a.wav", _noise(0.1 if place else 0.0))
    (tmp_path / "index.json").write_text(json.dumps([{"path": "a.wav", "stem": "bass", **place}]), encoding="utf-8")
    with pytest.raises(ModelError, match=r"a\.wav has [01] frames"):
        decode_corpus(tmp_path, tmp_path / "cache")


def _lose_audio(cache: Path) -> None:
    (cache / "audio.npy").unlink()


def _shorten_audio(cache: Path) -> None:
    (cache / "audio.npy").write_bytes((cache / "audio.npy").read_bytes()[:1000])


def _empty_index(cache: Path) -> None:
    (cache / "places.json").write_text("", encoding="utf-8")


@pytest.mark.parametrize("damage", [_lose_audio, _shorten_audio, _empty_index])
def test_a_decoded_corpus_that_is_half_gone_is_decoded_again(
    corpus_folder: Path, corpus_cache: Path, tmp_path: Path, damage: object
) -> None:
    cache = Path(shutil.copytree(corpus_cache, tmp_path / "cache"))
    assert callable(damage)
    damage(cache)
    again, whole = open_corpus(decode_corpus(corpus_folder, cache)), open_corpus(corpus_cache)
    np.testing.assert_array_equal(again.audio(len(again) - 1), whole.audio(len(whole) - 1))
    assert sorted(path.name for path in cache.iterdir()) == ["audio.npy", "places.json"]


def test_stems_are_found_in_every_format_that_can_be_read(tmp_path: Path) -> None:
    for name, kind, subtype in (
        ("drums.aif", "AIFF", "PCM_16"),
        ("bass.opus", "OGG", "OPUS"),
        ("vox.caf", "CAF", None),
    ):
        soundfile.write(tmp_path / name, _noise(0.5, 48000), 48000, format=kind, subtype=subtype)
    assert set(stem_files(tmp_path)) == {"drums", "bass", "vocals"}
    assert read_excerpt(tmp_path, 0.0, RATE // 4)[[0, 1, 3]].any(axis=(1, 2)).all()


@pytest.mark.parametrize("entry", ["mine", "mine=", "mine=no such folder"])
def test_data_without_a_folder_are_refused(entry: str) -> None:
    with pytest.raises(ModelError, match="NAME=FOLDER"):
        parse_folders([entry])


def test_a_song_folder_may_have_any_name(tmp_path: Path) -> None:
    _write(tmp_path / "Ä b [live] (1)" / "drums.wav", _noise(0.2, 22050)[:, :1], 22050)
    assert StemFolders(tmp_path).song(np.random.default_rng(0), RATE // 10)[0].any()
