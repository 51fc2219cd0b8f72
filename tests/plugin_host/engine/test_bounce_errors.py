"""Every bounce that cannot be done says why in one line, and writes nothing."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from plugin_host.engine.bounce import bounce
from plugin_host.engine.bounce_files import TrackFiles, safe_name
from plugin_host.engine.bounce_settings import BounceSettings
from plugin_host.errors import BounceError, EffectError, HostError, MixError
from plugin_host.mix.state import Effect, Master, Mix, Track, plain_mix
from plugin_host.stems.open_session import HostSession
from separation_core.audio.writing import SampleFormat


def refused(error: type[HostError], match: str, call: Callable[[], object]) -> None:
    with pytest.raises(error, match=match) as caught:
        call()
    assert "\n" not in str(caught.value)


def plainly(session: HostSession, out: Path, settings: BounceSettings | None = None) -> Callable[[], object]:
    """A bounce of the untouched mix, to be tried."""
    return lambda: bounce(session, plain_mix(session.stems), out, settings)


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"start": 2.0, "end": 1.0}, "start 2 s is not before end 1 s"),
        ({"start": 1.0, "end": 1.0}, "not before end"),
        ({"start": 99.0}, "start is 99 s: give 0 to 3.000"),
        ({"start": -1.0}, "start is -1 s"),
        ({"start": float("nan")}, "start is nan s"),
        ({"end": float("nan")}, "not before end"),
        ({"loudness": 3.0}, "loudness is 3.0 LUFS"),
        ({"loudness": float("nan")}, "loudness is nan"),
        ({"tail": -1.0}, "tail is -1.0 s"),
        ({"threads": 0}, "threads is 0"),
        ({"block_frames": 1}, "block is 1 frames"),
        ({"mix": False}, "neither the mix nor its tracks"),
    ],
)
def test_settings_that_make_no_sense(session: HostSession, tmp_path: Path, settings: dict, match: str) -> None:
    refused(
        BounceError,
        match,
        lambda: plainly(session, tmp_path / "a.wav", BounceSettings(**settings))(),
    )
    assert list(tmp_path.iterdir()) == []


def test_an_output_that_is_a_directory(session: HostSession, tmp_path: Path) -> None:
    refused(BounceError, "is a directory: name a file", plainly(session, tmp_path))


def test_an_output_whose_name_is_of_another_format(session: HostSession, tmp_path: Path) -> None:
    settings = BounceSettings(fmt=SampleFormat.FLAC)
    refused(BounceError, "name it a.flac", plainly(session, tmp_path / "a.wav", settings))
    refused(BounceError, "name it a.wav", plainly(session, tmp_path / "a.mp3"))


def test_an_output_in_a_folder_that_is_not_there(session: HostSession, tmp_path: Path) -> None:
    refused(BounceError, "make it first", plainly(session, tmp_path / "no" / "a.wav"))


def test_no_file_of_the_session_is_written_over(session: HostSession, tmp_path: Path) -> None:
    stem = session.folder / "stems" / "bass.wav"
    before = stem.read_bytes()
    (tmp_path / "link.wav").symlink_to(stem)
    (tmp_path / "hard.wav").hardlink_to(stem)
    for out in (stem, tmp_path / "link.wav", tmp_path / "hard.wav", session.folder / "song.wav"):
        refused(BounceError, "is part of the session", plainly(session, out))
    assert stem.read_bytes() == before


def test_tracks_whose_folder_is_a_file(session: HostSession, tmp_path: Path) -> None:
    (tmp_path / "a-tracks").write_text("mine")
    settings = BounceSettings(tracks=TrackFiles.WET)
    refused(
        BounceError,
        "is a file: move it away",
        plainly(session, tmp_path / "a.wav", settings),
    )


def test_a_mix_that_does_not_fit_the_session(session: HostSession, tmp_path: Path) -> None:
    stranger = Mix((Track("Keys", "piano"),))
    refused(MixError, "track Keys: no stem 'piano'", lambda: bounce(session, stranger, tmp_path / "a.wav"))
    refused(MixError, "no tracks", lambda: bounce(session, Mix(()), tmp_path / "a.wav"))


def test_an_effect_that_is_wrong_names_its_track(session: HostSession, tmp_path: Path) -> None:
    wrong = Mix((Track("Low", "bass", (Effect("compresor"),)),))
    refused(EffectError, "track Low: ", lambda: bounce(session, wrong, tmp_path / "a.wav"))
    ahead = Mix((Track("Low", "bass"),), Master(chain=(Effect("pitch_shift", {"semitones": 1.0}),)))
    refused(MixError, "master: pitch_shift", lambda: bounce(session, ahead, tmp_path / "a.wav"))
    assert list(tmp_path.iterdir()) == []


def test_a_stem_that_went_missing_or_short_since_it_was_opened(
    make_session: Callable[[dict], HostSession], stems: dict, tmp_path: Path
) -> None:
    session = make_session(stems)
    path = session.folder / "stems" / "drums.wav"
    whole = path.read_bytes()
    path.unlink()
    refused(
        MixError,
        "drums.wav: this file .* is missing",
        plainly(session, tmp_path / "a.wav"),
    )
    path.write_bytes(whole[: len(whole) // 2])
    refused(MixError, "drums.wav", plainly(session, tmp_path / "a.wav"))
    assert not (tmp_path / "a.wav").exists()


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from plugin_host.engine.bounce import bounce
from plugin_host.errors import BounceError
from plugin_host.mix.state import plain_mix
from plugin_host.stems.open_session import open_for_host
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
session = open_for_host(Path(sys.argv[1]))
try:
    bounce(session, plain_mix(session.stems), Path(sys.argv[2]))
except BounceError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="file-size limits are POSIX")
def test_a_full_disk(session: HostSession, tmp_path: Path) -> None:
    """A file-size limit stands for the disk: writing fails half-way with the same kind of error."""
    command = [sys.executable, "-c", FULL_DISK, str(session.folder), str(tmp_path / "a.wav")]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.stderr == ""
    assert "a.wav cannot be written" in ran.stdout
    assert ran.stdout.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Lead vocal", "Lead vocal"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("a:b*c?", "a_b_c_"),
        ("Gitarre (Größe)", "Gitarre _Größe_"),
        ("...", "track"),
        ("", "track"),
        ("x" * 300, "x" * 60),
        ("NUL\0", "NUL_"),
    ],
)
def test_track_names_become_safe_file_names(name: str, expected: str) -> None:
    assert safe_name(name) == expected


def test_tracks_whose_names_meet_as_file_names_do_not_overwrite_each_other(
    session: HostSession, tmp_path: Path
) -> None:
    mix = Mix((Track("a/b", "bass"), Track("a:b", "drums")))
    settings = BounceSettings(mix=False, tracks=TrackFiles.WET)
    report = bounce(session, mix, tmp_path / "a.wav", settings)
    assert len({file.path for file in report.tracks}) == 2
    assert all(file.path.parent == tmp_path / "a-tracks" for file in report.tracks)
    assert not (tmp_path / "a.wav").exists()
