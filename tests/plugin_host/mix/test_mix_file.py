"""`mix.toml`: what is written comes back, a bad file names its line and field, a failed write leaves the old file."""

import math
import os
import stat
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plugin_host.errors import EffectError, PresetError
from plugin_host.mix.mix_file import mix_text, read_mix, write_mix
from plugin_host.mix.state import Aux, Effect, Group, Master, Mix, Track, plain_mix
from plugin_host.mix.toml_document import MAX_BYTES

NAMES = st.text(st.characters(categories=("L", "N", "P", "S")), min_size=1, max_size=12)
GAINS = st.floats(max_value=12.0, allow_nan=False) | st.just(-math.inf)
VALUES = st.one_of(st.floats(allow_nan=False), st.integers(-(2**40), 2**40), st.booleans(), NAMES)
PARAMS = st.dictionaries(NAMES | st.sampled_from(["bypass", "wet", "effect", "threshold_db"]), VALUES, max_size=4)
PLAIN = st.builds(
    Effect, kind=NAMES, params=PARAMS, bypass=st.booleans(), wet=st.floats(0.0, 1.0), plugin_path=st.just("") | NAMES
)
CHAINS = st.lists(PLAIN, max_size=3).map(tuple)
PARALLEL = st.builds(Effect, kind=st.just("parallel"), branches=st.lists(CHAINS, min_size=1, max_size=3).map(tuple))
FULL_CHAINS = st.lists(PLAIN | PARALLEL, max_size=3).map(tuple)
FLAGS = {key: st.booleans() for key in ("mute", "solo", "invert")}
TRACKS = st.builds(
    Track,
    name=NAMES,
    stem=NAMES,
    chain=FULL_CHAINS,
    gain_db=GAINS,
    pan=st.floats(-1.0, 1.0),
    sends=st.tuples(GAINS, GAINS),
    **FLAGS,
)
MASTERS = st.builds(Master, chain=FULL_CHAINS, gain_db=GAINS, limiter=st.booleans(), ceiling_db=st.floats(-24.0, 0.0))
GROUPS = st.builds(Group, name=NAMES, gain_db=GAINS, mute=st.booleans(), solo=st.booleans())
AUXES = st.builds(Aux, name=NAMES, chain=FULL_CHAINS, gain_db=GAINS, mute=st.booleans())


def grouped(tracks: list[Track], groups: list[Group]) -> tuple[Track, ...]:
    """The first tracks put into the groups."""
    return tuple(
        replace(track, group=groups[place].name if place < len(groups) else "") for place, track in enumerate(tracks)
    )


MIXES = st.builds(
    lambda tracks, master, groups, auxes: Mix(grouped(tracks, groups), master, tuple(groups), auxes),
    st.lists(TRACKS, max_size=3, unique_by=lambda track: track.name),
    MASTERS,
    st.lists(GROUPS, max_size=2, unique_by=lambda group: group.name),
    st.tuples(AUXES, AUXES),
)


def any_effect(effect: Effect) -> None:
    """An effect check that takes all."""


def only_gain(effect: Effect) -> None:
    """An effect check as strict as the catalogue's, with one effect in it."""
    if effect.kind != "gain":
        raise EffectError(f"no effect {effect.kind!r}: did you mean 'gain'?")
    for name in effect.params:
        if name != "gain_db":
            raise EffectError(f"gain: no parameter {name!r}: did you mean 'gain_db'?", name)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(mix=MIXES)
def test_what_is_written_comes_back(tmp_path: Path, mix: Mix) -> None:
    path = tmp_path / "mix.toml"
    write_mix(path, mix)
    assert read_mix(path, any_effect) == mix
    assert path.read_text(encoding="utf-8") == mix_text(mix)
    assert [entry.name for entry in tmp_path.iterdir()] == ["mix.toml"]


def test_a_hand_written_file_needs_only_what_differs(tmp_path: Path) -> None:
    path = tmp_path / "mix.toml"
    path.write_bytes(b'\xef\xbb\xbfformat = 1\r\n[[tracks]]\r\nstem = "vocals"\r\ngain_db = -inf\r\n')
    assert read_mix(path, any_effect) == Mix((Track("vocals", "vocals", gain_db=-math.inf),))


TRACK = 'format = 1\n[[tracks]]\nstem = "drums"\n'
EFFECT = TRACK + "[[tracks.chain]]\n"


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("", 1, "format: give format = 1"),
        ("format = true", 1, "format: give format = 1"),
        ("\nformat = 2", 2, "later stemrack"),
        ("format = 0", 1, "no format 0"),
        ("format = 1\ntraks = []", 2, "traks: unknown key: did you mean 'tracks'?"),
        ("format = 1\ntracks = 3", 2, "tracks: 3 is no list"),
        ("format = 1\ntracks = [3]", 2, "tracks[1]: 3 is no table"),
        ('format = 1\n[[tracks]]\nname = "x"', 2, "stem is missing"),
        (TRACK + "gian_db = 1", 4, "tracks[1].gian_db: unknown key: did you mean 'gain_db'?"),
        (TRACK + "gain_db = 13", 4, "tracks[1].gain_db: 13 is out of range: give -inf to 12"),
        (TRACK + "gain_db = nan", 4, "nan is out of range"),
        (TRACK + 'gain_db = "loud"', 4, "'loud' is no number"),
        (TRACK + "gain_db = true", 4, "True is no number"),
        (TRACK + "pan = -1.5", 4, "out of range: give -1 to 1"),
        (TRACK + "mute = 1", 4, "1 is neither true nor false"),
        (TRACK + 'name = "a\\nb"', 4, "line break"),
        (TRACK + 'name = ""', 4, "is empty"),
        (TRACK + f'name = "{"x" * 300}"', 4, "300 characters"),
        (TRACK + "[master]\ncieling_db = 1", 5, "master.cieling_db: unknown key: did you mean 'ceiling_db'?"),
        (TRACK + '[[tracks]]\nstem = "drums"', 2, "two tracks are called 'drums'"),
        (EFFECT + "threshold_db = 1", 4, "effect is missing"),
        (EFFECT + 'effect = "gian"', 5, "tracks[1].chain[1].effect: no effect 'gian'"),
        (EFFECT + 'effect = "gain"\ngain = 1', 6, "tracks[1].chain[1].gain: gain: no parameter 'gain'"),
        (EFFECT + 'effect = "gain"\ngain_db = nan', 6, "is NaN"),
        (EFFECT + 'effect = "gain"\ngain_db = [1]', 6, "is no parameter value"),
        (EFFECT + 'effect = "gain"\nwet = 2', 6, "wet: 2 is out of range"),
        (EFFECT + 'effect = "gain"\nbranches = [\n[],\n[{ effect = "gian" }]]', 8, "branches[2][1].effect: no effect"),
        (EFFECT + 'effect = "gain"\nbranches = [\n[],\n3]', 8, "3 is no list"),
        (EFFECT + 'effect = "gain"\nbranches = 3', 6, "give a list of at most"),
        ("format = 1\nformat = 1", 2, "not valid TOML"),
        ('format = 1\nx = "', 2, "not valid TOML"),
        (f"format = 1\nx = {'9' * 5000}", None, "thousands of digits"),
        ("format = 1\nx = " + "[" * 5000, 2, "nested too deep"),
        (f"format = 1\n{'a.' * 500}b = 1", 2, "nested too deep"),
    ],
)
def test_a_bad_file_names_its_line_and_field(tmp_path: Path, text: str, line: int | None, said: str) -> None:
    path = tmp_path / "mix.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PresetError) as caught:
        read_mix(path, only_gain)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert line is None or f"line {line}" in message
    assert said in message
    assert "\n" not in message


def test_files_far_too_large_are_refused_without_parsing_them(tmp_path: Path) -> None:
    path = tmp_path / "mix.toml"
    path.write_text(TRACK + "\n".join('[[tracks.chain]]\neffect = "gain"' for _ in range(50_000)), encoding="utf-8")
    with pytest.raises(PresetError, match="more than 20000 lines"):
        read_mix(path, only_gain)
    path.write_bytes(b"#" * (MAX_BYTES + 1))
    with pytest.raises(PresetError, match="larger than 8 MiB"):
        read_mix(path, only_gain)


def test_too_many_tracks_effects_and_branches_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "mix.toml"
    deep = "[]"
    for _ in range(6):
        deep = f'[{{ effect = "gain", branches = [{deep}] }}]'
    for text in (
        "format = 1\n" + '[[tracks]]\nstem = "d"\n' * 129,
        TRACK + '[[tracks.chain]]\neffect = "gain"\n' * 65,
        EFFECT + 'effect = "gain"\nbranches = [' + "[]," * 17 + "]",
        TRACK + f"chain = {deep}",
    ):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(PresetError, match=r"at most|nested deeper"):
            read_mix(path, only_gain)


def test_paths_that_are_no_files_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "absent.toml", tmp_path / "file" / "x"):
        (tmp_path / "file").touch()
        with pytest.raises(PresetError, match=str(path)):
            read_mix(path, any_effect)
    (tmp_path / "latin1.toml").write_bytes(b"format = 1\nx = '\xe9'")
    with pytest.raises(PresetError, match="line 2: not UTF-8"):
        read_mix(tmp_path / "latin1.toml", any_effect)


def test_a_mix_too_large_to_be_read_again_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "mix.toml"
    write_mix(path, plain_mix(("drums",)))
    plugin = Effect("vst3", plugin_path="x.vst3", plugin_state="A" * MAX_BYTES)
    with pytest.raises(PresetError, match="saved state"):
        write_mix(path, Mix((Track("drums", "drums", (plugin,)),)))
    assert read_mix(path, any_effect) == plain_mix(("drums",))


def test_a_large_plugin_state_is_read_again(tmp_path: Path) -> None:
    plugin = Effect("vst3", plugin_path="x.vst3", plugin_state="A" * 1_000_000)
    write_mix(tmp_path / "mix.toml", Mix((Track("drums", "drums", (plugin,)),)))
    assert read_mix(tmp_path / "mix.toml", any_effect).tracks[0].chain == (plugin,)


def test_writing_where_nothing_can_be_written_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(PresetError, match="cannot be written"):
        write_mix(tmp_path / "absent" / "mix.toml", plain_mix(("drums",)))
    (tmp_path / "mix.toml").mkdir()
    with pytest.raises(PresetError, match="cannot be written"):
        write_mix(tmp_path / "mix.toml", plain_mix(("drums",)))
    assert [entry.name for entry in tmp_path.iterdir()] == ["mix.toml"]


@pytest.mark.skipif(os.name != "posix", reason="file modes")
def test_the_file_is_as_readable_as_any_new_file(tmp_path: Path) -> None:
    write_mix(tmp_path / "mix.toml", plain_mix(("drums",)))
    (tmp_path / "other").touch()
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("mix.toml", "other")]
    assert modes[0] == modes[1]


WRITER = """
import sys
from pathlib import Path
from plugin_host.mix.mix_file import read_mix, write_mix
path, mixes = Path(sys.argv[1]), [read_mix(Path(name), lambda effect: None) for name in sys.argv[2:]]
print("ready", flush=True)
while True:
    for mix in mixes:
        write_mix(path, mix)
"""


@pytest.mark.skipif(os.name != "posix", reason="kill -9")
def test_killed_at_any_moment_the_file_is_the_old_or_the_new_one(tmp_path: Path) -> None:
    path, short, long = (tmp_path / name for name in ("mix.toml", "short.toml", "long.toml"))
    mixes = (plain_mix(("drums",)), Mix(tuple(Track(f"t{i}", "bass") for i in range(100))))
    for mix, name in zip(mixes, (short, long), strict=True):
        write_mix(name, mix)
    write_mix(path, mixes[0])
    for round_ in range(8):
        command = [sys.executable, "-c", WRITER, str(path), str(short), str(long)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            assert writer.stdout.readline() == b"ready\n"
            time.sleep(0.003 + 0.0037 * round_)
            writer.kill()
        assert read_mix(path, any_effect) in mixes
