import os
import signal
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from separation_core.errors import ModelError
from separation_core.training.batches import BatchPlan, draw_batch, mix_batch
from separation_core.training.corpus import RATE, STEMS
from separation_core.training.pool import PoolPlan, SongPool
from separation_core.training.sources import (
    ComposedSongs,
    Instrumentals,
    MixedSources,
    StemFolders,
    find_songs,
    read_song,
    song_number,
)

PLAN = PoolPlan(seed=11, frames=RATE, slots=3, songs_per_step=0.5)
BATCH = BatchPlan(size=3, frames=RATE // 4)


def test_workers_render_what_this_process_would(corpus_cache: Path) -> None:
    source = ComposedSongs(corpus_cache)
    with SongPool(PLAN, source, workers=2) as pool:
        first = draw_batch(pool, PLAN, BATCH, 0)
        pool.advance(4)
        later = draw_batch(pool, PLAN, BATCH, 4)
        assert pool.ready() > 0
    with SongPool(PLAN, source, workers=0, step=4) as pool:
        again = draw_batch(pool, PLAN, BATCH, 4)
    for field in fields(again):
        assert torch.equal(getattr(again, field.name), getattr(later, field.name)), field.name
    assert not torch.equal(first.excerpts, later.excerpts)


def test_a_worker_that_gives_up_says_why(tmp_path: Path) -> None:
    with SongPool(PLAN, StemFolders(tmp_path), workers=1) as pool, pytest.raises(ModelError, match="one folder per"):
        pool.song(0)


def test_a_dead_worker_is_reported_not_awaited(corpus_cache: Path) -> None:
    with SongPool(PLAN, ComposedSongs(corpus_cache), workers=1) as pool:
        pool._workers[0].kill()
        with pytest.raises(ModelError, match="died"):
            pool.song(2)


def test_workers_go_on_when_their_group_is_told_to_stop(tmp_path: Path) -> None:
    _write_song(tmp_path / "a", drums=0.1)
    with SongPool(PLAN, StemFolders(tmp_path), workers=1) as pool:
        pool.song(0)
        for number in (signal.SIGINT, signal.SIGTERM):
            os.kill(pool._workers[0].pid or 0, number)
        pool.advance(20)
        assert pool.song(12).any()


def test_a_song_that_was_let_go_is_refused_not_awaited(corpus_cache: Path) -> None:
    with (
        SongPool(PLAN, ComposedSongs(corpus_cache), workers=1, step=8) as pool,
        pytest.raises(ModelError, match="left"),
    ):
        pool.song(0)


def test_song_numbers_are_a_stream(corpus_cache: Path) -> None:
    source = ComposedSongs(corpus_cache)
    one, two = song_number(source, 1, 0, RATE), song_number(source, 1, 1, RATE)
    np.testing.assert_array_equal(one, song_number(source, 1, 0, RATE))
    assert not np.array_equal(one, two)
    assert one.dtype == np.int16


def test_a_mix_is_the_sum_of_its_stems_at_the_level_asked_for(corpus_cache: Path) -> None:
    plan = BatchPlan(size=8, frames=RATE // 2, level_db=(-20.0, -20.0))
    with SongPool(PLAN, ComposedSongs(corpus_cache), workers=0) as pool:
        mix, stems = mix_batch(draw_batch(pool, PLAN, plan, 0), torch.device("cpu"))
    torch.testing.assert_close(stems.sum(dim=1), mix)
    levels = 20 * mix.square().mean(dim=(1, 2)).sqrt().log10()
    assert (levels < -19.9).all()
    assert levels.median().item() == pytest.approx(-20, abs=0.1)


def test_dropped_stems_are_silent_and_mono_is_mono(corpus_cache: Path) -> None:
    plan = BatchPlan(size=4, frames=RATE // 4, drop=1.0)
    mono = BatchPlan(size=4, frames=RATE // 4, mono=1.0, drop=0.0)
    with SongPool(PLAN, ComposedSongs(corpus_cache), workers=0) as pool:
        silent, _ = mix_batch(draw_batch(pool, PLAN, plan, 0), torch.device("cpu"))
        middle, _ = mix_batch(draw_batch(pool, PLAN, mono, 0), torch.device("cpu"))
    assert not silent.any()
    torch.testing.assert_close(middle[:, 0], middle[:, 1])


def test_a_song_without_a_voice_gets_that_of_another(tmp_path: Path) -> None:
    _write_song(tmp_path / "a", drums=0.1, vocals=0.2)
    _write_song(tmp_path / "b", bass=0.1)
    plan = PoolPlan(seed=11, frames=RATE, slots=12, songs_per_step=0.5)
    items = BatchPlan(size=40, frames=RATE // 8, remix=0.0)
    with SongPool(plan, StemFolders(tmp_path), workers=0) as pool:
        plain = draw_batch(pool, plan, items, 0).excerpts.ne(0).flatten(2).any(2)
        dubbed = draw_batch(pool, plan, replace(items, overdub=1.0), 0).excerpts.ne(0).flatten(2).any(2)
    assert not (plain[:, 1] & plain[:, 3]).any()
    assert (dubbed[:, 1] & dubbed[:, 3]).any()
    assert (dubbed[:, 0] <= dubbed[:, 3]).all()
    assert not (dubbed[:, 0] & dubbed[:, 1]).any()


def test_songs_are_played_faster_and_slower(tmp_path: Path) -> None:
    (tmp_path / "song").mkdir()
    tone = np.sin(2 * np.pi * 441 / RATE * np.arange(2 * RATE))
    soundfile.write(tmp_path / "song" / "other.wav", np.stack([tone, tone]).T, RATE)
    plan = PoolPlan(seed=11, frames=RATE, slots=1, songs_per_step=0.0)
    items = BatchPlan(size=30, frames=RATE // 2, remix=0.0, speed=2.0)
    with SongPool(plan, StemFolders(tmp_path), workers=0) as pool:
        heard = draw_batch(pool, plan, items, 0).excerpts[:, 2, 0].float()
    pitches = torch.fft.rfft(heard * torch.hann_window(RATE // 2)).abs().argmax(1) * 2.0
    semitones = 12 * torch.log2(pitches / 441)
    assert semitones.abs().max() < 2.1
    assert semitones.min() < -1
    assert semitones.max() > 1


def _write_song(folder: Path, rate: int = RATE, **stems: float) -> None:
    folder.mkdir(parents=True)
    for name, level in stems.items():
        soundfile.write(folder / f"{name}.wav", np.full((rate, 2), level), rate, subtype="FLOAT")


def test_folders_of_stems_in_the_layout_of_musdb(tmp_path: Path) -> None:
    _write_song(tmp_path / "train" / "A - B", mixture=0.9, drums=0.1, bass=0.2, guitar=0.25, piano=0.05)
    (tmp_path / "train" / "empty").mkdir()
    source = StemFolders(tmp_path)
    song = source.song(np.random.default_rng(0), RATE // 2)
    np.testing.assert_allclose(song[:, 0, 100], [0.1, 0.2, 0.3, 0.0], atol=1e-6)
    assert read_song(find_songs(tmp_path)[0]).shape == (len(STEMS), 2, RATE)


def test_a_session_is_a_song(tmp_path: Path) -> None:
    _write_song(tmp_path / "a.stemrack" / "stems", drums=0.1, other=0.2)
    (tmp_path / "a.stemrack" / "session.toml").touch()
    soundfile.write(tmp_path / "a.stemrack" / "song.wav", np.full((RATE, 2), 0.3), RATE)
    _write_song(tmp_path / "unfinished.stemrack.partial" / "stems", drums=0.9)
    (tmp_path / "torn.stemrack").mkdir()
    (tmp_path / "torn.stemrack" / "session.toml").touch()
    song = StemFolders(tmp_path).song(np.random.default_rng(0), RATE // 2)
    np.testing.assert_allclose(song[:, 0, 100], [0.1, 0.0, 0.2, 0.0], atol=1e-6)
    assert find_songs(tmp_path) == (tmp_path / "a.stemrack",)


def test_songs_at_another_rate_and_shorter_than_asked_for(tmp_path: Path) -> None:
    _write_song(tmp_path / "song", rate=22050, vocals=0.5)
    song = StemFolders(tmp_path).song(np.random.default_rng(0), 2 * RATE)
    np.testing.assert_allclose(song[3, :, : RATE - 100], 0.5, atol=1e-6)
    assert not song[3, :, RATE + 100 :].any()


def _instrumentals(folder: Path) -> Path:
    """A low tone, as music without a voice."""
    tone = 0.4 * np.sin(2 * np.pi * 100 / RATE * np.arange(3 * RATE))
    (folder / "below").mkdir(parents=True)
    soundfile.write(folder / "below" / "music.ogg", np.stack([tone, -tone]).T, RATE)
    (folder / "notes.txt").write_text("not music")
    return folder


def test_of_an_instrumental_only_the_voice_is_known(tmp_path: Path) -> None:
    _write_song(tmp_path / "songs" / "a", vocals=0.2)
    music = Instrumentals(_instrumentals(tmp_path / "music"))
    sources = MixedSources((music, StemFolders(tmp_path / "songs")), (1.0, 1.0))
    plan = PoolPlan(seed=11, frames=RATE, slots=12, songs_per_step=0.5)
    items = BatchPlan(size=40, frames=RATE // 8, remix=0.0, overdub=1.0, drop=0.0, speed=1.0)
    with SongPool(plan, sources, workers=0) as pool:
        draw = draw_batch(pool, plan, items, 0)
        remixed = draw_batch(pool, plan, replace(items, remix=1.0, speed=0.0), 0)
    for drawn in (draw, remixed):
        sounds = drawn.excerpts.ne(0).flatten(2).any(2)
        assert not sounds[:, :2].any()
        assert torch.equal(sounds[:, 2], drawn.unparted)
        assert 0 < int(drawn.unparted.sum()) < 40
        assert (sounds[:, 2] & sounds[:, 3]).any(), "voices are laid over it"
    mix, stems = mix_batch(draw, torch.device("cpu"))
    torch.testing.assert_close(stems.sum(dim=1), mix)


def test_a_folder_without_music_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no music"):
        Instrumentals(tmp_path).song(np.random.default_rng(0), RATE)


def test_a_folder_without_songs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="one folder per song"):
        find_songs(tmp_path)
