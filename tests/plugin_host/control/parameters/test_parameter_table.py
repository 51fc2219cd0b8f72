"""Addresses: what they mean, reading and writing them."""

import math
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plugin_host.control.parameters.declaration import Value
from plugin_host.control.parameters.feedback import Feedback
from plugin_host.desk.events import SceneRecalled
from plugin_host.errors import ControlError, EffectError, HostError, MixError
from plugin_host.live.port import SetReference
from plugin_host.mix import commands as c
from plugin_host.mix import transport as t
from plugin_host.mix.state import SILENCE_DB, Effect, Mix, Track, plain_mix

Surface = Any  # the conftest's
VOCALS = "/track/lead%20vocals"
ANY_TIME = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def addresses(surface: Surface, pattern: str) -> list[str]:
    return [binding.address for binding in surface.table.resolve(pattern)]


@pytest.mark.parametrize("spelling", ["/track/1/gain", "/track/lead vocals/gain", "/bank/track/1/gain"])
def test_a_track_is_named_or_numbered_or_in_the_bank(surface: Surface, spelling: str) -> None:
    assert addresses(surface, spelling) == [f"{VOCALS}/gain"]


def test_a_name_with_letters_that_osc_forbids_is_encoded(surface: Surface) -> None:
    assert addresses(surface, "/track/4/mute") == ["/track/a%2Fb/mute"]
    surface.write("/track/a%2Fb/mute", 1)
    assert surface.desk.mix.track("a/b").mute


def test_a_name_goes_before_a_number(surface_of: Callable[[Mix], Surface]) -> None:
    surface = surface_of(plain_mix(("drums", "1")))
    assert addresses(surface, "/track/1/gain") == ["/track/1/gain"]
    assert surface.at("/track/1/gain").keys.owner == "1"


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("/track/{drums,bass}/mute", ["/track/drums/mute", "/track/bass/mute"]),
        ("/track/[2-3]/pan", ["/track/drums/pan", "/track/bass/pan"]),
        ("/track/b*/mute", ["/track/bass/mute"]),
        ("/master/f?der", ["/master/fader"]),
        ("/aux/*/mute", ["/aux/1/mute", "/aux/2/mute"]),
        ("/track/1/send/*/fader", [f"{VOCALS}/send/1/fader", f"{VOCALS}/send/2/fader"]),
        ("/track/1/fx/*/kind", [f"{VOCALS}/fx/{n}/kind" for n in ("1", "2", "2.2.1", "2.2.2")]),
        ("//cutoff_hz", [f"{VOCALS}/fx/2.2.2/cutoff_hz"]),
        ("/bank/track/[2-3]/solo", ["/track/drums/solo", "/track/bass/solo"]),
        ("/nothing", []),
        ("/track/12/gain", []),
        ("/track/drums/fx/1/kind", []),
        ("/track/1/fx/1/nothing", []),
    ],
)
def test_patterns_mean_everything_that_fits_once(surface: Surface, pattern: str, expected: list[str]) -> None:
    assert addresses(surface, pattern) == expected


def test_every_address_means_itself_and_all_of_them_are_everything(surface: Surface) -> None:
    everything = surface.table.all_addresses()
    assert len(set(everything)) == len(everything)
    assert all(addresses(surface, address) == [address] for address in everything)
    assert set(everything) <= set(addresses(surface, "//*"))


def test_every_readable_address_has_a_value_in_its_range(surface: Surface) -> None:
    for binding in surface.table.bindings():
        parameter = binding.parameter
        if not parameter.readable:
            with pytest.raises(ControlError):
                binding.read()
            continue
        value = binding.read()
        if parameter.kind == "float" and parameter.minimum is not None and parameter.maximum is not None:
            assert parameter.minimum <= float(value) <= parameter.maximum, binding.address
        assert isinstance(
            value, {"float": int | float, "int": int, "bool": bool, "trigger": bool}.get(parameter.kind, str)
        )


def test_every_value_can_be_written_back_and_nothing_changes(surface: Surface) -> None:
    surface.write("/transport/tempo", 120.0)
    surface.write("/transport/loop/on", True)
    before = surface.table.refresh()
    for binding in surface.table.bindings():
        if binding.parameter.access == "rw" and binding.parameter.kind not in ("text", "trigger"):
            binding.write(binding.read())
    surface.table.host.echoes.forget()
    assert surface.table.refresh() == before


def test_a_share_that_comes_back_in_single_precision_changes_nothing(surface: Surface) -> None:
    surface.write("/track/drums/gain", -7.3)
    surface.write("/track/drums/fader", float(np.float32(surface.read("/track/drums/fader"))))
    assert surface.desk.mix.track("drums").gain_db == -7.3


@ANY_TIME
@given(data=st.data())
def test_what_is_written_in_a_form_is_what_is_read_in_it(surface: Surface, data: st.DataObject) -> None:
    usable = [
        binding
        for binding in surface.table.bindings()
        if binding.parameter.access == "rw"
        and binding.parameter.kind in ("float", "int")
        and "/bar" not in binding.address
    ]
    binding = data.draw(st.sampled_from(usable))
    parameter = binding.parameter
    low = max(parameter.minimum or 0.0, -200.0)
    value = data.draw(st.floats(low, parameter.maximum, width=32 if low == 0.0 and parameter.maximum == 1.0 else 64))
    held = binding.write(value)
    assert binding.read() == held
    if "tempo" not in binding.address:
        assert held == (round(value) if parameter.kind == "int" else value)


def test_the_other_forms_follow(surface: Surface) -> None:
    surface.write(f"{VOCALS}/fader", 0.75)
    assert surface.read(f"{VOCALS}/gain") == 0.0
    surface.write(f"{VOCALS}/gain/str", "-12 dB")
    assert surface.read(f"{VOCALS}/fader") == 0.5
    surface.write(f"{VOCALS}/fader", 0.0)
    assert surface.desk.mix.track("lead vocals").gain_db == SILENCE_DB
    assert surface.read(f"{VOCALS}/gain/str") == "-inf dB"


def test_a_value_that_someone_else_set_is_not_taken_for_what_was_written(surface: Surface) -> None:
    surface.write("/track/drums/fader", 1 / 3)
    surface.desk.do(c.SetGain("drums", -6.0))
    assert surface.read("/track/drums/fader") == 0.625


@ANY_TIME
@given(value=st.one_of(st.floats(), st.integers(), st.booleans(), st.text(max_size=10), st.none()))
def test_whatever_is_written_anywhere_leaves_a_mix_that_can_be_played(surface: Surface, value: Value | None) -> None:
    for binding in surface.table.bindings():
        if binding.address.startswith(("/capture", "/take", "/scene")):
            continue
        with suppress(HostError):
            binding.write(value)
    gains = [track.gain_db for track in surface.desk.mix.tracks]
    assert all(gain <= 12.0 and not math.isnan(gain) for gain in gains)


def test_an_effect_is_turned_in_its_own_unit_or_as_a_share(surface: Surface) -> None:
    surface.write(f"{VOCALS}/fx/2.2.2/cutoff_hz/norm", 0.5)
    assert surface.read(f"{VOCALS}/fx/2.2.2/cutoff_hz") == pytest.approx(math.sqrt(20.0 * 20_000.0))
    surface.write(f"{VOCALS}/fx/2.2.2/mode/norm", 1.0)
    effect = surface.desk.mix.track("lead vocals").chain[1].branches[1][1]
    assert effect.params["mode"] == surface.at(f"{VOCALS}/fx/2.2.2/mode").parameter.choices[-1]
    surface.write("/aux/2/fx/1/bypass", 1.0)
    assert surface.desk.mix.auxes[1].chain[0].bypass
    surface.desk.do(c.AddEffect(c.MASTER, Effect("gain")))
    surface.write("/master/fx/1/gain_db", "-200")
    assert surface.desk.mix.master.chain[0].params == {"gain_db": -80.0}


def test_a_files_path_cannot_be_chosen_from_outside(surface: Surface) -> None:
    surface.desk.do(c.AddEffect("drums", Effect("convolution", {"impulse_response_filename": "room.wav"})))
    with pytest.raises(ControlError, match="only be read"):
        surface.write("/track/drums/fx/1/impulse_response_filename", "/etc/passwd")
    assert "/track/drums/fx/1/impulse_response_filename/norm" not in surface.table.all_addresses()


def test_a_plugin_shows_what_its_slot_names_without_a_range(surface: Surface) -> None:
    plugin = Effect("vst3", {"size": 3.0, "wet": 0.1}, plugin_path="room.vst3")
    surface.desk.do(c.AddEffect("drums", plugin))
    names = [address.removeprefix("/track/drums/fx/1/") for address in addresses(surface, "/track/drums/fx/1/*")]
    assert names == ["kind", "bypass", "wet", "size"]
    assert surface.read("/track/drums/fx/1/wet") == 1.0
    surface.write("/track/drums/fx/1/size", 4)
    assert surface.desk.mix.track("drums").chain[0].params["size"] == 4.0
    with pytest.raises(ControlError, match="no range"):
        surface.write("/track/drums/fx/1/size/norm", 0.5)


def test_addresses_follow_the_mix(surface: Surface) -> None:
    kept = surface.at("/track/drums/gain")
    assert surface.at("/track/2/gain").keys.owner == "drums"
    surface.desk.do(c.RenameTrack("drums", "kit"))
    assert addresses(surface, "/track/drums/gain") == []
    assert addresses(surface, "/track/2/gain") == ["/track/kit/gain"]
    with pytest.raises(MixError, match="no track 'drums'"):
        kept.write(0.0)
    surface.desk.do(c.MoveTrack("kit", 0))
    assert surface.at("/track/2/gain").keys.owner == "lead vocals"
    surface.desk.do(c.SetChain("lead vocals", (Effect("delay"),)))
    assert addresses(surface, f"{VOCALS}/fx/1/threshold_db") == []


def test_a_bank_moves_by_eight_and_stays_where_tracks_are(surface: Surface) -> None:
    surface.write("/bank/next")
    assert addresses(surface, "/bank/track/*/gain") == [f"/track/synth%20{n}/gain" for n in (5, 6, 7)]
    surface.write("/bank/next")
    assert surface.read("/bank/offset") == 8
    surface.write("/bank/next", 0.0)
    surface.write("/bank/prev", 1.0)
    surface.write("/bank/prev", 1.0)
    assert surface.read("/bank/offset") == 0
    surface.write("/bank/offset", 99)
    assert surface.read("/bank/offset") == 10


def test_one_track_is_selected(surface: Surface) -> None:
    assert addresses(surface, "/selected/gain") == []
    surface.write("/track/drums/select", 1)
    surface.write("/track/bass/select", 1)
    assert (surface.read("/track/drums/select"), surface.read("/track/bass/select")) == (False, True)
    assert addresses(surface, "/selected/gain") == ["/track/bass/gain"]
    surface.write("/track/drums/select", 0)
    assert surface.read("/track/bass/select")
    surface.write("/track/bass/select", 0)
    assert addresses(surface, "/selected/gain") == []


def test_the_aliases_of_a_track(surface: Surface) -> None:
    surface.write("/track/bass/select", True)
    assert surface.table.aliases("/track/bass/gain/str") == (
        "/track/3/gain/str",
        "/bank/track/3/gain/str",
        "/selected/gain/str",
    )
    assert surface.table.aliases("/track/synth%207/pan") == ("/track/11/pan",)
    assert surface.table.aliases("/master/gain") == surface.table.aliases("/track/list") == ()


def test_no_track_is_told_of_under_a_number_that_is_anothers_name(surface_of: Callable[[Mix], Surface]) -> None:
    surface = surface_of(Mix(tuple(Track(name, "vocals") for name in ("2", "1", "bass"))))
    for name, others in (("2", ("/bank/track/1/gain",)), ("bass", ("/track/3/gain", "/bank/track/3/gain"))):
        assert surface.table.aliases(f"/track/{name}/gain") == others


def test_the_transport(surface: Surface) -> None:
    surface.write("/transport/play")
    surface.write("/transport/play", 0.0)
    assert surface.read("/transport/play")
    surface.write("/transport/seek", "1:23.5")
    assert surface.read("/transport/position") == 83.5
    assert surface.read("/transport/position/str") == "1:23.500"
    surface.write("/transport/loop/end", 59.9996)
    assert surface.read("/transport/loop/end/str") == "1:00.000"
    surface.write("/transport/toggle", 1)
    assert surface.read("/transport/stop")
    surface.write("/transport/seek/norm", 0.25)
    assert surface.read("/transport/position/norm") == 0.25
    with pytest.raises(MixError, match="tempo"):
        surface.write("/transport/bar", 3)
    surface.write("/transport/tempo", 120)
    surface.write("/transport/bar", 3)
    assert (surface.read("/transport/position"), surface.read("/transport/bar")) == (4.0, 3.0)
    surface.write("/transport/tempo", 0)
    assert surface.desk.transport.tempo is None


def test_a_loop_is_set_from_either_end_and_remembered(surface: Surface) -> None:
    surface.write("/transport/loop/end", 20.0)
    surface.write("/transport/loop/begin", 10.0)
    surface.write("/transport/loop/on", 0)
    assert surface.desk.transport.loop is None
    assert (surface.read("/transport/loop/begin"), surface.read("/transport/loop/end")) == (10.0, 20.0)
    surface.write("/transport/loop/on", 1)
    surface.write("/transport/loop/begin", 50.0)
    assert surface.read("/transport/loop/end") == 60.0
    surface.write("/transport/loop/end", 5.0)
    assert surface.desk.transport.loop == (0, 5 * 48_000)


def test_markers(surface: Surface) -> None:
    for seconds, name in ((10.0, "verse"), (20.0, None), (30.0, "end")):
        surface.write("/transport/seek", seconds)
        surface.write("/transport/marker/add", name)
    assert surface.read("/transport/marker/list") == "verse | marker 1 | end"
    surface.write("/transport/marker/previous")
    assert surface.read("/transport/position") == 20.0
    surface.write("/transport/marker/goto", "verse")
    surface.write("/transport/marker/next", 1.0)
    assert surface.read("/transport/position") == 20.0
    surface.write("/transport/marker/goto", 3)
    assert surface.read("/transport/position") == 30.0
    surface.write("/transport/marker/remove", "verse")
    with pytest.raises(ControlError, match="no marker 'verse'"):
        surface.write("/transport/marker/goto", "verse")


def test_scenes_are_recalled_at_once_or_over_seconds(surface: Surface) -> None:
    surface.write("/scene/karaoke", 0.0)
    assert not any(track.mute for track in surface.desk.mix.tracks)
    surface.write("/scene/karaoke", True)
    assert all(track.mute for track in surface.desk.mix.tracks)
    told = surface.desk.subscribe()
    for seconds in (5.0, "4", "3 s", "0:02", "now", "on"):
        surface.write("/scene/everyone", seconds)
    recalled = [event.seconds for event in told.drain() if isinstance(event, SceneRecalled)]
    assert recalled == [5.0, 4.0, 3.0, 2.0, 0.0, 0.0]
    with pytest.raises(ControlError, match="4 cats"):
        surface.write("/scene/everyone", "4 cats")
    assert "karaoke" in str(surface.read("/scene/list"))
    assert addresses(surface, "/scene/..%2Fkaraoke") == []


def test_takes_and_captures(surface: Surface, tmp_path: Path) -> None:
    surface.write("/take/record", "first")
    assert (surface.read("/take/record"), surface.read("/take/name")) == (True, "first")
    surface.write("/transport/play")
    surface.desk.tick()
    surface.write("/track/drums/gain", -6.0)
    surface.desk.tick()
    surface.write("/take/stop")
    surface.desk.tick()
    assert surface.read("/take/list") == "first"
    surface.write("/track/drums/gain", 3.0)
    surface.write("/take/replay", "first")
    assert surface.desk.replaying
    surface.write("/capture", 1)
    assert surface.desk.capturing == tmp_path / "captures" / "capture 1.wav"
    surface.write("/capture", 0)
    assert surface.read("/capture") is False
    (tmp_path / "captures").mkdir()
    (tmp_path / "captures" / "capture 1.wav.part").touch()
    surface.write("/capture", 1)
    assert surface.desk.capturing == tmp_path / "captures" / "capture 2.wav", "what was cut off is kept"


def test_who_follows_is_told_when_a_capture_is_lost(surface: Surface) -> None:
    with Feedback(surface.table) as feedback:
        surface.write("/capture", 1)
        assert surface.read("/capture") is True
        surface.desk.tick()  # a silent engine has nothing to write
        assert [(change.address, change.value) for change in feedback.drain()] == [("/capture", False)]
    assert surface.read("/capture") is False


def test_a_share_and_a_text_of_any_form(surface: Surface) -> None:
    gain, mute, play = (surface.at(f"{what}") for what in (f"{VOCALS}/gain", f"{VOCALS}/mute", "/transport/play"))
    gain.write_share(64 / 127)
    assert gain.share() == surface.read(f"{VOCALS}/fader") == 64 / 127
    mute.write_share(1.0)
    assert (mute.share(), mute.read(), mute.text()) == (1.0, True, "on")
    play.write_share(0.0)
    assert not surface.desk.transport.playing
    play.write_share(1.0)
    assert surface.desk.transport.playing
    assert surface.at(f"{VOCALS}/name").share() is None


def test_writes_that_go_together_build_on_each_other(surface: Surface) -> None:
    writes = [
        ("/transport/transpose", 3),
        ("/transport/transpose/drums", True),
        ("/transport/loop/begin", 10),
        ("/transport/loop/end", 20),
        ("/master/limiter", False),
        ("/master/ceiling", -3),
        ("/ab/toggle", 1),
        ("/ab/toggle", 0),
    ]
    planned = surface.table.plan([(surface.at(address), value) for address, value in writes])
    assert t.SetTranspose(3.0, True) in planned
    assert t.SetLoop(480_000, 960_000) in planned
    assert planned[-2:] == (c.SetLimiter(False, -3.0), SetReference(True))
    assert surface.desk.transport == t.Transport()


def test_a_plan_is_refused_before_anything_is_done(surface: Surface) -> None:
    surface.desk.do(c.SetChain("drums", (Effect("delay"),)))
    late = surface.at("/track/drums/fx/1/feedback")
    surface.desk.do(c.SetChain("drums", (Effect("gain"),)))
    with pytest.raises(EffectError):
        surface.table.plan([(surface.at("/track/drums/gain"), -3), (late, 0.5)])
    with pytest.raises(ControlError, match="by itself"):
        surface.table.plan([(surface.at("/bank/next"), None)])
    assert surface.desk.mix.track("drums").gain_db == 0.0


@ANY_TIME
@given(address=st.one_of(st.text(max_size=30), st.from_regex(r"/[a-z*?\[\]{},/1-9!-]{0,40}", fullmatch=True)))
def test_any_text_means_something_or_nothing_or_is_refused(surface: Surface, address: str) -> None:
    with suppress(ControlError):
        surface.table.resolve(address)


def test_a_large_mix_is_searched_in_bounded_time(surface_of: Callable[[Mix], Surface]) -> None:
    mix = Mix(tuple(Track(f"track {n}", "vocals", (Effect("reverb"),) * 4) for n in range(64)))
    surface = surface_of(mix)
    assert len(surface.table.resolve("//*//*//room_size//*")) == 2 * (64 * 4 + 1)
