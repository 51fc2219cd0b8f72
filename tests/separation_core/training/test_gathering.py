import json
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile

from separation_core.errors import ModelError
from separation_core.training.__main__ import main
from separation_core.training.corpus import RATE, decode_corpus, open_corpus
from separation_core.training.gathering import gather, polish, report
from separation_core.training.held_vowels import longest_vowel, sustain
from separation_core.training.libraries import LICENCES
from separation_core.training.material import sort_material

PLAN = r"""
[[library]]
source = "tones"
author = "Somebody"
licence = "CC-BY-4.0"
url = "https://example.org/tones"
instruments = [{ name = "flute", stem = "other", files = '^notes/([a-g]b?\d)_', semitones = -12, seconds = 1.0 }]

[[library]]
source = "strokes"
author = "Somebody else"
licence = "MIT"
url = "https://example.org/strokes"
microphone = "near/"
kits = [
  { name = "hall", microphones = { "near/" = [1.0], "far/" = [0.25] } },
  { name = "dealt", count = 4, first = 1, every = 2, pieces = { snare = 'near/([a-z]+)_' } },
]
[library.pieces]
kick = 'near/kick_'
tom_lo = 'near/tom_'

[[library]]
source = "elsewhere"
author = "Nobody"
licence = "CC0-1.0"
url = "https://example.org/elsewhere"
instruments = [{ name = "lost", stem = "bass", files = '([a-g]\d)' }]
"""


def hertz(midi: float) -> float:
    return float(440 * 2 ** ((midi - 69) / 12))


def tone(frequency: float, seconds: float, rate: int = RATE) -> np.ndarray:
    return 0.3 * np.sin(2 * np.pi * frequency * np.arange(int(seconds * rate)) / rate)


def level(clip: np.ndarray, frequency: float) -> float:
    wave = np.exp(-2j * np.pi * frequency * np.arange(clip.size) / RATE)
    return float(np.abs((clip * wave * np.hanning(clip.size)).sum()))


def write(path: Path, clip: np.ndarray, rate: int = RATE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, clip.T, rate)


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    (tmp_path / "plan.toml").write_text(PLAN, encoding="utf-8")
    return tmp_path / "plan.toml"


@pytest.fixture
def libraries(tmp_path: Path) -> Path:
    """Tones of 48 kHz after silence, and strokes that two microphones heard, the far one an octave higher."""
    folder = tmp_path / "libraries"
    for name, midi in (("c4", 48), ("eb4", 51), ("a5", 69)):
        clip = np.concatenate([np.zeros(9600), tone(hertz(midi), 2.0, 48000)])
        write(folder / "tones" / "notes" / f"{name}_1.wav", np.stack([clip, clip]), 48000)
    (folder / "tones" / "notes" / "g4_1.wav").write_text("version https://git-lfs.github.com/spec/v1\n")
    (folder / "tones" / "notes" / "x9_1.wav").write_text("not a note's name")
    for number, name in enumerate(("kick_1", "kick_2", "tom_1")):
        write(folder / "strokes" / "near" / f"{name}.wav", tone(200 + 40 * number, 0.5))
        write(folder / "strokes" / "far" / f"{name}.wav", tone(400 + 80 * number, 0.7))
    return folder


def records(corpus: Path) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads((corpus / "index.json").read_text(encoding="utf-8"))
    return found


def read(corpus: Path, record: dict[str, object]) -> np.ndarray:
    block, rate = soundfile.read(corpus / str(record["path"]), always_2d=True)
    assert rate == RATE
    assert soundfile.info(corpus / str(record["path"])).subtype == "PCM_16"
    return np.asarray(block.T)


def test_notes_are_named_cut_and_levelled(libraries: Path, plan: Path, tmp_path: Path) -> None:
    gather(libraries, tmp_path / "corpus", plan=plan)
    notes = [record for record in records(tmp_path / "corpus") if record.get("inst") == "flute"]
    assert [note["midi"] for note in notes] == [48, 51, 69]
    assert {(note["stem"], note["source"], note["license"]) for note in notes} == {("other", "tones", "CC-BY-4.0")}
    for note in notes:
        clip = read(tmp_path / "corpus", note)
        assert len(clip) == 1, "both channels were alike"
        assert np.abs(clip).max() == pytest.approx(0.7, abs=1e-3)
        assert clip.shape[1] == RATE, "cut to the plan's second"
        assert np.abs(clip[0, :300]).max() > 0.1, "no silence in front"
        assert abs(clip[0, -1]) < 1e-3
        right = level(clip[0], hertz(float(str(note["midi"]))))
        assert right > 20 * level(clip[0], hertz(float(str(note["midi"])) + 1))


def test_microphones_are_mixed_by_their_gains(libraries: Path, plan: Path, tmp_path: Path) -> None:
    gather(libraries, tmp_path / "corpus", plan=plan)
    hall = [record for record in records(tmp_path / "corpus") if record.get("kit") == "hall"]
    assert Counter(record["piece"] for record in hall) == {"kick": 2, "tom_lo": 1}
    (tom,) = (record for record in hall if record["piece"] == "tom_lo")
    clip = read(tmp_path / "corpus", tom)[0]
    assert clip.size > 0.6 * RATE, "as long as the longest microphone"
    both = clip[: RATE // 2]
    assert level(both, 560) / level(both, 280) == pytest.approx(0.25, rel=0.03)


def test_a_plan_that_does_not_fit_the_files_is_one_line(libraries: Path, plan: Path, tmp_path: Path) -> None:
    plan.write_text(PLAN.replace('microphone = "near/"', 'microphone = "mic_1"'), encoding="utf-8")
    with pytest.raises(ModelError, match="mic_1"):
        gather(libraries, tmp_path / "corpus", plan=plan)


def test_what_belongs_together_is_dealt_out_to_kits(libraries: Path, plan: Path, tmp_path: Path) -> None:
    gather(libraries, tmp_path / "corpus", plan=plan)
    dealt = Counter(record.get("kit") for record in records(tmp_path / "corpus") if record.get("piece") == "snare")
    assert set(dealt) == {"dealt_01", "dealt_03"}
    assert sorted(dealt.values()) == [1, 2], "the two kicks in one kit, the tom in the other"


def test_what_is_missing_or_broken_is_told_and_left_out(libraries: Path, plan: Path, tmp_path: Path) -> None:
    heard: list[str] = []
    gathered = gather(libraries, tmp_path / "corpus", plan=plan, tell=heard.append)
    assert gathered.missing == ("elsewhere: https://example.org/elsewhere",)
    assert gathered.unreadable == {"tones": 1}
    assert gathered.added == {"tones": 3, "strokes": 6}
    assert heard == ["tones: 3 added", "strokes: 6 added"]
    assert report(gathered).splitlines() == [
        "9 recordings added",
        "1 files of tones cannot be read",
        "not there: elsewhere: https://example.org/elsewhere",
    ]


def test_a_second_run_adds_what_is_new_and_nothing_else(libraries: Path, plan: Path, tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    gather(libraries, corpus, plan=plan)
    before = {path: path.read_bytes() for path in corpus.rglob("*") if path.is_file()}
    assert gather(libraries, corpus, plan=plan).added == {}
    assert before == {path: path.read_bytes() for path in corpus.rglob("*") if path.is_file()}
    write(libraries / "elsewhere" / "c3.wav", tone(hertz(48), 0.5))
    assert gather(libraries, corpus, plan=plan).added == {"elsewhere": 1}
    paths = [record["path"] for record in records(corpus)]
    assert len(paths) == len(set(paths)) == 10
    lines = (corpus / "LICENSES.md").read_text(encoding="utf-8").splitlines()
    named = [line.removeprefix("- ").partition(":")[0] for line in lines if line.startswith("- ")]
    assert named == ["tones", "strokes", "elsewhere"]
    (credit,) = (line for line in lines if line.startswith("- tones"))
    assert all(part in credit for part in ("Somebody", LICENCES["CC-BY-4.0"], "https://example.org/tones"))


def test_the_command_gives_the_same_corpus_each_time(
    libraries: Path, plan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("one", "two"):
        assert main(["gather", str(libraries), str(tmp_path / name), "--plan", str(plan)]) == 0
        assert "9 recordings added" in capsys.readouterr().out
    one, two = (sorted(path for path in (tmp_path / name).rglob("*") if path.is_file()) for name in ("one", "two"))
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in two]


def test_the_records_of_a_corpus_stay(libraries: Path, plan: Path, corpus_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(corpus_folder, tmp_path / "corpus")
    (tmp_path / "corpus" / "LICENSES.md").write_text("# Mine\n\n| a | table |\n", encoding="utf-8")
    old = records(corpus_folder)
    gather(libraries, tmp_path / "corpus", plan=plan)
    assert records(tmp_path / "corpus")[: len(old)] == old
    assert (tmp_path / "corpus" / "LICENSES.md").read_text(encoding="utf-8").startswith("# Mine\n\n| a | table |\n\n- ")
    material = sort_material(open_corpus(decode_corpus(tmp_path / "corpus", tmp_path / "decoded")))
    assert len(material.melodic["other"]["flute"]) == 3
    assert {"hall", "dealt_01", "dealt_03"} < set(material.drums)


def test_a_broken_off_run_leaves_the_old_index(
    libraries: Path, plan: Path, corpus_folder: Path, tmp_path: Path
) -> None:
    shutil.copytree(corpus_folder, tmp_path / "corpus")

    def break_off(line: str) -> None:
        if line.startswith("strokes"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        gather(libraries, tmp_path / "corpus", plan=plan, tell=break_off)
    assert records(tmp_path / "corpus") == records(corpus_folder)
    assert gather(libraries, tmp_path / "corpus", plan=plan).added == {"tones": 3, "strokes": 6}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("licence = \"MIT\"", 'licence = "CC-BY-NC-4.0"'), "CC-BY-NC-4.0"),
        (('stem = "bass"', 'stem = "brass"'), "brass"),
        (("'([a-g]\\d)'", "'([a-g]\\d'"), "regular expression"),
        (("'([a-g]\\d)'", "'[a-g]\\d'"), "group"),
        (("seconds = 1.0", 'seconds = "long"'), "long"),
        (("seconds = 1.0", "seconds = 0.1"), "0.1"),
        (('author = "Nobody"', ""), "author"),
        (("count = 4", "amount = 4"), "amount"),
        (("every = 2", "every = 0"), "from 1 on"),
        (('name = "lost"', 'name = "../../lost"'), "path"),
        (("tom_lo =", '"../tom" ='), "path"),
        (('microphone = "near/"', ""), "microphone is missing"),
        (("[[library]]", "[library]"), "TOML"),
    ],
)  # fmt: skip
def test_a_broken_plan_is_one_line(
    change: tuple[str, str], told: str, plan: Path, libraries: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert change[0] in PLAN
    plan.write_text(PLAN.replace(*change), encoding="utf-8")
    assert main(["gather", str(libraries), str(tmp_path / "corpus"), "--plan", str(plan)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert str(plan) in error
    assert told in error
    assert not (tmp_path / "corpus").exists()


def test_folders_that_are_none_are_one_line(libraries: Path, plan: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="nowhere"):
        gather(tmp_path / "nowhere", tmp_path / "corpus", plan=plan)
    with pytest.raises(ModelError, match="nowhere"):
        gather(libraries, tmp_path / "corpus", plan=tmp_path / "nowhere.toml")
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "index.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ModelError, match=r"index\.json"):
        gather(libraries, tmp_path / "corpus", plan=plan)


def test_loops_and_voices_are_taken_whole_or_in_parts(libraries: Path, tmp_path: Path) -> None:
    for number in range(4):
        write(libraries / "said" / "ann" / f"{number}.wav", tone(200, 1.0))
    write(libraries / "said" / "bo b" / "long.wav", tone(150, 7.0))
    write(libraries / "said" / "loops" / "beat.wav", tone(100, 3.0))
    plan = tmp_path / "plan.toml"
    plan.write_text(
        """
[[library]]
source = "said"
author = "Both"
licence = "MIT"
url = "https://example.org/said"
loops = [{ name = "beats", files = '^loops/', seconds = 2.0 }]
voices = [{ name = "v", kind = "speech", files = '^(?!loops)([^/]*)/', most = 3, seconds = 2.0 }]
""",
        encoding="utf-8",
    )
    assert gather(libraries, tmp_path / "corpus", plan=plan).added == {"said": 8}
    found = records(tmp_path / "corpus")
    assert Counter(record.get("singer") for record in found) == {"v_ann": 3, "v_bo_b": 4, None: 1}
    (loop,) = (record for record in found if record["stem"] == "drums")
    assert (loop["piece"], loop["kit"]) == ("loop", "beats")
    assert read(tmp_path / "corpus", loop).shape[1] == 2 * RATE
    assert {record["kind"] for record in found if record["stem"] == "vocals"} == {"speech"}
    long = [read(tmp_path / "corpus", record).shape[1] for record in found if record.get("singer") == "v_bo_b"]
    assert sum(long) == pytest.approx(7 * RATE, rel=0.01)
    assert gather(libraries, tmp_path / "corpus", plan=plan).added == {}


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("voices = [{ name = 'v', kind = 'yodel', files = 'x' }]", "yodel"),
        ("voices = [{ name = 'v', kind = 'sung', files = '(x)(y)' }]", "too many groups"),
        ("loops = [{ name = 'l', files = '(x)' }]", "too many groups"),
        ("loops = [{ name = 'l', files = 'x', most = 0 }]", "from 1 on"),
        ("voices = [{ name = '..', kind = 'sung', files = 'x' }]", "path"),
    ],
)
def test_broken_loops_and_voices_are_one_line(entry: str, told: str, libraries: Path, tmp_path: Path) -> None:
    plan = tmp_path / "plan.toml"
    library = 'source = "said"\nauthor = "A"\nlicence = "MIT"\nurl = "https://example.org/said"\n'
    plan.write_text(f"[[library]]\n{library}{entry}\n", encoding="utf-8")
    with pytest.raises(ModelError, match=told):
        gather(libraries, tmp_path / "corpus", plan=plan)


def test_silence_is_left_out() -> None:
    assert polish(np.zeros((2, 1000), np.float32), 1.0) is None
    assert polish(np.zeros((1, 0), np.float32), 1.0) is None
    assert polish(np.full((1, 10), np.nan, np.float32), 1.0) is None


def sung(midi: float, seconds: float) -> np.ndarray:
    """A buzz that holds a pitch after a slide up to it."""
    slide = np.concatenate([np.linspace(midi - 9, midi, RATE // 4), np.full(int(seconds * RATE), midi)])
    phase = np.cumsum(2 * np.pi * 440 * 2 ** ((slide - 69) / 12) / RATE)
    return 0.2 * sum(np.sin(number * phase) / number for number in range(1, 8))


def test_held_notes_come_from_all_singers_but_the_one_held_out(corpus_folder: Path, tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    shutil.copytree(corpus_folder, corpus)
    index = [record for record in records(corpus) if record["stem"] != "vocals"]
    for singer, pitches in (("ann", (57, 60, 64, 65)), ("bo lo", (50, 52)), ("cy", (55,))):
        for midi in pitches:
            write(corpus / f"{singer}{midi}.flac", sung(midi, 0.6))
            voice = {"stem": "vocals", "kind": "sung", "singer": singer, "source": "made", "license": "CC0-1.0"}
            index.append({"path": f"{singer}{midi}.flac", **voice})
    (corpus / "index.json").write_text(json.dumps(index), encoding="utf-8")
    plan = tmp_path / "held.toml"
    plan.write_text("[held_vowels]\nmost = 3\ntogether = 2\nseconds = 2.0\n", encoding="ascii")
    assert gather(tmp_path, corpus, plan=plan).added == {"made": 5}
    held = [record for record in records(corpus) if record.get("kind") == "held"]
    found = [(record["singer"], record["inst"], record["midi"]) for record in held]
    ann = [("ann", "held_ann_0", 57), ("ann", "held_ann_0", 60), ("ann", "held_ann_1", 64)]
    assert found == [*ann, ("bo lo", "held_bo_lo_0", 50), ("bo lo", "held_bo_lo_0", 52)]
    decoded = open_corpus(decode_corpus(corpus, tmp_path / "decoded"))
    assert set(sort_material(decoded, held_out=True).voices["sung"]) == {"cy"}
    for record in held:
        clip = read(corpus, record)[0]
        assert clip.size == pytest.approx(2 * RATE, rel=0.05)
        assert level(clip, hertz(float(str(record["midi"])))) > 10 * level(clip, hertz(float(str(record["midi"])) + 1))
    assert gather(tmp_path, corpus, plan=plan).added == {}


def test_noise_and_short_notes_hold_no_vowel() -> None:
    noise = np.random.default_rng(4).normal(0, 0.1, RATE).astype(np.float32)
    assert longest_vowel(noise) is None
    assert longest_vowel(sung(60, 0.1).astype(np.float32)) is None
    assert longest_vowel(np.zeros(100, np.float32)) is None


def test_a_held_vowel_goes_on_without_gaps() -> None:
    vowel = tone(hertz(60), 0.4).astype(np.float32)
    held = sustain(vowel, 3.0)[0]
    assert held.size >= 3 * RATE
    loudness = [np.abs(held[start : start + 441]).max() for start in range(1000, held.size - 441, 441)]
    assert min(loudness) > 0.05
