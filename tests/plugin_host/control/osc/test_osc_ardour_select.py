"""Ardour's /select/…: the selected strip's words and feedback; and the time code that surfaces are shown."""

import math
from typing import Any

import pytest

from plugin_host.control.osc.dialects.ardour_words import smpte_text
from plugin_host.control.osc.packet import Argument, OscMessage
from plugin_host.control.osc.settings import OscSettings
from plugin_host.control.sync.timecode import TimecodeRate, seconds_of_label
from plugin_host.mix.commands import (
    MoveTrack,
    RemoveTrack,
    RenameTrack,
    ReplaceMix,
    SetChain,
    SetEffectBypass,
    SetGain,
    SetGroup,
    SetSend,
)
from plugin_host.mix.state import Effect, Mix, plain_mix
from plugin_host.mix.transport import Seek

Rack = Any  # the conftest's
Client = Any
BUTTONS, VALUES, IN_PATH, SMPTE, METERS, SIGNAL, SELECT = 1, 2, 4, 64, 128, 512, 8192
EQ = (
    Effect("highpass_filter", {"cutoff_frequency_hz": 80.0}, bypass=True),
    Effect("low_shelf_filter", {"gain_db": -6.0}),
    Effect("peak_filter", {"gain_db": 12.0, "q": 0.1}),
    Effect("compressor", {"threshold_db": -15.0}),
)


def _surface(rack: Rack, feedback: int = SELECT, gainmode: int = 0, *pages: int, types: int = 159) -> Client:
    """A surface that has been told how things stand."""
    client = rack.client()
    client.send("/set_surface", 0, types, feedback, gainmode, *pages)
    if feedback:
        client.first = client.rest()
    else:
        client.settle()
    return client


def _select(rack: Rack, name: str, on: bool = True) -> None:
    (binding,) = rack.table.resolve(f"/track/{name}/select")
    binding.write(on, "somebody")


def _said(told: list[OscMessage]) -> dict[tuple[Argument, ...], Argument]:
    """By address and number, the latest value."""
    return {(message.address, *message.arguments[:-1]): message.arguments[-1] for message in told}


def _name(client: Client) -> str:
    return str(client.ask("/select/name").arguments[0])


def test_the_selected_strips_words_set_it(rack: Rack) -> None:
    _select(rack, "drums")
    client = _surface(rack, 0)
    for address, *arguments in [
        ("/select/gain", -6.0), ("/select/mute", 1), ("/select/solo", 1.0), ("/select/polarity", 1),
        ("/select/pan_stereo_position", 0.25), ("/select/send_gain", 1, -3.0), ("/select/send_gain/2", -9.0),
        ("/select/group", "band"),
    ]:  # fmt: skip
        client.send(address, *arguments)
    client.settle()
    drums = rack.desk.mix.track("drums")
    assert (drums.gain_db, drums.mute, drums.solo, drums.invert, drums.pan) == (-6.0, True, True, True, -0.5)
    assert (drums.sends, drums.group) == ((-3.0, -9.0), "band")
    client.send("/select/fader", 0.5)
    client.send("/select/send_fader", 2, 0.0)
    client.send("/select/group", "none")
    client.settle()
    drums = rack.desk.mix.track("drums")
    assert drums.gain_db == pytest.approx(-10.47, abs=0.005)
    assert (drums.sends[1], drums.group) == (-math.inf, "")
    assert rack.server.complaints.refused == 0


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        (("/select/gain",), (-3.0,)),
        (("/select/fader",), (pytest.approx(0.6895, abs=5e-5),)),
        (("/select/mute",), (0,)),
        (("/select/pan_stereo_position",), (0.5,)),
        (("/select/name",), ("bass",)),
        (("/select/group",), ("band",)),
        (("/select/send_gain", 2), (2, -12.0)),
        (("/select/send_gain/1",), (1, -193.0)),
        (("/select/expand",), (0.0,)),
        (("/select/n_outputs",), (2.0,)),
        (("/select/comp_threshold",), (pytest.approx(42 / 60),)),
        (("/select/plugin/parameter", 1), (1, pytest.approx(42 / 60))),
        (("/select/plugin/activate",), (1,)),
        (("/select/trimdB",), (0.0,)),
        (("/select/recenable",), (0.0,)),
        (("/select/eq_gain", 3), (3, 0.0)),
    ],
)
def test_the_selected_strip_is_asked(rack: Rack, asked: tuple[Any, ...], answer: tuple[Any, ...]) -> None:
    rack.desk.do_all((SetGain("bass", -3.0), SetSend("bass", 1, -12.0), SetGroup("bass", "band")))
    _select(rack, "bass")
    client = _surface(rack, 0)
    reply = client.ask(*asked)
    assert reply.address == asked[0].removesuffix("/1")
    assert reply.arguments == answer


def test_a_selection_is_shown_whole(rack: Rack) -> None:
    rack.desk.do_all((SetGain("drums", -6.0), SetSend("drums", 0, -3.0), SetGroup("drums", "band")))
    client = _surface(rack, SELECT, 2)
    assert _said(client.first)["/select/name",] == "Master"
    _select(rack, "drums")
    told = client.rest()
    said = _said(told)
    assert said == said | {
        ("/select/name",): "drums", ("/select/gain",): -6.0, ("/select/fader",): pytest.approx(0.6070, abs=5e-5),
        ("/select/mute",): 0.0, ("/select/solo",): 0.0, ("/select/polarity",): 0.0, ("/select/group",): "band",
        ("/select/pan_stereo_position",): 0.5, ("/select/expand",): 0.0, ("/select/n_inputs",): 2.0,
        ("/select/send_gain", 1): -3.0, ("/select/send_gain", 2): -193.0, ("/select/send_fader", 2): 0.0,
        ("/select/send_name", 1): "reverb", ("/select/send_name", 2): "delay", ("/select/send_enable", 1): 1.0,
        ("/select/comp_enable",): 1.0, ("/select/comp_threshold",): pytest.approx(0.7),
        ("/select/plugin/name",): "compressor", ("/select/plugin/activate",): 1.0,
        ("/select/plugin/parameter/name", 1): "threshold_db", ("/select/plugin/parameter/name", 5): "wet",
        ("/select/plugin/parameter", 1): pytest.approx(0.7), ("/select/plugin/parameter", 5): 1.0,
    }  # fmt: skip
    numbers = [message.arguments[-1] for message in told if not isinstance(message.arguments[-1], str)]
    assert all(isinstance(number, float) for number in numbers)
    assert all(message.address.startswith("/select/") for message in told)


def test_what_the_strip_before_had_goes_to_rest(rack: Rack) -> None:
    rack.desk.do(SetChain("drums", EQ))
    _select(rack, "drums")
    client = _surface(rack)
    assert ("/select/eq_gain", 2) in _said(client.first)
    _select(rack, "bass")
    said = _said(client.rest())
    assert said == said | {
        ("/select/eq_gain", 2): 0.0, ("/select/eq_band_name", 2): " ", ("/select/eq_hpf/freq",): 0.0,
    }  # fmt: skip
    _select(rack, "bass", on=False)
    said = _said(client.rest())
    assert said == said | {
        ("/select/name",): "Master", ("/select/gain",): 0.0, ("/select/send_gain", 1): -193.0, ("/select/mute",): 0.0,
        ("/select/send_name", 2): " ", ("/select/plugin/name",): " ", ("/select/group",): "none",
        ("/select/pan_stereo_position",): 0.5, ("/select/plugin/parameter/name", 4): " ",
    }  # fmt: skip


def test_where_nothing_is_selected_it_is_the_master(rack: Rack) -> None:
    client = _surface(rack)
    client.send("/select/gain", -4.0)
    client.send("/select/mute", 1)
    client.settle()
    assert rack.desk.mix.master.gain_db == -4.0
    assert rack.server.complaints.refused == 0


def test_a_move_by_one_word_is_shown_by_the_others(rack: Rack) -> None:
    client = _surface(rack, BUTTONS + VALUES + SELECT, 2)
    client.send("/strip/select", 3, 1)
    assert OscMessage("/select/name", ("drums",)) in client.rest()
    client.send("/strip/gain", 3, -6.0)
    told = client.rest()
    assert {message.address for message in told} == {"/strip/fader", "/select/gain", "/select/fader"}
    client.send("/select/mute", 1)
    assert client.rest() == [OscMessage("/strip/mute", (3, 1))]
    client.send("/select/plugin/parameter", 1, 0.5)
    assert client.rest() == [OscMessage("/select/comp_threshold", (0.5,))]
    client.send("/strip/gain", 1, -6.0)
    assert {message.address for message in client.rest()} == {"/strip/fader"}


def test_the_strip_that_was_selected_before_is_told_of_it(rack: Rack) -> None:
    client = _surface(rack, BUTTONS)
    client.send("/strip/select", 3, 1)
    client.rest()
    client.send("/strip/select", 4, 1)
    assert client.rest() == [OscMessage("/strip/select", (3, 0))]


def test_who_takes_the_selection_back_is_shown_the_master(rack: Rack) -> None:
    client = _surface(rack)
    client.send("/strip/select", 3, 1)
    client.rest()
    client.send("/strip/select", 3, 0)
    assert client.until("/select/name").arguments == ("Master",)


def test_to_the_next_and_previous(rack: Rack) -> None:
    _select(rack, "synth 3")
    client = _surface(rack, 0, types=159 + 32)
    names = []
    for word in ("/select/next", "/select/next", "/select/next", "/select/previous", "/select/previous"):
        client.send(word)
        client.send(word, 0.0)  # the button is let go
        names.append(_name(client))
    assert names == ["a/b", "Master", "vocals", "Master", "a/b"]
    assert rack.table.host.panel.state.selected == "a/b"


def test_a_surface_may_hold_on_to_a_strip_of_its_own(rack: Rack) -> None:
    one, other = _surface(rack, SELECT + BUTTONS), _surface(rack)
    one.send("/strip/expand", 11, 1)
    said = _said(one.rest())
    assert said == said | {("/select/name",): "reverb", ("/select/expand",): 1.0, ("/select/plugin/name",): "reverb"}
    _select(rack, "drums")
    assert {message.address for message in one.rest()} == {"/strip/select"}
    assert OscMessage("/select/name", ("drums",)) in other.rest()
    one.send("/select/gain", -5.0)
    one.send("/select/next", 1.0)
    one.send("/select/gain", -7.0)
    one.settle()
    assert [aux.gain_db for aux in rack.desk.mix.auxes] == [-5.0, -7.0]
    one.send("/select/expand", 0)
    said = _said(one.rest())
    assert (said["/select/name",], said["/select/expand",]) == ("drums", 0.0)
    one.send("/select/expand", 1)
    one.send("/strip/select", 4, 1)
    assert OscMessage("/select/name", ("bass",)) in one.rest()


@pytest.mark.parametrize("feedback", [0, SELECT])
def test_what_it_holds_on_to_is_followed_by_a_new_name_and_to_a_new_place(rack: Rack, feedback: int) -> None:
    rack.desk.do(ReplaceMix(plain_mix(("vocals", "drums", "bass", "other"))))
    client = _surface(rack, feedback)
    client.send("/strip/expand", 2, 1)
    client.settle()
    for commands, name in (
        ((RenameTrack("drums", "kit"),), "kit"),
        ((MoveTrack("kit", 0),), "kit"),
        ((RenameTrack("kit", "my kit"), RenameTrack("bass", "low"), MoveTrack("my kit", 3)), "my kit"),
        ((MoveTrack("vocals", 2), MoveTrack("my kit", 0), RenameTrack("my kit", "drums")), "drums"),
    ):
        rack.desk.do_all(commands)
        told = _said(client.rest())
        if feedback and any(isinstance(command, RenameTrack) for command in commands):
            assert (told["/select/name",], told["/select/expand",]) == (name, 1.0)
        assert _name(client) == name
    client.send("/select/gain", -5.0)
    client.settle()
    assert rack.desk.mix.track("drums").gain_db == -5.0
    rack.desk.do(RemoveTrack("drums"))
    client.rest()
    assert _name(client) == "Master"
    rack.desk.do(RenameTrack("vocals", "drums"))
    client.rest()
    assert _name(client) == "Master"


def test_plugins_one_after_another(rack: Rack) -> None:
    rack.desk.do(SetChain("drums", EQ))
    _select(rack, "drums")
    client = _surface(rack)
    assert OscMessage("/select/plugin/name", ("highpass_filter",)) in client.first
    client.send("/select/plugin", 2.0)
    said = _said(client.rest())
    assert said == said | {
        ("/select/plugin/name",): "peak_filter", ("/select/plugin/parameter/name", 3): "q",
        ("/select/plugin/parameter", 2): 0.75, ("/select/plugin/parameter", 3): 0.0,
    }  # fmt: skip
    client.send("/select/plugin/parameter", 2, 0.5)
    client.send("/select/plugin/parameter/1/2", 0.25)
    client.send("/select/plugin/activate", 1.0)
    client.settle()
    chain = rack.desk.mix.track("drums").chain
    assert (chain[2].params["gain_db"], chain[0].wet, chain[0].bypass) == (0.0, 0.25, False)
    for delta, kind in ((99, "compressor"), (-99, "highpass_filter")):
        client.send("/select/plugin", delta)
        assert OscMessage("/select/plugin/name", (kind,)) in client.rest()
    rack.desk.do(SetEffectBypass("drums", 0, True), "somebody")
    assert _said(client.rest())["/select/plugin/activate",] == 0.0


def test_an_effect_within_another_is_a_plugin_too(rack: Rack) -> None:
    inner = Effect("gain", {"gain_db": 0.0})
    rack.desk.do(SetChain("drums", (Effect("parallel", branches=((inner,), ())),)))
    _select(rack, "drums")
    client = _surface(rack, 0)
    client.send("/select/plugin/parameter", 2, 1, 1.0)
    client.settle()
    assert rack.desk.mix.track("drums").chain[0].branches[0][0].params["gain_db"] == 24.0
    client.send("/select/plugin/parameter", 9, 1, 1.0)
    client.settle()
    assert rack.server.complaints.refused == 1


def test_a_chain_that_changes_is_shown_anew(rack: Rack) -> None:
    _select(rack, "drums")
    client = _surface(rack)
    rack.desk.do(SetChain("drums", EQ), "somebody")
    while client.until("/select/plugin/name").arguments != ("highpass_filter",):
        pass
    client.rest()
    rack.desk.do(SetChain("drums", ()), "somebody")
    while client.until("/select/plugin/name").arguments != (" ",):
        pass
    said = _said(client.rest())
    assert said["/select/plugin/parameter", 1] == 0.0
    client.send("/select/plugin", 1)
    client.settle()
    assert rack.server.complaints.refused == 0


def test_pages_of_parameters_and_sends(rack: Rack) -> None:
    _select(rack, "drums")
    client = _surface(rack, SELECT, 0, 1, 2)

    def names() -> list[Argument]:
        said = _said(client.rest())
        words = ("/select/plugin/parameter/name", 1), ("/select/plugin/parameter/name", 2), ("/select/send_name", 1)
        return [said[word] for word in words]

    said = _said(client.first)
    assert ("/select/plugin/parameter", 3) not in said
    assert ("/select/send_gain", 2) not in said
    client.send("/select/plug_page", 1.0)
    assert names() == ["attack_ms", "release_ms", "reverb"]
    client.send("/select/plugin/parameter", 2, 1.0)
    client.send("/select/plug_page", 1)
    assert names() == ["wet", " ", "reverb"]
    client.send("/select/plug_page", 1)
    assert client.rest() == []
    client.send("/select/plug_page", -1)
    client.send("/select/send_page", 1)
    assert names() == ["attack_ms", "release_ms", "delay"]
    client.send("/select/send_gain", 1, -20.0)
    client.settle()
    drums = rack.desk.mix.track("drums")
    assert (drums.chain[0].params["release_ms"], drums.sends[1]) == (5000.0, -20.0)


def test_filters_and_bands_of_a_channel_strip(rack: Rack) -> None:
    rack.desk.do(SetChain("drums", EQ))
    _select(rack, "drums")
    client = _surface(rack)
    said = _said(client.first)
    assert said == said | {
        ("/select/eq_hpf/enable",): 0.0, ("/select/eq_band_name", 1): "low_shelf_filter",
        ("/select/eq_gain", 1): 0.375, ("/select/eq_gain", 2): 0.75, ("/select/eq_q", 2): 0.0,
        ("/select/comp_threshold",): 0.75,
    }  # fmt: skip
    for address, *arguments in [
        ("/select/eq_hpf/enable", 1.0), ("/select/eq_hpf/freq", 0.0), ("/select/eq_gain", 1, 0.5),
        ("/select/eq_freq/2", 1.0), ("/select/comp_enable", 0.0),
    ]:  # fmt: skip
        client.send(address, *arguments)
    client.settle()
    chain = rack.desk.mix.track("drums").chain
    assert (chain[0].bypass, chain[0].params["cutoff_frequency_hz"], chain[3].bypass) == (False, 5.0, True)
    assert (chain[1].params["gain_db"], chain[2].params["cutoff_frequency_hz"]) == (0.0, 20_000.0)


def test_levels_of_the_selected_strip(rack: Rack) -> None:
    _select(rack, "drums")
    client = _surface(rack, SELECT + METERS + SIGNAL, 1)
    said = _said(client.first)
    assert (said["/select/meter",], said["/select/signal",]) == (0.0, 0.0)
    assert not [message for message in _surface(rack).first if message.address == "/select/meter"]
    assert ("/select/fader",) in said
    assert ("/select/gain",) not in said


def test_numbers_in_the_path(rack: Rack) -> None:
    _select(rack, "drums")
    client = _surface(rack, SELECT + IN_PATH)
    assert OscMessage("/select/send_gain/2", (-193.0,)) in client.first
    assert OscMessage("/select/plugin/parameter/name/1", ("threshold_db",)) in client.first
    client.send("/select/plugin/parameter/1", 0.5)
    client.settle()
    assert rack.desk.mix.track("drums").chain[0].params["threshold_db"] == -30.0
    client.send("/select/eq_q/7", 0.5)
    assert client.until("/select/eq_q/7").arguments == (0.0,)


def test_what_a_strip_lacks_goes_back_to_rest_and_is_not_argued_about(rack: Rack) -> None:
    client = _surface(rack)
    for word, value, rest in (("trimdB", 3.0, 0.0), ("pan_stereo_width", 0.5, 1.0), ("name", "Boss", "Master")):
        assert client.ask(f"/select/{word}", value) == OscMessage(f"/select/{word}", (rest,))
        client.send(f"/select/{word}", rest)
    assert client.rest() == []
    assert rack.server.complaints.refused == 0


def test_what_it_is_told_and_says_again_moves_nothing_else(rack: Rack) -> None:
    """What a slow surface says again of one strip must not be done to the next."""
    rack.desk.do_all((SetGain("drums", -6.0), SetGain("bass", -9.0)))
    _select(rack, "drums")
    client = rack.client()
    client.send("/set_surface", 0, 159, SELECT, 0)
    echo = client.until("/select/gain")
    _select(rack, "bass")
    client.send(echo.address, *echo.arguments)
    client.settle()
    assert rack.desk.mix.track("bass").gain_db == -9.0


@pytest.mark.parametrize("page", [False, True])
def test_what_it_says_again_of_a_track_or_page_is_not_done_to_the_next(rack: Rack, page: bool) -> None:
    rack.desk.do(SetGain("drums", -6.0))
    _select(rack, "drums")
    client = rack.client()
    client.send("/set_surface", 0, 159, SELECT, 0, 0, 1)
    echoes = [client.until("/select/gain"), client.until("/select/plugin/parameter")]
    if page:
        client.send("/select/plug_page", 1)
    else:
        _select(rack, "drums", on=False)
    before = rack.desk.mix
    for echo in echoes:
        client.send(echo.address, *echo.arguments)
    said = _said(client.settle() + client.rest())
    assert rack.desk.mix == before
    assert said["/select/gain",] == (-6.0 if page else 0.0)
    client.send("/select/gain", -7.0)
    client.settle()
    assert rack.desk.mix != before


def test_what_it_is_told_of_its_own_move_and_says_again_moves_nothing(rack: Rack) -> None:
    client = _surface(rack, VALUES + SELECT)
    client.send("/strip/select", 1, 1)
    client.rest()
    for db in (-6.0, -7.0):
        client.send("/select/gain", db)
        echo = client.until("/strip/gain")
        assert echo.arguments == (1, db)
        client.send("/strip/gain", 1, -6.0)  # late, the second time
        client.settle()
        assert rack.desk.mix.tracks[0].gain_db == db
    client.send("/select/gain", -6.0)  # what the hand itself says always counts
    client.settle()
    assert rack.desk.mix.tracks[0].gain_db == -6.0


@pytest.mark.parametrize(
    ("address", "values"),
    [
        ("/select/wings", (1,)), ("/select/gain", (1.0, 2.0)), ("/select/gain", ("loud",)),
        ("/select/mute", (math.nan,)),
        ("/select/send_gain", ()), ("/select/plugin", ()), ("/select/plugin", (math.nan,)),
        ("/select/plug_page", (1, 2)),
        ("/select/plugin/parameter", (0, 1, 1.0)), ("/select/plugin/parameter", (1, 1, 1, 1)),
        ("/select/plugin/parameter", (1, "much")), ("/select/", ()),
        ("/strip/expand", (1,)), ("/strip/expand", (99, 1)), ("/select/expand", (None,)),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_of_the_selected_strip(rack: Rack, address: str, values: tuple[Argument, ...]) -> None:
    _select(rack, "drums")
    before, client = rack.desk.mix, _surface(rack, 0)
    client.send(address, *values)
    client.settle()
    assert rack.desk.mix == before
    assert rack.server.complaints.refused == 1


@pytest.mark.parametrize("far", [1e30, -1e30, math.inf])
def test_a_step_beyond_all_bounds_is_one_to_the_end(rack: Rack, far: float) -> None:
    rack.desk.do(SetChain("drums", EQ))
    _select(rack, "drums")
    client = _surface(rack, SELECT)
    client.send("/select/plugin", far)
    assert client.ask("/select/send_gain", far).arguments[-1] == -193.0
    kind = "highpass_filter" if far < 0.0 else "compressor"
    assert _said([*client.first, *client.rest()])["/select/plugin/name",] == kind
    assert rack.server.complaints.refused == 0


def test_a_track_that_goes_is_selected_no_longer(rack: Rack) -> None:
    _select(rack, "drums")
    client = _surface(rack)
    mix = rack.desk.mix
    rack.desk.do(ReplaceMix(Mix(mix.tracks[:2], mix.master)), "somebody")
    while client.until("/select/name").arguments != ("Master",):
        pass
    client.send("/select/gain", -2.0)
    client.settle()
    assert rack.desk.mix.master.gain_db == -2.0


@pytest.mark.parametrize("rate", TimecodeRate)
@pytest.mark.parametrize("label", ["00:00:00:00", "00:00:59:23", "00:01:00:02", "01:10:00:00", "23:59:59:23"])
def test_a_labels_own_place_has_that_label(rate: TimecodeRate, label: str) -> None:
    seconds = seconds_of_label(label, rate)
    assert smpte_text(seconds, rate) == label
    assert smpte_text(seconds + 0.9 / float(rate.frames_a_second), rate) == label


def test_time_code_as_it_is_asked_for(rack: Rack) -> None:
    client = _surface(rack, SMPTE)
    rack.desk.do(Seek(90_000.0), "somebody")
    assert client.rest()[-1] == OscMessage("/position/smpte", ("00:00:01:21",))


def test_time_code_at_the_rate_and_from_the_start_that_were_given(rack: Rack) -> None:
    rack.start(OscSettings(port=0, timecode=TimecodeRate.FULL, timecode_start=3600.0))
    client = _surface(rack, SMPTE)
    rack.desk.do(Seek(90_000.0), "somebody")
    assert client.rest()[-1] == OscMessage("/position/smpte", ("01:00:01:26",))
