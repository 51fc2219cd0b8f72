"""A renderer whose mix is changed while it plays, with real chains: no clicks, and the frame is all that counts."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugin_host.engine.builder import Builder
from plugin_host.engine.changes import plan_change
from plugin_host.engine.prepare import PreparedMix, PrepareOptions, prepared_mix
from plugin_host.engine.render_block import RenderSetup
from plugin_host.errors import EffectError, HostError, MixError
from plugin_host.mix import commands as c
from plugin_host.mix.apply import apply
from plugin_host.mix.state import Aux, Effect, Master, Mix, Track
from plugin_host.stems.open_session import HostSession

RATE = 16_000
LONGEST = 2048
FRAMES = 14_000
GENTLE = Effect("compressor", {"threshold_db": -40.0, "ratio": 1.5, "attack_ms": 50.0})
AHEAD = Effect("brickwall_limiter", {"ceiling_db": 0.0, "lookahead_ms": 9.0})
ROOM = Effect("reverb", {"wet_level": 0.2})
OPEN = Master(limiter=False)
PLAIN = Mix((Track("Lead", "vocals"), Track("Rest", "other")), OPEN, auxes=(Aux("a", (ROOM,)), Aux("b", (AHEAD,))))
Timed = tuple[int, c.Command]


class Player:
    """Plays a mix over given inputs, and changes it at frames as a live host does."""

    def __init__(self, prepared: PreparedMix, builder: Builder, mix: Mix) -> None:
        self.renderer, self.builder, self.mix = prepared.renderer, builder, mix

    def do(self, command: c.Command) -> None:
        new = apply(self.mix, command)
        self.renderer.apply(self.builder.build(plan_change(self.mix, new), new))
        self.mix = new

    def play(self, song: np.ndarray, events: Sequence[Timed] = (), size: int = 512) -> np.ndarray:
        """What the master gives (2, frame) for a song (2, frame) on every track."""
        out = []
        for until, command in [*events, (song.shape[1], None)]:
            while self.renderer.position < until:
                at = self.renderer.position
                block = song[:, at : min(at + size, until)]
                heard = self.renderer.render_block([block] * len(self.renderer.names), block.shape[1])
                out.append(heard.master.copy())
            if command is not None:
                self.do(command)
        return np.concatenate(out, axis=1)


Play = Callable[[Mix], Player]


@pytest.fixture
def player(session: HostSession) -> Iterator[Play]:
    """Open players; all are closed at the end."""
    opened = []

    def make(mix: Mix) -> Player:
        prepared = prepared_mix(session, mix, RenderSetup(RATE, LONGEST))
        builder = Builder(session, RATE, LONGEST)
        opened.append((prepared, builder))
        return Player(prepared.__enter__(), builder, mix)

    yield make
    for prepared, builder in opened:
        builder.close()
        prepared.__exit__(None, None, None)


def sine(frames: int = FRAMES, level: float = 0.2) -> np.ndarray:
    return np.tile((level * np.sin(np.arange(frames) * 2 * np.pi * 150 / RATE)).astype(np.float32), (2, 1))


def noise(frames: int = FRAMES) -> np.ndarray:
    return (0.1 * np.random.default_rng(5).standard_normal((2, frames))).astype(np.float32)


CHANGES: list[c.Command] = [
    c.SetGain("Lead", -12.0),
    c.SetMute("Lead", True),
    c.SetSolo("Rest", True),
    c.SetPan("Lead", 1.0),
    c.SetMasterGain(-9.0),
    c.SetSend("Lead", 0, 0.0),
    c.SetSend("Lead", 1, 0.0),
    c.AddEffect("Lead", GENTLE),
    c.AddEffect("Lead", AHEAD),
    c.AddEffect("Lead", ROOM, 0),
    c.AddEffect("Lead", Effect("gain", {"gain_db": -20.0}, bypass=True)),
    c.SetChain("Lead", (ROOM, AHEAD, GENTLE)),
    c.SetChain("Lead", (Effect("parallel", branches=((), (ROOM,))),)),
    c.AddEffect(c.MASTER, AHEAD),
    c.AddEffect(c.Bus.AUX_1, AHEAD),
    c.SetChain(c.Bus.AUX_2, ()),
    c.SetLimiter(True),
    c.AddTrack(Track("More", "bass")),
    c.AddTrack(Track("Late", "bass", (AHEAD,))),
    c.RemoveTrack("Rest"),
    c.RenameTrack("Rest", "Other"),
    c.RemoveTrack("Lead"),
]


@pytest.mark.parametrize("command", CHANGES, ids=lambda command: type(command).__name__)
def test_a_sine_passes_every_change_without_a_click(player: Play, command: c.Command) -> None:
    song = sine()
    out = player(PLAIN).play(song, [(7013, command)])
    steps = np.abs(np.diff(out[:, 4000:]))
    assert steps.max() <= 1.25 * max(steps[:, :3000].max(), steps[:, -3000:].max())
    assert np.array_equal(out[:, :7013], player(PLAIN).play(song[:, :7013]))


@pytest.mark.parametrize("command", CHANGES, ids=lambda command: type(command).__name__)
def test_in_the_end_it_sounds_as_if_it_had_been_so_from_the_start(player: Play, command: c.Command) -> None:
    song = noise(40_000)
    changed, built = player(PLAIN), player(apply(PLAIN, command))
    out, expected = changed.play(song, [(3000, command)]), built.play(song)
    assert changed.renderer.latency == built.renderer.latency
    assert np.abs(out - expected)[:, -4000:].max() < 1e-4
    assert sorted(changed.renderer.names) == sorted(built.renderer.names)
    assert not changed.renderer.fading


KNOBS: list[c.Command] = [
    c.SetGain("Lead", -20.0),
    c.SetMute("Rest", True),
    c.SetSend("Rest", 0, -3.0),
    c.SetSend("Lead", 1, -3.0),
    c.SetAuxGain(1, -8.0),
    c.SetEffectParam("Lead", 1, "wet_level", 0.9),
    c.SetEffectParam(c.Bus.AUX_1, 0, "room_size", 0.9),
    c.SetMasterGain(3.0),
    c.SetGroup("Lead", "voices"),
    c.AddEffect("Rest", AHEAD),
    c.SetChain(c.MASTER, (GENTLE, AHEAD)),
    c.SetChain(c.Bus.AUX_1, (AHEAD, ROOM)),
    c.SetLimiter(True, -20.0),
    c.AddTrack(Track("More", "bass", (ROOM,))),
    c.RemoveTrack("Rest"),
]


@settings(max_examples=20, deadline=None)
@given(data=st.data(), size=st.sampled_from([37, 64, 128, 500, 1024]))
def test_the_frame_of_a_change_is_all_that_counts(session: HostSession, data: st.DataObject, size: int) -> None:
    mix = replace(PLAIN, tracks=(replace(PLAIN.tracks[0], chain=(GENTLE, ROOM)), PLAIN.tracks[1]))
    places = sorted(data.draw(st.lists(st.integers(0, FRAMES - 1), max_size=4)))
    commands = [data.draw(st.sampled_from(KNOBS)) for _ in places]
    events = _spaced(mix, list(zip(places, commands, strict=True)))
    song = noise()

    def played(size: int) -> np.ndarray:
        with prepared_mix(session, mix, RenderSetup(RATE, LONGEST)) as prepared:
            builder = Builder(session, RATE, LONGEST)
            try:
                return Player(prepared, builder, mix).play(song, events, size)
            finally:
                builder.close()

    assert np.abs(played(size) - played(LONGEST)).max() <= 1e-6


def _spaced(mix: Mix, events: list[Timed]) -> list[Timed]:
    """Those events that fit the mix, chains no sooner after one another than the renderer allows."""
    kept, free = [], 0
    for at, command in events:
        try:
            new = apply(mix, command)
            light = plan_change(mix, new).is_light
        except HostError:
            continue
        if light:
            kept.append((at, command))
        elif at >= free:
            kept.append((at, command))
            free = at + RATE // 4 + LONGEST
        else:
            continue
        mix = new
    return kept


def test_a_chain_that_is_exchanged_holds_the_next_one_back_but_no_fader(player: Play) -> None:
    playing = player(PLAIN)
    playing.do(c.AddEffect("Lead", ROOM))
    assert playing.renderer.fading
    with pytest.raises(MixError, match="being exchanged"):
        playing.do(c.AddEffect("Rest", ROOM))
    playing.do(c.SetGain("Lead", -6.0))
    playing.do(c.SetEffectParam("Lead", 0, "room_size", 0.9))
    free_at = playing.renderer.free_at
    playing.play(noise(free_at), size=32)
    assert not playing.renderer.fading
    assert playing.renderer.free_at == playing.renderer.position


def test_tracks_stay_in_time_when_the_slowest_goes_and_comes(player: Play) -> None:
    song = np.zeros((2, 30_000), dtype=np.float32)
    song[:, 5000::10_000] = 0.25
    playing = player(PLAIN)
    out = playing.play(song, [(8000, c.AddEffect("Rest", AHEAD)), (17_000, c.RemoveEffect("Rest", 0))])
    late = round(0.009 * RATE)
    aux = playing.renderer.aux_latency
    assert [int(at) for at in np.flatnonzero(out[0])] == [5000 + aux, 15_000 + aux + late, 25_000 + aux]
    assert np.allclose(out[0, out[0] != 0], 0.5)


def test_sends_come_back_in_time_with_the_tracks(player: Play) -> None:
    mix = replace(PLAIN, auxes=(Aux("late", (AHEAD,)), Aux("plain")))
    mix = apply(apply(mix, c.SetSend("Lead", 0, 0.0)), c.SetSend("Lead", 1, 0.0))
    song = np.zeros((2, 4000), dtype=np.float32)
    song[:, 1000] = 0.1
    playing = player(apply(mix, c.SetMute("Rest", True)))
    out = playing.play(song)[0]
    assert np.flatnonzero(np.abs(out) > 1e-6).tolist() == [1000 + playing.renderer.latency]
    assert out.max() == pytest.approx(0.3)


def test_an_echo_goes_on_after_its_send_is_closed_and_solo_leaves_it_alone(player: Play) -> None:
    echo = Aux("echo", (Effect("delay", {"delay_seconds": 0.4, "mix": 1.0, "feedback": 0.5}),))
    mix = apply(replace(PLAIN, auxes=(echo, Aux("b"))), c.SetSend("Lead", 0, 0.0))
    song = np.zeros((2, FRAMES), dtype=np.float32)
    song[:, 100:2000] = noise(1900)
    closed = player(mix).play(song, [(3000, c.SetSend("Lead", 0, float("-inf"))), (3000, c.SetSolo("Rest", True))])
    assert np.abs(closed[:, 6500:8400]).max() > 0.05
    muted = player(mix).play(song, [(3000, c.SetAuxMute(0, True))])
    assert not muted[:, 6500:8400].any()


def test_a_group_rides_its_tracks_with_their_sends(player: Play) -> None:
    mix = apply(apply(PLAIN, c.SetGroup("Lead", "g")), c.SetSend("Lead", 0, -6.0))
    low = player(apply(mix, c.SetGroupGain("g", -12.0))).play(noise())
    assert np.array_equal(low, player(apply(mix, c.SetGain("Lead", -12.0))).play(noise()))
    muted = player(apply(mix, c.SetGroupMute("g", True))).play(noise())
    assert np.array_equal(muted, player(apply(mix, c.SetMute("Lead", True))).play(noise()))


def test_a_chain_built_anew_ends_the_silence_of_a_broken_one(player: Play) -> None:
    playing = player(PLAIN)
    song = sine(30_000)
    broken = song.copy()
    broken[:, 2000] = np.nan
    out = playing.play(broken, [(8000, c.AddEffect("Lead", GENTLE)), (20_000, c.AddEffect("Rest", GENTLE))])
    assert [fault.where for fault in playing.renderer.faults] == []
    assert np.isfinite(out).all()
    assert not out[:, 4000:8000].any()
    alone, both = np.abs(out[:, 15_000:19_000]).max(), np.abs(out[:, 25_000:]).max()
    assert alone > 0.05
    assert both == pytest.approx(2 * alone, rel=0.05)
    assert np.abs(np.diff(out[:, 5000:])).max() < 0.05


def test_all_tracks_may_go_and_the_room_rings_on(player: Play) -> None:
    mix = apply(PLAIN, c.SetSend("Lead", 0, 0.0))
    events = [(4000, c.RemoveTrack("Rest")), (8000, c.RemoveTrack("Lead")), (12_000, c.AddTrack(Track("New", "bass")))]
    playing = player(mix)
    out = playing.play(noise(20_000), events)
    assert np.abs(out[:, 8600:9600]).max() > 1e-3
    assert playing.renderer.names == ("New",)
    assert np.abs(out[:, -1000:]).max() > 0.1


def test_what_is_rendered_ahead_comes_with_its_source(player: Play, session: HostSession) -> None:
    playing = player(PLAIN)
    new = apply(PLAIN, c.AddEffect("Lead", Effect("pitch_shift", {"semitones": 12.0})))
    change = playing.builder.build(plan_change(PLAIN, new), new)
    assert list(change.sources) == ["Lead"]
    heard, dry = change.sources["Lead"].read(0, RATE), session.open_stem("vocals").read(0, RATE)
    hertz = [np.argmax(np.abs(np.fft.rfft(signal[0]))) for signal in (dry, heard)]
    assert hertz == pytest.approx([220, 440], abs=2)


@pytest.mark.parametrize(
    ("command", "error"),
    [
        (c.AddEffect("Lead", Effect("no such")), EffectError),
        (c.AddEffect("Lead", Effect("gain", {"gain_db": 99.0})), EffectError),
        (c.AddEffect(c.Bus.AUX_1, Effect("pitch_shift")), MixError),
        (c.AddTrack(Track("x", "no such stem")), MixError),
    ],
)
def test_what_cannot_be_built_is_refused_and_nothing_changes(
    player: Play, command: c.Command, error: type[Exception]
) -> None:
    playing = player(PLAIN)
    with pytest.raises(error):
        playing.do(command)
    assert np.array_equal(playing.play(noise()), player(PLAIN).play(noise()))


def test_meters_of_reduction_follow_compressors_and_limiter(player: Play) -> None:
    hard = Effect("compressor", {"threshold_db": -30.0, "ratio": 20.0})
    mix = Mix((Track("Lead", "vocals", (hard,)), Track("Rest", "other")), Master(ceiling_db=-24.0))
    playing = player(mix)
    playing.play(sine(level=0.5))
    lead, rest, master = playing.renderer.reductions_db
    assert lead == pytest.approx(22.0, abs=2.5)
    assert rest == 0.0
    assert master > 10.0


def test_what_is_taken_before_and_behind_the_faders(session: HostSession) -> None:
    mix = apply(apply(PLAIN, c.SetGain("Lead", -6.0)), c.SetSend("Lead", 0, 0.0))
    mix = replace(apply(mix, c.SetMute("Rest", True)), auxes=(Aux("a"), Aux("b")))
    with prepared_mix(session, mix, RenderSetup(RATE, LONGEST, pre_fader=True)) as prepared:
        song = noise(1000)
        out = prepared.renderer.render_block([song, song])
        assert np.array_equal(out.pre, [song, song])
        assert np.allclose(out.tracks[0], song * 10 ** (-6 / 20))
        assert not out.tracks[1].any()
        assert np.array_equal(out.auxes[0], out.tracks[0])
        assert not out.auxes[1].any()
        assert np.allclose(out.master, out.tracks[0] + out.auxes[0])


def test_a_crash_could_be_blamed_on_the_right_effect(session: HostSession) -> None:
    path = Path("/usr/lib/vst3/ZamDelay.vst3")
    if not path.exists():
        pytest.skip("ZamDelay.vst3 is not installed (apt install zam-plugins)")
    marks: list[tuple[c.ChainOwner | None, int]] = []
    plugin = Effect("vst3", plugin_path=str(path))
    ahead = (plugin, Effect("pitch_shift", {"semitones": 1.0}), plugin)
    mix = apply(PLAIN, c.SetChain(c.Bus.AUX_1, (ROOM, plugin)))
    options = PrepareOptions(marker=lambda owner, slot: marks.append((owner, slot)))
    with prepared_mix(session, mix, RenderSetup(RATE, LONGEST), options):
        assert marks == [(c.Bus.AUX_1, 1), (None, -1)]
    builder = Builder(session, RATE, LONGEST, marker=lambda owner, slot: marks.append((owner, slot)))
    new = apply(mix, c.SetChain("Lead", ahead))
    builder.build(plan_change(mix, new), new)
    builder.close()
    assert set(marks[2:]) == {("Lead", 0), ("Lead", 2), (None, -1)}
