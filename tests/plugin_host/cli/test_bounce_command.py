"""`stemrack bounce`: what it is asked for is known to be possible before it works, and nothing is written over."""

import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner, Result

from plugin_host.cli.app import app
from plugin_host.desk.take_files import TAKES_FOLDER, take_path, write_take
from plugin_host.effects.catalogue import check_effect
from plugin_host.mix.mix_file import read_mix, write_mix
from plugin_host.mix.state import Master, plain_mix
from plugin_host.mix.take import Take
from plugin_host.stems.open_session import HostSession, open_for_host


@pytest.fixture
def copy(session: HostSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HostSession:
    """A session of one's own, in the working folder."""
    monkeypatch.chdir(tmp_path)
    return open_for_host(shutil.copytree(session.folder, tmp_path / "song.stemrack"))


def bounce(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["bounce", "song.stemrack", *map(str, arguments)])


def heard(path: str) -> np.ndarray:
    return soundfile.read(path, dtype="float32")[0]


def keep_take(session: HostSession, name: str, start: int) -> None:
    path = take_path(session.folder / TAKES_FOLDER, name)
    write_take(path, Take(plain_mix(session.stems), start), session.rate)


@pytest.mark.parametrize("turns", ["0", "2,1"])
def test_a_comparison_that_cannot_be_is_refused_before_the_work(turns: str, copy: HostSession) -> None:
    assert bounce("-o", "a.wav", "--compare", turns).exit_code == 1
    assert not Path("a.wav").exists()


def test_a_comparison_needs_the_mix(copy: HostSession) -> None:
    Path("a.wav").write_bytes(b"an older mix")
    done = bounce("-o", "a.wav", "--only-tracks", "--tracks", "dry", "--compare", "1")
    assert done.exit_code == 2
    assert "--only-tracks" in done.output
    assert not Path("a-tracks").exists()


def test_a_comparison_that_is_there_is_kept_and_said_before_the_work(copy: HostSession) -> None:
    Path("a-compare.wav").write_bytes(b"mine")
    done = bounce("-o", "a.wav", "--compare", "1")
    assert done.exit_code == 1
    assert "a-compare.wav is there already" in str(done.exception)
    assert not Path("a.wav").exists()
    assert bounce("-o", "a.wav", "--compare", "1", "--force").exit_code == 0


@pytest.mark.parametrize("name", [".", "/", "song.stemrack"])
def test_a_folder_is_no_name_for_a_file(name: str, copy: HostSession) -> None:
    done = bounce("-o", name, "--tracks", "both", "--compare", "1")
    assert done.exit_code == 1
    assert "is a directory" in str(done.exception)


@pytest.mark.parametrize("mix", [(), ("--only-tracks",)])
def test_tracks_that_are_there_are_written_over_by_force_alone(mix: tuple[str, ...], copy: HostSession) -> None:
    Path("a-tracks").mkdir()
    kept = Path("a-tracks", f"02-{copy.stems[1]}.wav")
    kept.write_bytes(b"mine")
    done = bounce("-o", "a.wav", "--tracks", "wet", *mix)
    assert done.exit_code == 1
    assert f"{kept} is there already" in str(done.exception)
    assert kept.read_bytes() == b"mine"
    assert bounce("-o", "a.wav", "--tracks", "dry", *mix).exit_code == 0  # these have names of their own
    assert bounce("-o", "a.wav", "--tracks", "wet", *mix, "--force").exit_code == 0
    assert kept.read_bytes() != b"mine"


def test_a_take_is_compared_with_the_song_from_where_it_begins(copy: HostSession) -> None:
    keep_take(copy, "late", start=int(copy.rate))
    assert bounce("-o", "a.wav", "--take", "late", "--compare", "0.5").exit_code == 0
    remix, both = heard("a.wav"), heard("a-compare.wav")
    assert len(both) == len(remix) == copy.frames - copy.rate
    assert np.max(np.abs(both - remix)) < 1e-5  # nothing was moved: song and remix are the same


def test_a_take_may_have_another_ceiling(copy: HostSession) -> None:
    keep_take(copy, "whole", start=0)
    assert bounce("-o", "a.wav", "--take", "whole", "--ceiling", "-20").exit_code == 0
    assert np.max(np.abs(heard("a.wav"))) == pytest.approx(0.1, rel=0.01)


@pytest.mark.parametrize("also", [(), ("--no-limiter",), ("--take", "whole")])
def test_a_ceiling_asks_for_the_limiter_that_holds_it(also: tuple[str, ...], copy: HostSession) -> None:
    off = replace(plain_mix(copy.stems), master=Master(gain_db=12.0, limiter=False))
    write_mix(copy.folder / "mix.toml", off)
    write_take(take_path(copy.folder / TAKES_FOLDER, "whole"), Take(off, 0), copy.rate)
    done = bounce("-o", "a.wav", "--ceiling", "-20", *also)
    assert done.exit_code == 2
    assert "the limiter is off: add --limiter" in " ".join(done.stderr.replace("│", "").split())
    assert not Path("a.wav").exists()
    again = [word for word in also if word != "--no-limiter"]
    assert bounce("-o", "a.wav", "--ceiling", "-20", *again, "--limiter").exit_code == 0
    assert np.max(np.abs(heard("a.wav"))) == pytest.approx(0.1, rel=0.01)


def test_a_loudness_stays_under_its_ceiling_without_the_limiter(copy: HostSession) -> None:
    write_mix(copy.folder / "mix.toml", replace(plain_mix(copy.stems), master=Master(limiter=False)))
    done = bounce("-o", "a.wav", "--loudness", "-5", "--ceiling", "-9", "--save")
    assert done.exit_code == 0
    assert "limiter took" not in done.stdout
    assert 20 * np.log10(np.max(np.abs(heard("a.wav")))) < -9
    assert read_mix(copy.folder / "mix.toml", check_effect).master == Master(limiter=False, ceiling_db=-9.0)


def test_a_kept_mix_finds_its_impulse_response_from_any_folder(
    copy: HostSession, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    soundfile.write("hall.wav", [1.0, 0.0, 0.5], copy.rate)
    Path("hall.toml").write_text(
        'purpose = "A hall"\n[[chain]]\neffect = "convolution"\nimpulse_response_filename = "hall.wav"\n'
    )
    assert bounce("-o", "a.wav", "--chain", "vocals=./hall.toml", "--save").exit_code == 0
    monkeypatch.chdir("/")
    again = CliRunner().invoke(app, ["bounce", str(tmp_path / "song.stemrack"), "-o", str(tmp_path / "b.wav")])
    assert again.exit_code == 0
    np.testing.assert_array_equal(heard(str(tmp_path / "b.wav")), heard(str(tmp_path / "a.wav")))


def test_what_was_written_is_told_also_where_the_mix_cannot_be_kept(copy: HostSession) -> None:
    (copy.folder / "mix.toml").mkdir()  # a file cannot take its place
    done = bounce("-o", "a.wav", "--plain", "--save")
    assert done.exit_code == 1
    assert "a.wav" in done.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_polite_kill_leaves_nothing_behind(number: signal.Signals, copy: HostSession) -> None:
    held = '[[chain]]\neffect = "reverb"\nfreeze_mode = 1.0\n' * 20
    Path("held.toml").write_text(f'purpose = "sounds on for ever"\n{held}')
    there = set(Path.cwd().iterdir())
    command = [sys.executable, "-c", "from plugin_host.cli import main; main()", "bounce", "song.stemrack"]
    before = signal.signal(number, signal.SIG_DFL)  # a test that runs under `nohup` would hand its deafness on
    job = subprocess.Popen([*command, "--chain", "vocals=./held.toml", "--tail", "600", "--tracks", "wet"])
    signal.signal(number, before)
    try:
        while job.poll() is None and not list(Path.cwd().glob(".*.part")):
            time.sleep(0.01)
        job.send_signal(number)
        assert job.wait(60) == 130
    finally:
        job.kill()
        job.wait()
    assert set(Path.cwd().iterdir()) == there
