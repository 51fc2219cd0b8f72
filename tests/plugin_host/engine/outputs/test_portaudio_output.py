import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from plugin_host.engine.outputs.contract import Block
from plugin_host.engine.outputs.opening import list_devices, open_output
from plugin_host.engine.outputs.portaudio_output import SoundCard, find_card, library
from plugin_host.engine.outputs.request import Lane, OutputRequest
from plugin_host.errors import OutputError

CARDS = [
    SoundCard(0, "Built-in Output", "Core Audio", 2, 44_100),
    SoundCard(1, "Scarlett 2i2 USB", "ALSA", 2, 48_000),
    SoundCard(2, "Scarlett 18i20 USB", "ALSA", 20, 48_000),
    SoundCard(3, "Scarlett 18i20 USB", "JACK Audio Connection Kit", 20, 48_000),
]


@pytest.fixture
def portaudio() -> None:
    """The real library, or no test."""
    try:
        library()
    except OutputError as error:
        pytest.skip(str(error))


@pytest.fixture
def file_card(portaudio: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A sound card of ALSA's that writes what it is given to the returned raw float32 file."""
    if not Path("/usr/share/alsa/alsa.conf").exists():
        pytest.skip("needs ALSA's configuration: apt-get install libasound2-data")
    raw, config = tmp_path / "heard.raw", tmp_path / "asound.conf"
    config.write_text(
        "</usr/share/alsa/alsa.conf>\n"
        f'pcm.stemrack_file {{ type file file "{raw}" format "raw" slave.pcm "null" hint {{ show on }} }}\n'
    )
    monkeypatch.setenv("ALSA_CONFIG_PATH", str(config))
    return raw


class Slow:
    """A pull that takes its time: that card plays as fast as it is given something."""

    def __init__(self, pull) -> None:
        self._pull = pull

    def __call__(self, block: Block) -> None:
        time.sleep(0.002)
        self._pull(block)


def test_each_signal_comes_out_of_its_channels(file_card: Path, counting, wait_until) -> None:
    lanes = (Lane("master", channels=(3, 4)), Lane("vocals"), Lane("drums", channels=(8, 6)))
    output = open_output(OutputRequest("portaudio", 48_000, lanes, device="stemrack_file", buffer=128))
    assert (output.rate, output.buffer, output.channels) == (48_000, 128, 6)
    assert output.title == "stemrack_file, ALSA"
    output.start(Slow(counting))
    wait_until(lambda: counting.frames >= 4096)
    assert output.alive
    assert output.latency_frames > 0
    output.stop()
    assert not output.alive
    assert output.problem == ""
    heard = np.fromfile(file_card, dtype="<f4").reshape(-1, 8)
    heard = heard[heard.any(axis=1).argmax() :]  # PortAudio fills the card's buffer with silence before it asks
    assert len(heard) >= 3000
    expected = np.zeros_like(heard)
    for pulled, channel in enumerate([2, 3, 0, 1, 7, 5]):
        expected[:, channel] = np.arange(1, len(heard) + 1) + 1_000_000 * pulled
    np.testing.assert_array_equal(heard, expected)


def test_a_card_is_listed_and_more_channels_than_it_has_are_refused(file_card: Path) -> None:
    (cards,) = (backend for backend in list_devices() if backend.kind == "portaudio")
    assert any(line.startswith("stemrack_file, ALSA (128 channels") for line in cards.devices)
    lanes = tuple(Lane(f"track {number}") for number in range(65))
    with pytest.raises(OutputError, match="has 128 output channels and 130 are asked for"):
        open_output(OutputRequest("portaudio", 48_000, lanes, device="stemrack_file"))


def test_a_card_that_is_not_there_is_one_line_with_near_names(file_card: Path) -> None:
    with pytest.raises(OutputError, match="no sound card 'stemrak': there is stemrack_file, ALSA") as refused:
        open_output(OutputRequest("portaudio", 48_000, device="stemrak"))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("wanted", "index"),
    [("", 1), ("built-in output", 0), ("2i2", 1), ("scarlett 2i2", 1), ("18i20 alsa", 2), ("18i20 usb, alsa", 2)],
)
def test_a_card_is_found_by_what_tells_it_apart(wanted: str, index: int) -> None:
    assert find_card(CARDS, wanted, usual=1).index == index


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ("Scarlett", "could be Scarlett 2i2 USB, ALSA; Scarlett 18i20 USB, ALSA"),
        ("Scarlett 18i20 USB", "give one of these names in full"),
        ("Scarlet 2i4", "there is Scarlett 2i2 USB, ALSA"),
        ("zzz", "Built-in Output, Core Audio"),
    ],
)
def test_a_name_that_fits_none_or_several_is_refused(wanted: str, words: str) -> None:
    with pytest.raises(OutputError, match=words):
        find_card(CARDS, wanted, usual=1)


def test_no_card_at_all_says_what_to_do() -> None:
    with pytest.raises(OutputError, match="--jack or --null"):
        find_card([], "", usual=-1)


@pytest.mark.usefixtures("portaudio")
def test_a_card_whose_driver_hangs_when_it_is_lost_holds_nothing_up(mortal_jackd) -> None:
    mortal_jackd.start()
    script = Path(__file__).with_name("lost_sound_card.py")
    command = [sys.executable, script, mortal_jackd.name, str(mortal_jackd.process.pid)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (run.returncode, run.stderr) == (0, "")
    assert "is gone" in run.stdout
    assert "clocked until" in run.stdout
