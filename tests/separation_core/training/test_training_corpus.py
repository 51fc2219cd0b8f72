import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from separation_core.errors import ModelError, SongUnreadable
from separation_core.training.corpus import RATE, decode_corpus, open_corpus, read_index
from separation_core.training.packing import pack_corpus

REAL = Path(__file__).resolve().parents[3] / "../shared/audio/corpus"


def test_decoded_recordings_are_the_files(corpus_folder: Path, corpus_cache: Path) -> None:
    corpus = open_corpus(corpus_cache)
    for index, sample in enumerate(corpus.samples):
        block, _ = soundfile.read(corpus_folder / sample.path, dtype="float32", always_2d=True)
        np.testing.assert_allclose(corpus.audio(index), block.T, atol=2 / 32768)
        assert corpus.duration(index) == pytest.approx(block.shape[0] / RATE)


def test_packing_keeps_every_recording_in_place_and_smaller(corpus_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "packed"
    size = pack_corpus(corpus_folder, out)
    assert size < sum(file.stat().st_size for file in corpus_folder.iterdir()) / 2
    before = open_corpus(decode_corpus(corpus_folder, tmp_path / "before"))
    after = open_corpus(decode_corpus(out, tmp_path / "after"))
    kinds = sorted((s.stem, s.midi or 0, s.piece or "", s.kit or "", s.bpm or 0) for s in before.samples)
    assert kinds == sorted((s.stem, s.midi or 0, s.piece or "", s.kit or "", s.bpm or 0) for s in after.samples)
    found = {sample.midi: index for index, sample in enumerate(after.samples) if sample.stem == "bass"}
    for index, sample in enumerate(before.samples):
        if sample.stem == "bass":
            true, packed = before.mono(index), after.mono(found[sample.midi])
            assert true.size == packed.size
            assert np.corrcoef(true, packed)[0, 1] > 0.98


def test_packing_cuts_long_recordings_with_a_fade(corpus_folder: Path, tmp_path: Path) -> None:
    pack_corpus(corpus_folder, tmp_path / "short", longest=0.5)
    corpus = open_corpus(decode_corpus(tmp_path / "short", tmp_path / "cache"))
    assert max(corpus.duration(index) for index in range(len(corpus))) <= 0.5
    longest = max(range(len(corpus)), key=corpus.duration)
    assert np.abs(corpus.mono(longest)[-50:]).max() < 0.01


def test_packing_never_overwrites(corpus_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="exists"):
        pack_corpus(corpus_folder, tmp_path)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[", "not JSON"),
        ("{}", "no list"),
        ('[{"stem": "drums"}]', "without path"),
        ('[{"path": "a.wav", "stem": "piano"}]', "piano"),
        ('[{"path": "../a.wav", "stem": "bass"}]', "outside"),
    ],
)
def test_a_bad_index_is_refused_by_name(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "index.json").write_text(text, encoding="utf-8")
    with pytest.raises(ModelError, match=says):
        read_index(tmp_path)


def test_a_folder_without_index_and_a_damaged_recording_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"index\.json"):
        read_index(tmp_path)
    (tmp_path / "a.wav").write_bytes(b"no sound")
    (tmp_path / "index.json").write_text(json.dumps([{"path": "a.wav", "stem": "bass"}]), encoding="utf-8")
    with pytest.raises(SongUnreadable, match=r"a\.wav"):
        decode_corpus(tmp_path, tmp_path / "cache")


@pytest.mark.skipif(not REAL.is_dir(), reason="the shared corpus is not here")
def test_the_shared_corpus_is_read_whole() -> None:
    samples = read_index(REAL)
    assert {sample.stem for sample in samples} == {"drums", "bass", "other", "vocals"}
    assert all((REAL / sample.path).is_file() for sample in samples)
