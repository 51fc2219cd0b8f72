"""Takes: recorded at the engine's times, kept as files anybody may have touched, replayed to the same mix."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plugin_host.desk import events as e
from plugin_host.desk.command_record import Place, command_values, from_values, read_command, to_values
from plugin_host.desk.take_files import free_name, read_take, take_names, take_path, write_take
from plugin_host.desk.takes import TakeRecorder
from plugin_host.effects.catalogue import check_effect
from plugin_host.errors import MixError, PresetError
from plugin_host.live.port import Applied
from plugin_host.mix import commands as c
from plugin_host.mix import transport as t
from plugin_host.mix.scenes import MasterScene, Scene, TrackScene
from plugin_host.mix.state import SILENCE_DB, Effect, Group, Mix, Track, plain_mix
from plugin_host.mix.take import Take, TakeEvent
from plugin_host.mix.toml_document import Document

Rig = Any  # the conftest's
RATE = 48_000
CHAIN = (
    Effect("compressor", {"threshold_db": -18.0, "ratio": 3}, bypass=True, wet=0.5),
    Effect("parallel", branches=((), (Effect("distortion", {"drive_db": 12.0}),))),
    Effect(
        "vst3", {"on": True, "mode": "soft", "wet": 0.25}, plugin_path="/a b.vst3", plugin_name="x", plugin_state="AA"
    ),
)
SCENE = Scene(
    "s", "why", {"*": TrackScene(SILENCE_DB, -1.0, True, False, None, CHAIN)}, {"voice": TrackScene()},
    MasterScene(0.0, True, -2.0, ()), ("voice",),
)  # fmt: skip
MIX = Mix((Track("a", "vocals", CHAIN, SILENCE_DB, group="g", sends=(-3.0, SILENCE_DB)),), groups=(Group("g", -1.0),))
COMMANDS: list[c.Command] = [
    c.SetGain("a", SILENCE_DB),
    c.SetPan("a", 0.1),
    c.SetMute("a", True),
    c.SetSolo("a", False),
    c.ClearSolo(),
    c.SetInvert("a", True),
    c.SetSend("a", 1, -3.0),
    c.SetGroup("a", "g"),
    c.SetGroupGain("g", math.inf),
    c.SetGroupMute("g", True),
    c.SetGroupSolo("g", True),
    c.RemoveGroup("g"),
    c.SetAuxGain(0, 1.5),
    c.SetAuxMute(1, True),
    c.SetChain("a", CHAIN),
    c.SetChain(c.Bus.AUX_2, ()),
    c.AddEffect(c.MASTER, CHAIN[1], 0),
    c.AddEffect("a", CHAIN[2]),
    c.RemoveEffect("master", (1, 1, 0)),
    c.MoveEffect("a", 0, 1),
    c.SetEffectParam("a", 0, "ratio", 3),
    c.SetEffectParam("a", (1, 1, 0), "drive_db", 0.1),
    c.SetEffectParam("a", 0, "mode", "soft"),
    c.SetEffectParam("a", 0, "on", True),
    c.SetEffectBypass(c.MASTER, 0, True),
    c.SetEffectWet("a", 0, 0.3),
    c.AddTrack(MIX.tracks[0], None),
    c.RemoveTrack("a"),
    c.RenameTrack("a", 'Ä "quoted"'),
    c.MoveTrack("a", 0),
    c.SetMasterGain(-1.0),
    c.SetLimiter(True),
    c.RecallScene(SCENE),
    c.ReplaceMix(MIX),
]
PLACE = Place(Document(Path("x"), {}), ("move",), check_effect)


def test_every_command_has_an_example() -> None:
    assert {type(command) for command in COMMANDS} == set(get_args(c.Command))


@pytest.mark.parametrize("command", COMMANDS, ids=repr)
def test_commands_survive_json(command: c.Command) -> None:
    text = json.dumps(command_values(command), allow_nan=False)
    again = read_command(*json.loads(text), PLACE)
    assert again == command
    assert repr(again) == repr(command)  # 3 is not 3.0, True is not 1


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["track", "slot", "effect", "x"]), inner)
    ),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from([command_values(command)[0] for command in COMMANDS]), JSON)
def test_no_value_is_more_than_refused(name: str, value: object) -> None:
    try:
        read_command(name, value, PLACE)
    except PresetError as error:
        complaint = str(error)
    else:
        complaint = ""
    assert "\n" not in complaint


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_take_file_that_was_touched_is_refused_in_one_line_or_read(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "x.take.jsonl"
    write_take(
        path, Take(plain_mix(("a",)), 5, (TakeEvent(7, c.SetGain("a", -1.0)), TakeEvent(9, c.ClearSolo()))), RATE
    )
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    path.write_bytes(content)
    try:
        read_take(path, RATE, check_effect)
    except PresetError as error:
        complaint = str(error)
    else:
        complaint = str(path)
    assert str(path) in complaint
    assert "\n" not in complaint


def test_a_take_comes_back_as_it_was(tmp_path: Path) -> None:
    mix = plain_mix(("a", "b"))
    take = Take(
        mix, 10, (TakeEvent(10, c.SetGain("a", -3.0)), TakeEvent(10, c.ReplaceMix(MIX)), TakeEvent(99, COMMANDS[1]))
    )
    path = take_path(tmp_path / "takes", "first")
    write_take(path, take, RATE)
    assert read_take(path, RATE, check_effect) == take
    assert take_names(path.parent) == ("first",)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ('[3, "set_gain", {"track": "a", "gain_db": 0}]', "line 3.*frame 3"),
        ('[9, "set_gian", {"track": "a", "gain_db": 0}]', "set_gain"),
        ('[9, "set_gain", {"track": "a"}]', "gain_db is missing"),
        ('[9, "set_gain", {"track": "b", "gain_db": 0}]', "line 3.*no track 'b'"),
        ('[9, "set_gain", {"track": "a", "gain_db": NaN}]', "NaN|nan"),
        ('[9, "set_chain", {"track": "a", "chain": [{"effect": "delay", "feedback": 9}]}]', "line 3.*feedback"),
        ('[9, "set_effect_param", {"track": "a", "slot": 0, "name": "x", "value": 1}]', "no effect at place 0"),
        ('[9, "set_chain", {"track": {"bus": "aux 9"}, "chain": []}]', "aux 9"),
        ("[" * 5000, "JSON"),
        ("9" * 5000, "JSON"),
        ("{}", "no move"),
    ],
)
def test_a_broken_move_is_named_with_its_line(tmp_path: Path, line: str, complaint: str) -> None:
    path = tmp_path / "x.take.jsonl"
    write_take(path, Take(plain_mix(("a",)), 5, (TakeEvent(7, c.SetGain("a", -1.0)),)), RATE)
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(PresetError, match=complaint):
        read_take(path, RATE, check_effect)


def test_heads_of_other_kinds(tmp_path: Path) -> None:
    path = tmp_path / "x.take.jsonl"
    with pytest.raises(PresetError, match="no such take"):
        read_take(path, RATE, check_effect)
    for head, complaint in (
        ("", "JSON"),
        ("[1]", "no take"),
        ('{"format": 2}', "format"),
        ('{"format": 1}', "None Hz"),
    ):
        path.write_text(head)
        with pytest.raises(PresetError, match=complaint):
            read_take(path, RATE, check_effect)
    write_take(path, Take(plain_mix(("a",)), 0), 44_100)
    with pytest.raises(PresetError, match="44100 Hz"):
        read_take(path, RATE, check_effect)


@pytest.mark.parametrize("name", ["", " ", "../x", "a/b", "a\\b", ".x", "x" * 101, "a\nb"])
def test_names_that_are_no_files(name: str) -> None:
    with pytest.raises(MixError, match="cannot name a take"):
        take_path(Path("takes"), name)


def test_free_names(tmp_path: Path) -> None:
    assert free_name(tmp_path / "none") == "take 1"
    for name in ("take 1", "take 3"):
        take_path(tmp_path, name).touch()
    assert free_name(tmp_path) == "take 2"


def test_recording_from_play_to_stop(plain_rig: Rig) -> None:
    plain_rig.desk.do(c.SetGain("drums", -6.0))
    assert plain_rig.desk.record() == "take 1"
    plain_rig.run(1.0)
    plain_rig.desk.do(t.Seek(48_000))
    plain_rig.desk.do(t.Play())
    plain_rig.run(1.0)
    plain_rig.desk.do(c.SetGain("vocals", -3.0))
    plain_rig.run(0.5)
    plain_rig.desk.do(c.SetMute("drums", True))
    plain_rig.desk.do(t.Stop())
    plain_rig.desk.do(c.SetGain("vocals", 0.0))
    plain_rig.run()
    (recorded,) = plain_rig.all_told(e.TakeRecorded)
    take = read_take(recorded.path, RATE, check_effect)
    assert recorded == e.TakeRecorded("take 1", recorded.path, 2)
    assert take.start == 48_000
    assert take.mix.track("drums").gain_db == -6.0
    moves = (TakeEvent(96_000, c.SetGain("vocals", -3.0)), TakeEvent(120_000, c.SetMute("drums", True)))
    assert take.events == moves
    assert plain_rig.desk.recording == ""


def test_recording_while_it_plays_ends_at_the_loops_end(plain_rig: Rig) -> None:
    plain_rig.desk.do(t.SetLoop(0, 48_000))
    plain_rig.desk.do(t.Play())
    plain_rig.run(0.5)
    plain_rig.desk.do(c.SetGain("drums", -9.0))  # the engine has done it, the desk does not know yet
    plain_rig.desk.record("mine")
    plain_rig.run(0.2)
    plain_rig.desk.do(c.SetGain("vocals", -3.0))
    plain_rig.run(0.5)
    plain_rig.desk.do(c.SetGain("vocals", -4.0))
    plain_rig.run()
    (recorded,) = plain_rig.all_told(e.TakeRecorded)
    take = read_take(recorded.path, RATE, check_effect)
    assert (take.start, take.events[-1]) == (24_000, TakeEvent(33_600, c.SetGain("vocals", -3.0)))
    with pytest.raises(MixError, match="another name"):
        plain_rig.desk.record("mine")


@pytest.mark.parametrize("first", [None, 0.1, 0.9])
@pytest.mark.parametrize("later", [1.04, 1.5, 1.96, 2.96])
def test_a_move_of_the_next_round_is_none_of_the_first(plain_rig: Rig, first: float | None, later: float) -> None:
    """Although it lies behind all moves of the first, or is the only one."""
    plain_rig.desk.do(t.SetLoop(0, 48_000))
    plain_rig.desk.record("round")
    plain_rig.desk.do(t.Play())
    if first is not None:
        plain_rig.run(first)
        plain_rig.desk.do(c.SetGain("drums", -9.0))
    plain_rig.run(later - (first or 0.0))
    plain_rig.desk.do(c.SetGain("drums", -20.0))
    plain_rig.run()
    (recorded,) = plain_rig.all_told(e.TakeRecorded)
    kept = [] if first is None else [TakeEvent(round(first * 48_000), c.SetGain("drums", -9.0))]
    assert list(read_take(recorded.path, RATE, check_effect).events) == kept


def test_a_move_made_just_before_the_loops_end_and_told_of_after_it_is_kept() -> None:
    recorder = TakeRecorder("late", plain_mix(("a",)), 0, 1_000)
    for place in ((1_500, 500), (2_000, 1_000), (2_500, 500)):  # round at 2_000, that is at engine frame 2_000
        recorder.passed(*place)
    command = c.SetGain("a", -1.0)
    assert recorder.note(Applied((1,), 1_400, 400), command)
    assert recorder.note(Applied((2,), 1_990, 990), command)
    assert not recorder.note(Applied((3,), 2_400, 400), command)
    assert [event.frame for event in recorder.take().events] == [400, 990]


def test_a_take_under_way_is_kept_at_the_end(plain_rig: Rig) -> None:
    plain_rig.desk.record("last")
    with pytest.raises(MixError, match="being recorded"):
        plain_rig.desk.record("other")
    plain_rig.desk.do(t.Play())
    plain_rig.run(0.1)
    plain_rig.desk.do(c.SetPan("vocals", 1.0))
    plain_rig.desk.close()
    plain_rig.run()
    assert [event.moves for event in plain_rig.all_told(e.TakeRecorded)] == [1]


@pytest.mark.parametrize("name", ["mine", "long " * 19])
def test_two_desks_over_one_session_keep_both_their_takes(rig_of: Callable[[Mix], Rig], name: str) -> None:
    rigs = [rig_of(plain_mix(("vocals", "drums"))) for _ in range(3)]
    for gain_db, rig in enumerate(rigs):
        rig.desk.record(name)
        rig.desk.do(t.Play())
        rig.run(0.1)
        rig.desk.do(c.SetGain("vocals", float(gain_db)))
        rig.run(0.1)
    for rig in rigs:
        rig.desk.close()
        rig.run()
    kept = [rig.all_told(e.TakeRecorded)[0] for rig in rigs]
    moves = [read_take(recorded.path, RATE, check_effect).events[0].command for recorded in kept]
    assert moves == [c.SetGain("vocals", float(gain_db)) for gain_db in range(3)]
    assert [recorded.path for recorded in kept] == [take_path(kept[0].path.parent, each.name) for each in kept]
    assert [recorded.name for recorded in kept] == [name.strip(), f"{name.strip()} 2", f"{name.strip()} 3"]
    assert [len(rig.all_told(e.DeskWarning)) for rig in rigs] == [0, 1, 1]


def test_a_folder_that_cannot_be_written_is_told_before_anything_is_played(plain_rig: Rig, tmp_path: Path) -> None:
    (tmp_path / "takes").write_text("in the way")
    with pytest.raises(MixError, match="takes: takes cannot be kept there"):
        plain_rig.desk.record("x")
    assert plain_rig.desk.recording == ""


def test_a_take_that_cannot_be_written_any_more_is_told(plain_rig: Rig, tmp_path: Path) -> None:
    plain_rig.desk.record("x")
    plain_rig.desk.do(t.Play())
    plain_rig.run(0.1)
    (tmp_path / "takes").write_text("in the way")
    plain_rig.desk.end_recording()
    plain_rig.run()
    (told,) = plain_rig.all_told(e.DeskWarning)
    assert "'x' is lost" in told.text


MOVES = st.lists(
    st.tuples(st.integers(1, 20), st.sampled_from(["vocals", "drums"]), st.floats(-40, 6)), min_size=1, max_size=15
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(MOVES)
def test_a_replayed_take_leads_where_it_led(rig_of: Callable[[Mix], Rig], moves: list[tuple[int, str, float]]) -> None:
    rig = rig_of(plain_mix(("vocals", "drums")))
    name = rig.desk.record()
    rig.desk.do(t.Play())
    for ticks, track, gain in moves:
        rig.run(ticks * 0.02)
        rig.desk.do(c.SetGain(track, gain))
    rig.desk.do(t.Stop())
    rig.run()
    ended = rig.desk.mix
    rig.desk.do(c.SetGain("vocals", 12.0))
    rig.desk.replay(name)
    assert rig.desk.mix == plain_mix(("vocals", "drums"))
    rig.run(20 * 0.02 * len(moves) + 0.1)
    assert rig.desk.mix == rig.engine.mix == ended
    assert not rig.desk.replaying
    assert rig.all_told(e.ReplayEnded)
    (rig.all_told(e.TakeRecorded)[0].path).unlink()


def test_stopping_ends_a_replay(plain_rig: Rig) -> None:
    moves = tuple(TakeEvent(frame * 4800, c.SetGain("vocals", -float(frame))) for frame in range(50))
    plain_rig.desk.replay_take(Take(plain_rig.desk.mix, 0, moves))
    plain_rig.run(1.0)
    assert plain_rig.desk.replaying
    plain_rig.desk.do(t.Stop())
    plain_rig.run(1.0)
    assert plain_rig.desk.mix == plain_rig.engine.mix
    assert plain_rig.desk.mix.track("vocals").gain_db == -9.0
    assert not plain_rig.desk.replaying


def test_a_replay_in_a_loop_is_shown_every_time(plain_rig: Rig) -> None:
    moves = [(12_000, -6.0), (36_000, -1.0), (60_000, -60.0)]
    plain_rig.desk.do(t.SetLoop(0, 48_000))
    plain_rig.desk.replay_take(
        Take(plain_rig.desk.mix, 0, tuple(TakeEvent(frame, c.SetGain("drums", gain_db)) for frame, gain_db in moves))
    )
    for _ in range(3):
        plain_rig.run(0.5)
        assert plain_rig.desk.mix.track("drums").gain_db == plain_rig.engine.mix.track("drums").gain_db == -6.0
        plain_rig.run(0.5)
        assert plain_rig.desk.mix.track("drums").gain_db == plain_rig.engine.mix.track("drums").gain_db == -1.0
    assert plain_rig.desk.replaying


def test_mixes_are_checked_like_files() -> None:
    values = to_values(plain_mix(tuple(f"t{number}" for number in range(129))))
    with pytest.raises(PresetError, match="at most 128"):
        from_values(Mix, values, PLACE)
    with pytest.raises(PresetError, match="unknown key"):
        from_values(Mix, {"tracks": [], "trakcs": []}, PLACE)
    with pytest.raises(PresetError, match="gain is"):
        from_values(Track, {"name": "a", "stem": "a", "gain_db": "inf"}, PLACE)
