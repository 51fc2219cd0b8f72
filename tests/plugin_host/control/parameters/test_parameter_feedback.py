"""What surfaces are told when something changes."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plugin_host.control.parameters.feedback import Change
from plugin_host.desk.events import EventsLost, MixChanged, TransportChanged
from plugin_host.errors import HostError
from plugin_host.live.port import SetReference
from plugin_host.mix import commands as c
from plugin_host.mix import transport as t
from plugin_host.mix.state import SILENCE_DB, Effect, Mix, Track, plain_mix

Surface = Any  # the conftest's


def test_a_change_is_told_in_every_form_with_who_made_it(surface: Surface) -> None:
    surface.write("/track/1/fader", 0.3, "tablet")
    assert surface.changes() == [
        Change("/track/lead%20vocals/gain", -28.0, "tablet"),
        Change("/track/lead%20vocals/fader", 0.3, "tablet"),
        Change("/track/lead%20vocals/gain/str", "-28.0 dB", "tablet"),
    ]
    assert surface.changes() == []


def test_many_changes_come_as_the_last_one(surface: Surface) -> None:
    for number in range(1000):
        surface.write("/track/drums/fader", number / 1000, f"surface {number % 2}")
    assert [change for change in surface.changes() if change.address.endswith("fader")] == [
        Change("/track/drums/fader", 0.999, "surface 1")
    ]


def test_who_changes_much_at_once_is_not_taken_for_him_who_changed_a_little(surface: Surface) -> None:
    surface.write("/track/bass/solo", True, "tablet")
    surface.write("/track/drums/mute", True, "console")
    surface.write("/solo/clear", None, "tablet")
    surface.write("/track/drums/invert", True, "console")
    who = {change.address: change.origin for change in surface.changes()}
    assert who["/track/bass/solo"] == "tablet"
    assert who["/track/drums/mute"] in ("console", "")
    assert who["/track/drums/invert"] == "console"


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves=st.data())
def test_who_follows_the_feedback_knows_everything(
    surface_of: Callable[[Mix], Surface], mix: Mix, moves: st.DataObject
) -> None:
    """Any surface that starts from a refresh and takes in what it is told has what another refresh would say."""
    surface = surface_of(mix)
    known = dict(surface.table.refresh())
    for command, asks in moves.draw(st.lists(st.tuples(st.sampled_from(_MOVES), st.booleans()), max_size=12)):
        with suppress(HostError):
            surface.desk.do(command)
        if asks:
            known |= surface.told()
    known |= surface.told()
    now = dict(surface.table.refresh())
    assert {address: known.get(address) for address in now} == now


_MOVES: list[Any] = [
    c.SetGain("drums", -3.0),
    c.SetGain("drums", 4.5),
    c.SetPan("bass", 0.25),
    c.SetMute("drums", True),
    c.SetSolo("bass", True),
    c.SetGroupSolo("band", True),
    c.ClearSolo(),
    c.SetInvert("drums", True),
    c.SetSend("drums", 1, -9.0),
    c.SetGroup("drums", "band"),
    c.SetGroup("bass", "rhythm"),
    c.SetGroupGain("band", -2.0),
    c.SetGroupMute("band", True),
    c.RemoveGroup("band"),
    c.SetAuxGain(1, SILENCE_DB),
    c.SetAuxMute(0, True),
    c.SetChain(c.Bus.AUX_1, (Effect("chorus"),)),
    c.AddEffect("drums", Effect("delay")),
    c.SetEffectParam("drums", 0, "feedback", 0.7),
    c.SetEffectParam("lead vocals", (1, 1, 0), "mix", 0.7),
    c.SetEffectParam(c.Bus.AUX_2, 0, "mix", 0.7),
    c.SetEffectWet("drums", 0, 0.2),
    c.SetEffectBypass(c.Bus.AUX_2, 0, True),
    c.AddEffect(c.MASTER, Effect("gain")),
    c.SetEffectParam(c.MASTER, 0, "gain_db", 2.0),
    c.RemoveEffect("lead vocals", 0),
    c.MoveEffect("lead vocals", 0, 1),
    c.AddTrack(Track("extra", "vocals")),
    c.RemoveTrack("drums"),
    c.RenameTrack("bass", "low"),
    c.MoveTrack("bass", 0),
    c.SetMasterGain(-1.0),
    c.SetLimiter(False),
    c.SetLimiter(True, -6.0),
    c.ReplaceMix(plain_mix(("drums", "bass", "new"))),
    t.Play(),
    t.Pause(),
    t.Stop(),
    t.Seek(480_000),
    t.SetLoop(48_000, 96_000),
    t.ClearLoop(),
    t.SetSpeed(0.75),
    t.SetTranspose(2.0, True),
    t.SetTempo(98.0, 3),
    t.AddMarker("here", 100),
    t.RemoveMarker("here"),
    SetReference(True),
    SetReference(False),
]


def test_after_each_command_what_was_told_is_all_that_changed(surface: Surface) -> None:
    known = dict(surface.table.refresh())
    for command in _MOVES:
        with suppress(HostError):
            surface.desk.do(command)
        known |= surface.told()
        now = dict(surface.table.refresh())
        assert {address: known.get(address) for address in now} == now, command


def test_after_something_large_only_what_differs_is_told(surface: Surface) -> None:
    surface.write("/track/drums/solo", True)
    surface.changes()
    surface.desk.do(c.ClearSolo(), "tablet")
    assert surface.changes() == [Change("/track/drums/solo", False, "tablet")]


def test_a_moved_bank_and_another_selection_tell_what_stands_there_now(surface: Surface) -> None:
    surface.write("/track/synth 5/pan", 0.5)
    surface.changes()
    surface.write("/bank/next")
    told = surface.told()
    assert told["/bank/offset"] == 8
    assert (told["/bank/track/1/name"], told["/bank/track/1/pan"]) == ("synth 5", 0.5)
    assert [told[f"/bank/track/{number}/name"] for number in (4, 8)] == ["", ""]
    surface.write("/track/bass/select", True)
    told = surface.told()
    assert (told["/track/bass/select"], told["/selected/name"]) == (True, "bass")
    surface.write("/track/drums/select", True)
    told = surface.told()
    assert (told["/track/bass/select"], told["/track/drums/select"], told["/selected/name"]) == (False, True, "drums")


def test_a_listener_that_lost_events_is_told_everything(surface: Surface) -> None:
    for number in range(5000):
        surface.desk.do(c.SetPan("drums", number / 5000))
    assert dict(surface.table.refresh()).keys() <= surface.told().keys()


def test_what_an_event_causes(surface: Surface) -> None:
    table, desk = surface.table, surface.desk
    desk.do(c.SetMute("drums", True))
    assert table.values(MixChanged(c.SetMute("drums", True), desk.mix)) == [("/track/drums/mute", True)]
    playing = t.Transport(playing=True)
    told = dict(table.values(TransportChanged(t.Play(), playing)))
    assert (told["/transport/play"], told["/transport/stop"]) == (True, False)
    assert dict(table.values(EventsLost(3))) == dict(table.refresh())


def test_takes_and_the_original_are_told(surface: Surface) -> None:
    surface.write("/ab", 1.0)
    surface.write("/take/record", "first")
    surface.write("/transport/play")
    surface.desk.tick()
    told = surface.told()
    assert (told["/ab"], told["/take/record"], told["/take/name"]) == (True, True, "first")
    surface.write("/take/stop")
    surface.desk.tick()
    told = surface.told()
    assert (told["/take/record"], told["/take/list"]) == (False, "first")


def test_meters_are_all_that_changes_all_the_time(surface: Surface) -> None:
    meters = dict(surface.table.meters())
    assert meters["/master/meter/peak"] == meters["/track/drums/meter/rms"] == -120.0
    assert {"/engine/load", "/transport/position", "/transport/position/str"} <= meters.keys()
    assert not meters.keys() & dict(surface.table.refresh()).keys()


def test_a_closed_listener_hears_no_more(surface: Surface) -> None:
    with surface.feedback:
        pass
    surface.write("/track/drums/mute", True)
    surface.write("/track/drums/select", True)
    assert surface.changes() == []
