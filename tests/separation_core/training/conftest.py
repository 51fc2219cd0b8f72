import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from separation_core.training.corpus import RATE, decode_corpus, open_corpus
from separation_core.training.material import sort_material

RNG = np.random.default_rng(7)


def _tone(pitch: float, seconds: float, partials: int) -> np.ndarray:
    time = np.arange(int(seconds * RATE)) / RATE
    frequency = 440 * 2 ** ((pitch - 69) / 12)
    return 0.3 * sum(np.sin(2 * np.pi * frequency * n * time) / n for n in range(1, partials + 1)) * np.exp(-time)


def _noise(seconds: float) -> np.ndarray:
    frames = int(seconds * RATE)
    return 0.5 * RNG.standard_normal(frames) * np.exp(-8 * np.arange(frames) / frames)


def _records() -> list[tuple[dict[str, object], np.ndarray]]:
    made: list[tuple[dict[str, object], np.ndarray]] = []
    for kit in ("a", "b"):
        for piece in ("kick", "snare", "hat_closed", "crash", "tom_lo"):
            clip = _noise(0.2)
            made.append(({"stem": "drums", "kit": kit, "piece": piece}, np.stack([clip, clip]) if kit == "a" else clip))
    made += [({"stem": "bass", "inst": "b", "midi": midi}, _tone(midi, 1.0, 3)) for midi in (28, 36, 44)]
    made += [
        ({"stem": "other", "inst": f"o{midi % 2}", "midi": midi}, _tone(midi, 1.0, 8)) for midi in (48, 55, 60, 72)
    ]
    made += [
        ({"stem": "vocals", "kind": "sung", "singer": "s", "key": "am", "bpm": 120}, _tone(69 + step, 0.8, 12))
        for step in range(40)
    ]
    made.append(({"stem": "vocals", "kind": "speech", "singer": "t"}, _tone(50, 0.6, 12)))
    made += [({"stem": "vocals", "kind": "held", "inst": "v", "midi": midi}, _tone(midi, 2.0, 12)) for midi in (52, 64)]
    return made


@pytest.fixture(scope="session")
def corpus_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small corpus made on the spot: notes, strokes and 'voices' of a few seconds altogether."""
    folder = tmp_path_factory.mktemp("corpus")
    index = []
    for number, (record, clip) in enumerate(_records()):
        name = f"{record['stem']}_{number}.flac"
        soundfile.write(folder / name, np.clip(clip, -1, 1).T, RATE)
        index.append({"path": name, "source": "made", **record})
    (folder / "index.json").write_text(json.dumps(index), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def corpus_cache(corpus_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return decode_corpus(corpus_folder, tmp_path_factory.mktemp("decoded"))


@pytest.fixture(scope="session")
def material(corpus_cache: Path):
    return sort_material(open_corpus(corpus_cache))


RECIPE = """
name = "test"
seed = 3
[network]
architecture = "dual-path-unet"
width = 8
growth = 4
convolutions = 1
paths = 1
hidden = 8
window = 1024
hop = 256
[[data]]
kind = "composed"
folder = "corpus"
[pool]
seconds = 1.5
slots = 3
songs_per_step = 0.4
[batch]
size = 2
seconds = 0.5
[loss]
windows = [512]
[optimiser]
rate = 3e-3
average = 0.9
[schedule]
steps = 8
warmup = 3
[report]
log = 2
validate = 4
songs = 1
seconds = 1.0
checkpoint_minutes = 100
"""


@pytest.fixture
def recipe_file(tmp_path: Path) -> Path:
    path = tmp_path / "test.toml"
    path.write_text(RECIPE, encoding="utf-8")
    return path
