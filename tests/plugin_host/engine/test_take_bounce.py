"""A take in a bounce: the same as the same moves by hand at the same frames, whatever the blocks."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from plugin_host.engine.bounce import bounce
from plugin_host.engine.bounce_files import TrackFiles
from plugin_host.engine.bounce_settings import BounceReport, BounceSettings
from plugin_host.engine.builder import Builder
from plugin_host.engine.changes import plan_change
from plugin_host.engine.prepare import prepared_mix
from plugin_host.engine.render_block import RenderSetup
from plugin_host.errors import EffectError, HostError, MixError
from plugin_host.mix import commands as c
from plugin_host.mix.apply import apply
from plugin_host.mix.state import Effect, Master, Mix, Track, plain_mix
from plugin_host.mix.take import Take, TakeEvent
from plugin_host.stems.open_session import HostSession

AHEAD = Effect("brickwall_limiter", {"ceiling_db": -12.0})
ROOM = Effect("reverb", {"room_size": 0.5, "wet_level": 0.4})
SQUASH = Effect("compressor", {"threshold_db": -30.0, "ratio": 3.0})
MIX = Mix(
    (
        Track("Lead", "vocals", (SQUASH,), sends=(-6.0, float("-inf"))),
        Track("Drums", "drums", mute=True),
        Track("Bass", "bass", (AHEAD,)),
        Track("Rest", "other", (ROOM,)),
    ),
    Master(chain=(SQUASH,)),
)
STEM_OF = {"Lead": "vocals", "Drums": "drums", "Bass": "bass", "Rest": "other"}
EVENTS: list[tuple[int, c.Command]] = [
    (1000, c.SetGain("Lead", -12.0)),
    (1000, c.SetEffectParam("Lead", 0, "ratio", 9.0)),
    (2345, c.SetMute("Drums", False)),
    (6001, c.AddEffect("Lead", ROOM)),
    (6500, c.SetEffectParam("Rest", 0, "room_size", 0.9)),
    (14_000, c.SetChain("Drums", (AHEAD, ROOM))),
    (20_000, c.SetSend("Drums", 1, -3.0)),
    (22_222, c.RemoveTrack("Bass")),
    (30_000, c.AddTrack(Track("Bass", "bass", (SQUASH,)))),
    (40_000, c.SetMasterGain(-6.0)),
]


def take_of(mix: Mix, events: Sequence[tuple[int, c.Command]], start: int = 0) -> Take:
    return Take(mix, start, tuple(TakeEvent(at, command) for at, command in events))


def bounced(session: HostSession, take: Take, out: Path, **settings: object) -> tuple[np.ndarray, BounceReport]:
    report = bounce(session, take.mix, out, BounceSettings(take=take, **settings))  # type: ignore[arg-type]
    return soundfile.read(out, dtype="float32", always_2d=True)[0].T, report


def by_hand(session: HostSession, take: Take, block: int) -> np.ndarray:
    """What a live host with such blocks renders from the take's start to the song's end, latency dropped."""
    heard, mix, events = [], take.mix, list(take.events)
    with prepared_mix(session, mix, RenderSetup(session.rate, block, start=take.start)) as prepared:
        renderer, builder = prepared.renderer, Builder(session, session.rate, block)
        stems = {name: session.open_stem(name) for name in session.stems}
        late = renderer.latency
        while renderer.position < session.frames + late:
            at = renderer.position
            while events and events[0].frame <= at:
                new = apply(mix, events.pop(0).command)
                renderer.apply(builder.build(plan_change(mix, new), new))
                mix = new
            count = min([block, *(event.frame - at for event in events), session.frames + late - at])
            inputs = [
                stems[{"Lead": "vocals", "Rest": "other"}.get(n, n.lower())].read(at, count) for n in renderer.names
            ]
            heard.append(renderer.render_block(inputs).master.copy())
        builder.close()
        for stem in stems.values():
            stem.close()
    return np.concatenate(heard, axis=1)[:, late:]


@pytest.mark.parametrize("block", [64, 500, 4096])
def test_a_take_bounces_as_it_was_played(session: HostSession, tmp_path: Path, block: int) -> None:
    take = take_of(MIX, EVENTS)
    out, report = bounced(session, take, tmp_path / "take.wav", tail=0.0)
    assert out.shape == (2, session.frames)
    assert np.abs(out - by_hand(session, take, block)).max() < 1e-6
    assert report.warnings == ()


def test_a_take_without_events_is_a_plain_bounce(session: HostSession, tmp_path: Path) -> None:
    mix = apply(MIX, c.SetMute("Drums", False))
    out, report = bounced(session, take_of(mix, []), tmp_path / "take.wav")
    bounce(session, mix, tmp_path / "plain.wav")
    plain = soundfile.read(tmp_path / "plain.wav", dtype="float32", always_2d=True)[0].T
    assert np.array_equal(out, plain)
    assert report.tail_frames > 0


def test_a_take_begins_where_it_was_begun_and_a_part_of_it_is_that_part(session: HostSession, tmp_path: Path) -> None:
    take = take_of(MIX, EVENTS, start=4000)
    whole, _ = bounced(session, replace(take, events=take.events[3:]), tmp_path / "whole.wav", tail=0.0)
    assert whole.shape == (2, session.frames - 4000)
    part, report = bounced(session, replace(take, events=take.events[3:]), tmp_path / "part.wav", start=1.0, end=2.0)
    assert report.preroll_frames == session.rate - 4000
    assert np.abs(part - whole[:, session.rate - 4000 : 2 * session.rate - 4000]).max() < 1e-6


def test_before_the_take_begins_its_mix_stands_still(session: HostSession, tmp_path: Path) -> None:
    take = take_of(MIX, [(20_000, c.SetMasterGain(float("-inf")))], start=16_000)
    out, _ = bounced(session, take, tmp_path / "early.wav", start=0.5, tail=0.0)
    assert np.abs(out[:, : 20_000 - 8000]).max() > 0.05
    assert not out[:, 20_000 - 8000 + 2000 :].any()


def test_chains_too_close_after_each_other_come_one_after_the_other(session: HostSession, tmp_path: Path) -> None:
    events = [(1000, c.AddEffect("Lead", ROOM)), (1010, c.AddEffect("Rest", SQUASH)), (1020, c.SetGain("Rest", -6.0))]
    whole, _ = bounced(session, take_of(MIX, events), tmp_path / "a.wav", tail=0.0)
    blocks, _ = bounced(session, take_of(MIX, events), tmp_path / "b.wav", tail=0.0, block_frames=100)
    assert np.abs(whole - blocks).max() < 1e-6


def test_another_source_is_faded_to(session: HostSession, tmp_path: Path) -> None:
    mix = replace(plain_mix(session.stems), master=Master(limiter=False))
    event = (8000, c.AddEffect("bass", Effect("pitch_shift", {"semitones": 12.0})))
    out, _ = bounced(session, take_of(mix, [event]), tmp_path / "a.wav", tail=0.0, tracks=TrackFiles.BOTH)
    bass = soundfile.read(tmp_path / "a-tracks" / "03-bass.wav", dtype="float32", always_2d=True)[0].T
    dry = soundfile.read(tmp_path / "a-tracks" / "03-bass-dry.wav", dtype="float32", always_2d=True)[0].T
    assert np.array_equal(bass[:, :8000], session.open_stem("bass").read(0, 8000))
    spectrum = np.abs(np.fft.rfft(bass[0, 16_000:32_000]))
    assert spectrum[110] > 5 * spectrum[55]
    assert np.array_equal(bass, dry)
    assert np.isfinite(out).all()


def test_a_loudness_target_is_reached_whatever_the_take_does_to_the_limiter(
    session: HostSession, tmp_path: Path
) -> None:
    take = take_of(MIX, [(5000, c.SetLimiter(False)), (9000, c.SetLimiter(True, -20.0))])
    _, report = bounced(session, take, tmp_path / "loud.wav", loudness=-30.0)
    assert report.mix is not None
    assert report.mix.levels is not None
    assert report.mix.levels.lufs == pytest.approx(-30.0, abs=0.2)


@pytest.mark.parametrize(
    ("command", "error", "text"),
    [
        (c.SetGain("Nobody", 0.0), MixError, "take at 0.500 s: no track 'Nobody'"),
        (c.SetEffectParam("Lead", 0, "ratio", 1e9), EffectError, "track Lead: compressor: ratio"),
        (c.AddTrack(Track("x", "y")), MixError, "no stem 'y'"),
    ],
)
def test_a_take_that_does_not_fit_is_refused_and_leaves_no_file(
    session: HostSession, tmp_path: Path, command: c.Command, error: type[HostError], text: str
) -> None:
    with pytest.raises(error, match=text):
        bounced(session, take_of(MIX, [(8000, command)]), tmp_path / "take.wav")
    assert not any(tmp_path.iterdir())
