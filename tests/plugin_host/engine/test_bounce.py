"""Bounces of real sessions through real effects: lengths, alignment, sums, parts, tails and loudness."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from plugin_host.engine.bounce import bounce
from plugin_host.engine.bounce_files import TrackFiles
from plugin_host.engine.bounce_settings import BounceReport, BounceSettings
from plugin_host.errors import PluginError
from plugin_host.mix.state import Effect, Master, Mix, Track, plain_mix
from plugin_host.stems.open_session import HostSession
from separation_core.audio.writing import SampleFormat
from separation_core.errors import Cancelled

CHAIN = (
    Effect("highpass_filter", {"cutoff_frequency_hz": 120.0}),
    Effect("compressor", {"threshold_db": -30.0, "ratio": 4.0}),
    Effect("brickwall_limiter", {"ceiling_db": -12.0}),
)
REVERB = Effect("reverb", {"room_size": 0.6, "wet_level": 0.5})
OPEN = Master(limiter=False)
MIXED = Mix(
    (
        Track("Lead", "vocals", (*CHAIN, REVERB), gain_db=-3.0, pan=-0.3),
        Track("Drums", "drums", CHAIN[1:], solo=False),
        Track("Bass", "bass", gain_db=2.0),
        Track("Rest", "other", CHAIN[:1], invert=True, pan=1.0),
    ),
    Master(chain=CHAIN[1:2], gain_db=3.0),
)


def read(path: Path) -> np.ndarray:
    samples, _ = soundfile.read(path, dtype="float32", always_2d=True)
    return samples.T


def mixed(session: HostSession, mix: Mix, out: Path, **settings: object) -> tuple[np.ndarray, BounceReport]:
    report = bounce(session, mix, out, BounceSettings(**settings))  # type: ignore[arg-type]
    return read(out), report


def decibels(samples: np.ndarray) -> float:
    return 20 * np.log10(max(float(np.abs(samples).max()), 1e-12))


def test_an_untouched_mix_nulls_against_the_song(session: HostSession, tmp_path: Path) -> None:
    out, report = mixed(session, replace(plain_mix(session.stems), master=OPEN), tmp_path / "plain.wav")
    assert out.shape == (2, session.frames)
    assert decibels(out - session.open_song().read(0, session.frames)) <= -120
    assert (report.frames, report.tail_frames, report.warnings) == (session.frames, 0, ())


def test_the_safety_limiter_leaves_a_quiet_mix_alone(session: HostSession, tmp_path: Path) -> None:
    quiet = Mix(tuple(replace(track, gain_db=-20.0) for track in plain_mix(session.stems).tracks))
    limited, report = mixed(session, quiet, tmp_path / "limited.wav")
    bare, _ = mixed(session, replace(quiet, master=OPEN), tmp_path / "bare.wav")
    assert np.array_equal(limited, bare)
    assert report.reduction_db == 0.0


def test_the_safety_limiter_holds_its_ceiling_and_tells_how_much_it_took(session: HostSession, tmp_path: Path) -> None:
    loud = replace(plain_mix(session.stems), master=Master(gain_db=12.0, ceiling_db=-3.0))
    out, report = mixed(session, loud, tmp_path / "loud.wav")
    before, _ = mixed(session, replace(loud, master=replace(loud.master, limiter=False)), tmp_path / "open.wav")
    assert decibels(out) <= -3.0 + 1e-4
    assert report.reduction_db == pytest.approx(decibels(before) + 3.0, abs=0.5)
    assert report.mix is not None
    assert report.mix.levels is not None
    assert report.mix.levels.peak_db == pytest.approx(decibels(out), abs=1e-3)


@pytest.mark.parametrize("block_frames", [32, 100, 512, 4096])
def test_block_size_changes_nothing_that_is_heard(session: HostSession, tmp_path: Path, block_frames: int) -> None:
    """The engine itself is exact (test_render_block); JUCE's filters drop states under 1e-8 at the end of a block."""
    expected, first = mixed(session, MIXED, tmp_path / "a.wav", threads=1)
    found, second = mixed(session, MIXED, tmp_path / "b.wav", threads=1, block_frames=block_frames)
    assert decibels(found - expected) <= -140
    assert np.array_equal(found[:, : session.frames], expected[:, : session.frames])
    assert first.frames == second.frames > session.frames


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_change_no_sample(session: HostSession, tmp_path: Path, threads: int) -> None:
    expected, _ = mixed(session, MIXED, tmp_path / "a.wav", threads=1, block_frames=1024)
    found, _ = mixed(session, MIXED, tmp_path / "b.wav", threads=threads, block_frames=1024)
    assert np.array_equal(found, expected)


def test_latent_effects_stay_aligned_with_a_dry_track(make_session: object, tmp_path: Path) -> None:
    """An impulse through BrickwallLimiter, PitchShift (rendered ahead) and a Convolution peaks where it went in."""
    impulse = np.zeros((2, 24_000), dtype=np.float32)
    impulse[:, 12_000] = 0.5
    response = np.zeros(512, dtype=np.float32)
    response[0], response[300] = 1.0, 0.25
    soundfile.write(tmp_path / "room.wav", response, 16_000, subtype="FLOAT")
    session = make_session(dict.fromkeys(("dry", "limiter", "pitch", "room"), impulse))  # type: ignore[operator]
    room = Effect("convolution", {"impulse_response_filename": str(tmp_path / "room.wav"), "mix": 1.0})
    tracks = (
        Track("dry", "dry"),
        Track("limiter", "limiter", (Effect("brickwall_limiter"),)),
        Track("pitch", "pitch", (Effect("pitch_shift", {"semitones": 0.0}), Effect("gain", {"gain_db": 0.0}))),
        Track("room", "room", (room,)),
    )
    report = bounce(session, Mix(tracks), tmp_path / "mix.wav", BounceSettings(tracks=TrackFiles.WET, mix=False))
    outs = {track.name: read(file.path) for track, file in zip(tracks, report.tracks, strict=True)}
    assert outs["dry"][0, 12_000] == 0.5
    assert outs["limiter"][0, 12_000] == 0.5
    assert np.argmax(np.abs(outs["room"][0])) == 12_000
    assert abs(int(np.argmax(np.abs(outs["pitch"][0]))) - 12_000) <= 2
    assert not outs["dry"][0, :12_000].any()


def test_wet_tracks_sum_to_what_the_master_hears(session: HostSession, tmp_path: Path) -> None:
    settings = {"tracks": TrackFiles.BOTH, "tail": 1.0}
    out, report = mixed(session, replace(MIXED, master=OPEN), tmp_path / "mix.wav", **settings)
    wet = [read(file.path) for file in report.tracks]
    assert decibels(np.sum(wet, axis=0, dtype=np.float64) - out) <= -120
    assert {samples.shape for samples in wet} == {out.shape}
    dry = [read(file.path) for file in report.dry_tracks]
    for name, samples in zip(session.stems, dry, strict=True):
        assert np.array_equal(samples[:, : session.frames], session.open_stem(name).read(0, session.frames))
        assert not samples[:, session.frames :].any()
        assert samples.shape == out.shape
    assert [file.path.name for file in report.tracks] == ["01-Lead.wav", "02-Drums.wav", "03-Bass.wav", "04-Rest.wav"]
    assert report.dry_tracks[0].path.name == "01-Lead-dry.wav"


def test_track_files_stay_aligned_behind_a_late_master(session: HostSession, tmp_path: Path) -> None:
    late = Mix(MIXED.tracks, Master(chain=(Effect("brickwall_limiter", {"lookahead_ms": 20.0}),)))
    prompt = replace(MIXED, master=OPEN)
    files = []
    for name, mix in (("late", late), ("prompt", prompt)):
        _, report = mixed(session, mix, tmp_path / f"{name}.wav", tracks=TrackFiles.BOTH, tail=0.0)
        files.append([read(file.path) for file in (*report.tracks, *report.dry_tracks)])
    assert all(np.array_equal(one, other) for one, other in zip(*files, strict=True))


def test_a_part_equals_the_same_part_of_the_whole(session: HostSession, tmp_path: Path) -> None:
    whole, _ = mixed(session, MIXED, tmp_path / "whole.wav")
    part, report = mixed(session, MIXED, tmp_path / "part.wav", start=1.25, end=2.0)
    assert part.shape == (2, round(0.75 * session.rate))
    assert report.tail_frames == 0
    assert report.preroll_frames == round(1.25 * session.rate)
    begin = round(1.25 * session.rate)
    assert np.array_equal(part, whole[:, begin : begin + part.shape[1]])


def test_a_reverb_rings_out_after_the_song_and_no_longer(session: HostSession, tmp_path: Path) -> None:
    wet = Mix((Track("bass", "bass", (REVERB,)),), OPEN)
    out, report = mixed(session, wet, tmp_path / "wet.wav")
    assert 0.1 * session.rate < report.tail_frames < 10 * session.rate
    assert out.shape[1] == session.frames + report.tail_frames == report.frames
    assert np.abs(out[:, -1]).max() > 1e-4
    cut, short = mixed(session, wet, tmp_path / "cut.wav", tail=0.05)
    assert short.tail_frames == round(0.05 * session.rate)
    assert np.array_equal(cut, out[:, : cut.shape[1]])


def test_what_is_rendered_ahead_rings_out_too(session: HostSession, tmp_path: Path) -> None:
    shift = Effect("pitch_shift", {"semitones": -2.0})
    out, report = mixed(session, Mix((Track("bass", "bass", (REVERB, shift)),), OPEN), tmp_path / "mix.wav", tail=2.0)
    assert report.tail_frames > 0.1 * session.rate
    assert np.abs(out[:, session.frames :]).max() > 0.01


def test_the_effects_of_an_unheard_track_are_not_even_built(session: HostSession, tmp_path: Path) -> None:
    missing = Effect("vst3", plugin_path=str(tmp_path / "gone.vst3"))
    mix = Mix((Track("bass", "bass"), Track("drums", "drums", (missing,), mute=True)), OPEN)
    out, _ = mixed(session, mix, tmp_path / "mix.wav")
    assert np.array_equal(out, session.open_stem("bass").read(0, session.frames))


def test_a_missing_plugin_is_passed_by_where_allowed(session: HostSession, tmp_path: Path) -> None:
    missing = Effect("vst3", plugin_path=str(tmp_path / "gone.vst3"))
    mix = Mix((Track("Low", "bass", (missing,)),), OPEN)
    with pytest.raises(PluginError, match="track Low: "):
        mixed(session, mix, tmp_path / "mix.wav")
    out, report = mixed(session, mix, tmp_path / "mix.wav", allow_missing=True)
    assert np.array_equal(out, session.open_stem("bass").read(0, session.frames))
    assert "track Low" in report.warnings[0]


@pytest.mark.parametrize("frames", [1, 7, 500])
def test_a_song_of_a_few_samples_is_bounced_whole(make_session: object, tmp_path: Path, frames: int) -> None:
    session = make_session({"a": np.full((2, frames), 0.25, dtype=np.float32)})  # type: ignore[operator]
    out, _ = mixed(session, Mix((Track("a", "a", (Effect("brickwall_limiter"),)),)), tmp_path / "mix.wav")
    assert np.array_equal(out, np.full((2, frames), 0.25, dtype=np.float32))


@pytest.mark.parametrize("target", [-30.0, -23.0])
def test_a_loudness_target_is_reached_where_the_ceiling_allows(
    session: HostSession, tmp_path: Path, target: float
) -> None:
    _, report = mixed(session, plain_mix(session.stems), tmp_path / "mix.wav", loudness=target)
    assert report.loudness is not None
    assert report.mix is not None
    assert report.loudness.reached == pytest.approx(target, abs=0.1)
    assert report.mix.levels.lufs == pytest.approx(target, abs=0.1)
    assert not report.loudness.held_by_ceiling
    assert report.warnings == ()


@pytest.mark.parametrize("limiter", [True, False])
def test_the_ceiling_wins_over_the_loudness_target_and_says_so(
    session: HostSession, tmp_path: Path, limiter: bool
) -> None:
    mix = replace(plain_mix(session.stems), master=Master(limiter=limiter, ceiling_db=-2.0))
    _, report = mixed(session, mix, tmp_path / "mix.wav", loudness=-1.0)
    assert report.mix is not None
    assert report.loudness is not None
    assert report.mix.levels.true_peak_db <= -2.0 + 0.02
    assert report.mix.levels.lufs == pytest.approx(report.loudness.reached, abs=0.05)
    assert report.loudness.held_by_ceiling
    assert "-2 dB" in report.warnings[0]
    assert (report.reduction_db > 0.0) == limiter


def test_a_mix_driven_into_the_limiter_stays_in_step_with_the_song(session: HostSession, tmp_path: Path) -> None:
    out, report = mixed(session, plain_mix(session.stems), tmp_path / "mix.wav", loudness=-8.0)
    song = session.open_song().read(0, session.frames)[0].astype(np.float64)
    assert report.reduction_db > 0.5
    assert out.shape[1] == session.frames
    assert np.abs(out[0, :20]).max() > 0.01
    matches = {lag: float(np.dot(song, np.roll(out[0], -lag))) for lag in range(-200, 201)}
    assert max(matches, key=lambda lag: matches[lag]) == 0


def test_a_silent_mix_keeps_its_loudness_and_says_so(session: HostSession, tmp_path: Path) -> None:
    silent = Mix((Track("bass", "bass", mute=True),))
    out, report = mixed(session, silent, tmp_path / "mix.wav", loudness=-14.0)
    assert not out.any()
    assert out.shape[1] == session.frames
    assert "silent" in report.warnings[0]


@pytest.mark.parametrize("fmt", [SampleFormat.PCM24, SampleFormat.FLAC])
def test_every_format_holds_the_mix(session: HostSession, tmp_path: Path, fmt: SampleFormat) -> None:
    expected, _ = mixed(session, plain_mix(session.stems), tmp_path / "float.wav")
    found, _ = mixed(session, plain_mix(session.stems), tmp_path / f"mix.{fmt.extension}", fmt=fmt)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= 2.5 / 2**23


def test_an_integer_file_that_clips_is_told(session: HostSession, tmp_path: Path) -> None:
    hot = replace(plain_mix(session.stems), master=Master(gain_db=12.0, limiter=False))
    _, report = mixed(session, hot, tmp_path / "hot.wav", fmt=SampleFormat.PCM24)
    assert report.mix is not None
    assert report.mix.clipped > 0
    assert "clipped" in report.warnings[0]


def test_a_broken_stem_silences_its_track_only(make_session: object, stems: dict, tmp_path: Path) -> None:
    broken = {**stems, "bass": stems["bass"].copy()}
    broken["bass"][0, 16_000] = np.nan
    session = make_session(broken)  # type: ignore[operator]
    out, report = mixed(session, replace(plain_mix(session.stems), master=OPEN), tmp_path / "mix.wav")
    others = sum(stems[name] for name in stems if name != "bass")
    assert np.isfinite(out).all()
    assert decibels(out[:, 16_400:] - others[:, 16_400:]) <= -120
    assert report.warnings == (
        "track bass: its effects gave NaN, infinity or an absurd level at 1.000 s, "
        "so it is silent from there: check its chain",
    )


def test_progress_rises_to_its_total_over_all_passes(session: HostSession, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    mix = Mix((Track("bass", "bass", (Effect("pitch_shift", {"semitones": 2.0}),)),))
    settings = BounceSettings(loudness=-20.0)
    bounce(session, mix, tmp_path / "a.wav", settings, progress=lambda done, total: told.append((done, total)))
    assert {total for _, total in told} == {3 * session.frames}
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[-1][0] == told[-1][1]


@pytest.mark.parametrize("threads", [1, 2])
def test_a_cancelled_bounce_leaves_nothing(session: HostSession, tmp_path: Path, threads: int) -> None:
    asked: list[int] = []
    settings = BounceSettings(tracks=TrackFiles.BOTH, loudness=-14.0, block_frames=1024, threads=threads)
    with pytest.raises(Cancelled, match="stopped"):
        bounce(session, MIXED, tmp_path / "a.wav", settings, cancelled=lambda: bool(asked.append(1)) or len(asked) > 9)
    assert list(tmp_path.iterdir()) == []
