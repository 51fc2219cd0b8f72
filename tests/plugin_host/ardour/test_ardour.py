"""A real Ardour and `stemrack play`: one moves the other, over OSC and JACK's transport, and records it."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import soundfile

Studio = Any  # the conftest's
Until = Callable[[Callable[[], object]], None]
FADE = 960
"""Frames in which playing fades in."""
TAKES = 4
LOOKS = 20
BURSTS = 4
SUPERCLOCKS_PER_FRAME = 5_880
RATE = 48_000


def stand_at_the_beginning(studio: Studio, until: Until) -> None:
    """Wherever it was stopped."""
    studio.jack.transport_stop()
    until(lambda: studio.jack.transport_state == 0)
    studio.jack.transport_frame = 0
    until(lambda: studio.jack.transport_frame == 0 and studio.stemrack.ask("/transport/position") == 0.0)


def begin_in(studio: Studio, program: str) -> None:
    if program == "Ardour":
        studio.ardour.osc.send("/transport_play")
    else:
        studio.stemrack.send("/transport/play")


def newest(studio: Studio) -> dict[str, tuple[str, int]]:
    """The last region of every track that has one, and the frame of Ardour's time line where it begins."""
    found: dict[str, tuple[str, int]] = {}
    for region in studio.ardour.save().iter("Region"):
        name, place = region.get("name", ""), region.get("length", "").rpartition("@a")[2]
        for stem in studio.stems:
            if f"_{stem}-" in name and "." not in name:
                found[stem] = max(found.get(stem, ("", 0)), (name, int(place) // SUPERCLOCKS_PER_FRAME))
    return found


def record(studio: Studio, program: str, until: Until) -> dict[str, tuple[int, np.ndarray]]:
    """Have all of it recorded; by track that was: the frame where it begins, and (2, frame)."""
    stand_at_the_beginning(studio, until)
    before = newest(studio)
    studio.ardour.osc.send("/rec_enable_toggle")
    begin_in(studio, program)
    until(lambda: studio.stemrack.ask("/transport/position") > 2.5)
    studio.stemrack.send("/transport/pause")
    until(lambda: studio.jack.transport_state == 0)
    for _ in range(LOOKS):  # it writes what is in its buffers first
        recorded = {stem: take for stem, take in newest(studio).items() if take != before.get(stem)}
        if len(recorded) == len(studio.stems):
            break
        time.sleep(0.2)
    return {stem: (place, sound(studio, region)) for stem, (region, place) in recorded.items()}


def sound(studio: Studio, region: str) -> np.ndarray:
    """(2, frame)."""
    return np.stack([soundfile.read(side, dtype="float32")[0] for side in studio.ardour.recording(region)])


@pytest.mark.parametrize("program", ["Ardour", "stemrack"])
def test_ardour_records_every_stem_sample_by_sample(program: str, studio: Studio, until: Until) -> None:
    """Whichever of them begins: Ardour's time line holds the song, frame by frame where it belongs."""
    for _ in range(TAKES):  # either may miss a period on a busy machine
        wrong = {}
        for name, (place, got) in record(studio, program, until).items():
            wanted = studio.stems[name][:, place : place + got.shape[1] - FADE]
            wrong[name] = np.flatnonzero((got[:, : wanted.shape[1]] != wanted).any(axis=0))
            assert wanted.shape[1] > 90_000
        if len(wrong) == len(studio.stems) and not any(len(frames) for frames in wrong.values()):
            break
    assert {name: len(frames) for name, frames in wrong.items()} == dict.fromkeys(studio.stems, 0)


def test_ardours_automation_moves_stemracks_fader(acquainted: Studio, until: Until) -> None:
    """A headless Ardour tells of a fader that moved by itself when it stops."""
    studio = acquainted
    stand_at_the_beginning(studio, until)
    begin_in(studio, "Ardour")
    until(lambda: studio.jack.transport_frame > 3.2 * RATE)
    studio.jack.transport_stop()
    until(lambda: studio.stemrack.ask("/track/drums/gain") == pytest.approx(-20.0, abs=0.01))
    assert studio.stemrack.ask("/track/other/gain") == 0.0


def test_a_fader_moved_in_either_is_moved_in_the_other(acquainted: Studio, until: Until) -> None:
    studio = acquainted
    bass = list(studio.stems).index("bass") + 1
    studio.ardour.osc.send("/strip/gain", bass, -3.0)
    until(lambda: studio.stemrack.ask("/track/bass/gain") == pytest.approx(-3.0, abs=0.001))
    studio.stemrack.send("/track/bass/gain", -14.0)
    time.sleep(1.0)  # would they echo each other, they would do so now
    assert studio.stemrack.ask("/track/bass/gain") == pytest.approx(-14.0, abs=0.001)
    assert ardours_fader(studio, "bass") == pytest.approx(-14.0, abs=0.001)


@pytest.mark.parametrize("program", ["Ardour", "stemrack"])
def test_a_fader_moved_fast_in_either_ends_in_both_where_the_hand_left_it(program: str, acquainted: Studio) -> None:
    """Whatever the other says meanwhile, and however late."""
    studio = acquainted
    bass = list(studio.stems).index("bass") + 1
    for burst in range(BURSTS):
        end = -14.0 + burst
        for step in range(50, -1, -1):
            if program == "Ardour":
                studio.ardour.osc.send("/strip/gain", bass, end + 0.1 * step)
            else:
                studio.stemrack.send("/track/bass/gain", end + 0.1 * step)
            time.sleep(0.004)
        time.sleep(0.7)
        assert studio.stemrack.ask("/track/bass/gain") == pytest.approx(end, abs=0.001)
        assert ardours_fader(studio, "bass") == pytest.approx(end, abs=0.001)


def ardours_fader(studio: Studio, track: str) -> float:
    """dB, as Ardour saves it."""
    route = next(route for route in studio.ardour.save().iter("Route") if route.get("name") == track)
    fader = next(each for each in route.iter("Controllable") if each.get("name") == "gaincontrol")
    return float(20 * np.log10(float(fader.get("value", "nan"))))
