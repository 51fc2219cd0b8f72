"""Which signals leave the engine, and by which channels."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from plugin_host.engine.outputs.request import Lane, lane_channels
from plugin_host.errors import OutputError
from plugin_host.live.host import EngineHost
from plugin_host.live.lanes import SPARE_LANES, lanes_of, with_lanes_for
from plugin_host.live.messages import LiveSettings
from plugin_host.mix.apply import apply
from plugin_host.mix.commands import SetGain
from plugin_host.mix.state import plain_mix
from plugin_host.mix.transport import Play
from plugin_host.stems.open_session import HostSession

Launch = Callable[..., EngineHost]
NOWHERE = Path("x.stemrack")
TRACKS = ("vocals", "drums")
COMPARED = 8_000


@pytest.mark.parametrize(
    ("settings", "channels"),
    [
        ({}, {"master": (0, 1)}),
        ({"direct": "post"}, {"master": (0, 1), "vocals": (2, 3), "drums": (4, 5)}),
        ({"outs": (("drums", (7, 3)),)}, {"master": (0, 1), "drums": (6, 2)}),
        ({"direct": "pre", "outs": (("master", (5, 6)),)}, {"master": (4, 5), "vocals": (0, 1), "drums": (2, 3)}),
        ({"direct": "post", "outs": (("master", ()),)}, {"master": (None, None), "vocals": (0, 1), "drums": (2, 3)}),
    ],
)
def test_every_signal_has_the_channels_it_was_given_or_the_next_that_are_free(
    settings: dict[str, Any], channels: dict[str, tuple[int | None, int | None]]
) -> None:
    lanes = lanes_of(LiveSettings(NOWHERE, **settings), TRACKS)
    places = iter(lane_channels(lanes))
    assert {lane.name: (next(places), next(places)) for lane in lanes} == channels
    assert all(lane.pre_fader == (settings.get("direct") == "pre") for lane in lanes[1:])


def test_in_jack_there_is_room_for_tracks_that_come_later() -> None:
    lanes = lanes_of(LiveSettings(NOWHERE, "jack", direct="pre"), TRACKS)
    assert [lane.name for lane in lanes] == ["master", *TRACKS, *[""] * SPARE_LANES]
    first, left_out = with_lanes_for(lanes, ["bass", "vocals"])
    assert [lane.name for lane in first[3:5]] == ["bass", ""]
    assert (first[3].pre_fader, left_out) == (True, [])
    others = [f"other {number}" for number in range(SPARE_LANES)]
    every, left_out = with_lanes_for(first, others)
    assert [lane.name for lane in every] == ["master", *TRACKS, "bass", *others[:-1]]
    assert left_out == others[-1:]
    for alone in (LiveSettings(NOWHERE, "jack"), LiveSettings(NOWHERE, "file", direct="pre")):
        assert all(lane.name for lane in lanes_of(alone, TRACKS))


def test_something_must_come_out_somewhere() -> None:
    with pytest.raises(OutputError, match="goes anywhere"):
        lane_channels([Lane("master", channels=())])
    with pytest.raises(OutputError, match="twice"):
        lane_channels([Lane("master", channels=(3, 4)), Lane("drums", channels=(4, 5))])


@pytest.mark.parametrize("direct", ["pre", "post"])
def test_tracks_without_the_master_by_channels_of_choice(
    session: HostSession, launch: Launch, tmp_path: Path, direct: str
) -> None:
    """A multichannel device, as a DAW would listen to it; its stand-in is a file."""
    outs = (("master", ()), ("bass", (6, 5)), ("other", ()))
    out = tmp_path / "out.wav"
    mix = apply(plain_mix(session.stems), SetGain("vocals", -6.0))
    engine = launch(session, mix, output="file", path=out, direct=direct, outs=outs)
    engine.send(1, Play())
    deadline = time.monotonic() + 30
    while engine.status().song_frame < COMPARED + 8_000:  # of which some are not taken yet
        assert time.monotonic() < deadline
        time.sleep(0.02)
    engine.close()
    heard = soundfile.read(out, dtype="float32", always_2d=True)[0].T
    assert heard.shape[0] == 6
    begin = int(heard[2].astype(bool).argmax())  # noise, from the first sample on
    stems = {name: soundfile.read(session.session.stem_path(name), dtype="float32")[0].T for name in session.stems}
    vocals = stems["vocals"] * (1.0 if direct == "pre" else np.float32(10 ** (-6 / 20)))
    for pair, wanted in (((0, 1), vocals), ((2, 3), stems["drums"]), ((5, 4), stems["bass"])):
        found = heard[list(pair), begin : begin + COMPARED]
        assert found.shape[1] == COMPARED
        np.testing.assert_allclose(found, wanted[:, : found.shape[1]], atol=1e-6)
