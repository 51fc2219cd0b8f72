import json
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile

from separation_core.errors import ModelError
from separation_core.training.corpus import RATE
from separation_core.training.gathering import gather
from separation_core.training.sound_fonts import find_sound_font

FONT_PLAN = """
[[library]]
source = "{source}"
sound_font = "{font}"
author = "Frank Wen"
licence = "MIT"
url = "https://example.org"
programs = [
  {{ name = "gm", stem = "bass", programs = [33], lowest = 40, highest = 52, notes = 3, seconds = 1.0 }},
]
[[library.drum_programs]]
name = "gm"
programs = [0, 126]
keys = {{ kick = [36], snare = [38] }}
velocities = {{ kick = [60, 110] }}
seconds = 1.0
"""


def hertz(midi: float) -> float:
    return float(440 * 2 ** ((midi - 69) / 12))


def level(clip: np.ndarray, frequency: float) -> float:
    wave = np.exp(-2j * np.pi * frequency * np.arange(clip.size) / RATE)
    return float(np.abs((clip * wave * np.hanning(clip.size)).sum()))


def records(corpus: Path) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads((corpus / "index.json").read_text(encoding="utf-8"))
    return found


def font_plan(folder: Path, font: str) -> Path:
    (folder / "font.toml").write_text(FONT_PLAN.format(source="font", font=font), encoding="utf-8")
    return folder / "font.toml"


def test_notes_of_a_sound_font_have_the_pitch_that_they_are_named_by(tmp_path: Path) -> None:
    if shutil.which("fluidsynth") is None:
        pytest.skip("fluidsynth is not installed")
    font = find_sound_font("TimGM6mb.sf2", tmp_path)
    if font is None:
        pytest.skip("TimGM6mb.sf2 (Debian: timgm6mb-soundfont) is not installed")
    corpus = tmp_path / "corpus"
    gather(tmp_path, corpus, plan=font_plan(tmp_path, font.name))
    found = records(corpus)
    bass = [record for record in found if record["stem"] == "bass"]
    assert [(record["inst"], record["midi"]) for record in bass] == [("gm_p033", 40), ("gm_p033", 46), ("gm_p033", 52)]
    for record in bass:
        clip = soundfile.read(corpus / str(record["path"]), always_2d=True)[0][: RATE // 2, 0]
        midi = float(str(record["midi"]))
        assert level(clip, hertz(midi)) > 5 * max(level(clip, hertz(midi + 2)), level(clip, hertz(midi - 2)))
    strokes = Counter((record["kit"], record["piece"]) for record in found if record["stem"] == "drums")
    assert strokes == {("gm_k00", "kick"): 2, ("gm_k00", "snare"): 1}, "what is no kit is played as program 0"
    assert gather(tmp_path, corpus, plan=font_plan(tmp_path, font.name)).added == {}


def test_without_fluidsynth_a_sound_font_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "mine.sf2").write_bytes(b"RIFF")
    with pytest.raises(ModelError, match=r"fluidsynth.*mine\.sf2.*install") as failed:
        gather(tmp_path, tmp_path / "corpus", plan=font_plan(tmp_path, "mine.sf2"))
    assert "\n" not in str(failed.value)
    gathered = gather(tmp_path, tmp_path / "corpus", plan=font_plan(tmp_path, "not there.sf2"))
    assert gathered.missing == ("font: https://example.org",)


def test_a_damaged_sound_font_is_one_line(tmp_path: Path) -> None:
    if shutil.which("fluidsynth") is None:
        pytest.skip("fluidsynth is not installed")
    (tmp_path / "mine.sf2").write_bytes(b"RIFF\x04\x00\x00\x00sfbk")
    with pytest.raises(ModelError, match=r"mine\.sf2") as failed:
        gather(tmp_path, tmp_path / "corpus", plan=font_plan(tmp_path, "mine.sf2"))
    assert "\n" not in str(failed.value)
