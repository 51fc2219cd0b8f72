"""A part of a song: its stems are those of the whole song, cut out, whatever the rates, the channels, the sum."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given
from hypothesis import strategies as st

from separation_core.audio.reading import describe_song
from separation_core.errors import ModelError, UnsupportedAudio
from separation_core.inference.consistency import SumMode, sharing_spectrum
from separation_core.inference.separate import SeparationSettings
from separation_core.jobs.cover import cover, model_frames
from separation_core.jobs.options import SessionOptions
from separation_core.jobs.part import Part, Span
from separation_core.jobs.prepare_session import prepare_session
from separation_core.models.contract import Separator
from separation_core.sessions.store import Session
from separation_core.units import Hertz

MakeSong = Callable[..., Path]
SECONDS = 8


def _stems(session: Session) -> np.ndarray:
    """(stem, channel, frame)."""
    files = [soundfile.read(session.stem_path(name), dtype="float32")[0].T for name in session.stem_names]
    return np.stack(files)


def _song(session: Session) -> np.ndarray:
    return np.asarray(soundfile.read(session.song_path, dtype="float32")[0].T)


def _both(song: Path, separator: Separator, part: Part, options: SessionOptions) -> tuple[Session, Session]:
    """The session of the whole song and that of its part."""
    whole = prepare_session(song, song.with_name("whole.stemrack"), options=options, separator=separator)
    options = replace(options, part=part)
    return whole, prepare_session(song, song.with_name("part.stemrack"), options=options, separator=separator)


PARTS = [Part(2.3, 4.7), Part(0.0, 0.4), Part(7.9), Part(5.0, 5.00001), Part(0.001, 7.999)]


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.label)
def test_at_the_models_rate_a_part_has_the_very_samples_of_the_whole(
    make_song: MakeSong, separator: Separator, part: Part
) -> None:
    whole, cut = _both(make_song(frames=SECONDS * 8000), separator, part, SessionOptions(sum_mode=SumMode.OFF))
    start, frames = cut.manifest.start, cut.manifest.frames
    assert (start, cut.manifest.source.frames) == (round(part.start * 8000), SECONDS * 8000)
    np.testing.assert_array_equal(_stems(cut), _stems(whole)[..., start : start + frames])
    np.testing.assert_array_equal(_song(cut), _song(whole)[..., start : start + frames])


@pytest.mark.parametrize("rate", [8000, 11_025, 22_050, 44_100, 48_000])
@pytest.mark.parametrize("part", [Part(3.21, 4.05), Part(0.2, 1.0), Part(7.5)], ids=lambda part: part.label)
def test_at_any_rate_and_with_an_honest_sum_a_part_is_the_whole_cut_out(
    make_song: MakeSong, separator: Separator, rate: int, part: Part
) -> None:
    whole, cut = _both(make_song(frames=SECONDS * rate, rate=rate), separator, part, SessionOptions())
    start, frames = cut.manifest.start, cut.manifest.frames
    assert frames == round((part.end or SECONDS) * rate) - round(part.start * rate)
    np.testing.assert_allclose(_stems(cut), _stems(whole)[..., start : start + frames], atol=1e-6)
    np.testing.assert_allclose(_stems(cut).sum(axis=0), _song(cut), atol=1e-6)


@pytest.mark.parametrize(
    "settings",
    [SeparationSettings(shifts=3, overlap=0.5), SeparationSettings(batch_size=3), SeparationSettings(augment=True)],
    ids=["shifts", "batches", "augmented"],
)
@pytest.mark.parametrize("channels", [1, 2])
def test_however_it_is_separated(
    make_song: MakeSong, make_separator: Callable[..., Separator], settings: SeparationSettings, channels: int
) -> None:
    options = SessionOptions(separation=settings, sum_mode=SumMode.OFF)
    whole, cut = _both(make_song(frames=SECONDS * 8000), make_separator(channels), Part(2.3, 4.7), options)
    start, frames = cut.manifest.start, cut.manifest.frames
    np.testing.assert_allclose(_stems(cut), _stems(whole)[..., start : start + frames], atol=1e-7)


def test_two_stems_of_a_part(make_song: MakeSong, separator: Separator) -> None:
    _, cut = _both(make_song(frames=30_000), separator, Part(1.0, 2.0), SessionOptions(two_stems="vocals"))
    assert cut.stem_names == ("vocals", "no_vocals")


class Wrapped:
    """A separator in front of which something may stand, and which counts what it hears."""

    def __init__(self, inner: Separator, gain: Callable[[torch.Tensor], float] = lambda mix: 1.0) -> None:
        self.spec = inner.spec
        self.segments = 0
        self._inner = inner
        self._gain = gain

    def to(self, device: torch.device) -> "Wrapped":
        return self

    def __call__(self, mix: torch.Tensor) -> torch.Tensor:
        self.segments += len(mix)
        return self._inner(mix) * self._gain(mix)


def test_least_squares_fits_the_part_alone(make_song: MakeSong, separator: Separator) -> None:
    """Loud segments come back at half their level: only a part without quiet ones can be made right by one factor."""
    song, quiet = make_song(frames=80_000), np.arange(80_000) >= 40_000
    samples, rate = soundfile.read(song, dtype="float32")
    soundfile.write(song, np.where(quiet[:, None], samples / 4, samples), rate, subtype="FLOAT")
    halving = Wrapped(separator, lambda mix: 0.5 if mix.abs().max() > 0.15 else 1.0)
    whole, cut = _both(song, halving, Part(1.0, 3.0), SessionOptions(sum_mode=SumMode.LEAST_SQUARES))
    np.testing.assert_allclose(_stems(cut).sum(axis=0), _song(cut), atol=1e-5)
    assert np.abs(_stems(whole).sum(axis=0) - _song(whole)).max() > 1e-2


def test_only_the_part_is_separated(make_song: MakeSong, separator: Separator, tmp_path: Path) -> None:
    song, counting = make_song(frames=60 * 8000), Wrapped(separator)
    options = SessionOptions(part=Part(30.0, 31.0))
    prepare_session(song, tmp_path / "a.stemrack", options=options, separator=counting)
    # A second of 8000 frames, at most a second and a half around it, in segments 3000 frames apart.
    assert 1 <= counting.segments <= math.ceil((2.5 * 8000 + separator.spec.segment) / 3000)


def test_a_part_that_is_all_of_the_song_is_the_song(make_song: MakeSong, separator: Separator, tmp_path: Path) -> None:
    song = make_song(frames=24_000)
    whole = prepare_session(song, tmp_path / "a.stemrack", separator=separator)
    options = SessionOptions(part=Part(0.0, 100.0))
    assert prepare_session(song, tmp_path / "a.stemrack", options=options, separator=separator) == whole
    assert not whole.manifest.is_part


def test_parts_are_sessions_of_their_own_and_found_again(
    make_song: MakeSong, separator: Separator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    song, made = make_song(frames=24_000), []
    for part in (Part(), Part(1.0, 2.0), Part(1.0), Part(0.5, 2.5)):
        options = SessionOptions(part=part)
        made.append(prepare_session(song, options=options, separator=separator))
        assert prepare_session(song, options=options, separator=separator) == made[-1]
    assert [session.folder.name for session in made] == [
        "song.stemrack",
        "song-1s-2s.stemrack",
        "song-1s-end.stemrack",
        "song-0.5s-2.5s.stemrack",
    ]
    assert len({session.manifest.key for session in made}) == 4


@pytest.mark.parametrize("stage", ["decode", "resample", "separate", "write"])
def test_a_stopped_part_goes_on_with_the_same_samples(
    make_song: MakeSong, separator: Separator, tmp_path: Path, stage: str
) -> None:
    song, options = make_song(frames=20 * 11_025, rate=11_025), SessionOptions(part=Part(2.0, 16.0))

    def stop(now: str, done: int, total: int) -> None:
        if now == stage and done > total / 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare_session(song, tmp_path / "a.stemrack", options=options, separator=separator, progress=stop)
    resumed = prepare_session(song, tmp_path / "a.stemrack", options=options, separator=separator)
    undisturbed = prepare_session(song, tmp_path / "b.stemrack", options=options, separator=separator, force=True)
    np.testing.assert_array_equal(_stems(resumed), _stems(undisturbed))
    assert sorted(path.name for path in resumed.folder.iterdir()) == ["session.toml", "song.wav", "stems"]


def _without_length(song: Path) -> Path:
    """The song as FLAC from a pipe, whose length only decoding tells."""
    samples, rate = soundfile.read(song)
    flac = song.with_suffix(".flac")
    soundfile.write(flac, samples, rate, "PCM_24")
    content = bytearray(flac.read_bytes())
    content[21] &= 0xF0  # STREAMINFO: 36 bits of total samples
    content[22:26] = bytes(4)
    flac.write_bytes(content)
    assert describe_song(flac).frames is None
    return flac


def test_a_part_of_a_song_that_does_not_tell_its_length(make_song: MakeSong, separator: Separator) -> None:
    _, cut = _both(_without_length(make_song(frames=24_000)), separator, Part(1.0, 100.0), SessionOptions())
    assert (cut.manifest.start, cut.manifest.frames, cut.manifest.source.frames) == (8000, 16_000, 24_000)


@pytest.mark.parametrize("tells_its_length", [True, False])
def test_a_part_after_the_songs_end_is_refused_and_leaves_nothing(
    make_song: MakeSong, separator: Separator, tmp_path: Path, *, tells_its_length: bool
) -> None:
    song = make_song(frames=24_000) if tells_its_length else _without_length(make_song(frames=24_000))
    target = tmp_path / "out" / "a.stemrack"
    with pytest.raises(UnsupportedAudio, match=r"song\..* is 3\.\d+ s long: no part begins at 60 s"):
        prepare_session(song, target, options=SessionOptions(part=Part(60.0, 61.0)), separator=separator)
    assert not target.parent.exists() or list(target.parent.iterdir()) == []


@pytest.mark.parametrize(("start", "end"), [(-1.0, None), (2.0, 2.0), (2.0, 1.0), (math.nan, None), (0.0, math.inf)])
def test_a_part_that_is_none_is_refused(start: float, end: float | None) -> None:
    with pytest.raises(ModelError, match="give"):
        Part(start, end)


rates = st.sampled_from([8000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000, 88_200, 96_000, 192_000])


@given(rate=rates, model_rate=rates, frames=st.integers(1, 1 << 26), ends=st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_a_cover_holds_the_part_and_keeps_to_every_grid(
    rate: int, model_rate: int, frames: int, ends: tuple[float, float]
) -> None:
    start, end = (round(end * (frames - 1)) for end in sorted(ends))
    found = cover(Span(start, end + 1), frames, Hertz(rate), Hertz(model_rate))
    at_model = model_frames(frames, Hertz(rate), Hertz(model_rate))
    assert 0 <= found.resampled_from <= found.shared.start <= start < end + 1 <= found.shared.end <= frames
    assert 0 <= found.model.start < found.model.end <= at_model
    assert found.model.start * rate == found.resampled_from * model_rate
    spectrum = sharing_spectrum(Hertz(rate))
    assert found.shared.start == 0 or start - found.shared.start >= spectrum.window
    assert found.shared.end == frames or found.shared.end - (end + 1) >= spectrum.window
    assert found.resampled_from == 0 or found.shared.start - found.resampled_from > 0.05 * rate
    assert found.model.end == at_model or found.model.end * rate > (found.shared.end + 0.05 * rate) * model_rate
    assert found.shared.start % spectrum.hop == 0
    assert cover(Span(0, frames), frames, Hertz(rate), Hertz(model_rate)).model == Span(0, at_model)
