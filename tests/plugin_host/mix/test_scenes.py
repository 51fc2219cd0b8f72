"""Recalling a scene: what it names changes, nothing else, and it fits any set of stems."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugin_host.errors import MixError
from plugin_host.mix.roles import ROLES, STEM_ROLES, roles_of
from plugin_host.mix.scenes import MasterScene, Scene, TrackScene, apply_scene
from plugin_host.mix.state import Effect, Master, Mix, Track, plain_mix

CHAIN = (Effect("gain"),)
BUSY = Mix(
    (Track("lead", "vocals", CHAIN, -3.0, 0.3, True, True, True), Track("drums", "drums", CHAIN, -6.0)),
    Master(CHAIN, -2.0, False, -3.0),
)


def test_an_empty_scene_changes_nothing() -> None:
    assert apply_scene(BUSY, Scene("empty", "nothing")) == BUSY


@given(st.booleans(), st.floats(-60.0, 12.0), st.floats(-1.0, 1.0))
def test_only_what_is_named_changes(mute: bool, gain: float, pan: float) -> None:
    scene = Scene("s", "p", {"lead": TrackScene(gain_db=gain, pan=pan, mute=mute)}, {}, MasterScene(ceiling_db=-1.0))
    mix = apply_scene(BUSY, scene)
    assert mix.tracks == (Track("lead", "vocals", CHAIN, gain, pan, mute, True, True), BUSY.tracks[1])
    assert mix.master == Master(CHAIN, -2.0, False, -1.0)
    assert apply_scene(mix, scene) == mix


def test_an_empty_chain_clears_and_a_missing_one_does_not() -> None:
    cleared = apply_scene(BUSY, Scene("s", "p", {"drums": TrackScene(chain=())}, {}, MasterScene(chain=())))
    assert [track.chain for track in cleared.tracks] == [CHAIN, ()]
    assert cleared.master.chain == ()


def _gains(mix: Mix, scene: Scene) -> list[float]:
    return [track.gain_db for track in apply_scene(mix, scene).tracks]


def test_the_narrowest_entry_counts_alone() -> None:
    scene = Scene(
        "s",
        "p",
        tracks={"left": TrackScene(gain_db=-1), "vocals": TrackScene(gain_db=-2), "*": TrackScene(gain_db=-6, pan=1)},
        roles={"keys": TrackScene(gain_db=-3), "harmony": TrackScene(gain_db=-4), "rhythm": TrackScene(gain_db=-5)},
    )
    stems = {"left": "piano", "vocals": "vocals", "piano": "piano", "guitar": "guitar", "drums": "drums", "x": "x"}
    mix = Mix(tuple(Track(name, stem) for name, stem in stems.items()))
    assert _gains(mix, scene) == [-1, -2, -3, -4, -5, -6]
    assert [track.pan for track in apply_scene(mix, scene).tracks] == [0, 0, 0, 0, 0, 1]


def test_a_scene_for_roles_fits_two_four_and_six_stems() -> None:
    scene = Scene("s", "p", {"*": TrackScene(mute=False)}, {"voice": TrackScene(mute=True)}, needs=("voice",))
    for stems in (
        ("vocals", "no_vocals"),
        ("drums", "bass", "other", "vocals"),
        ("drums", "bass", "other", "vocals", "guitar", "piano"),
    ):
        mix = apply_scene(plain_mix(stems), scene)
        assert [track.name for track in mix.tracks if track.mute] == ["vocals"]


def test_a_scene_that_needs_what_is_not_there_says_so_in_one_line() -> None:
    scene = Scene("karaoke", "p", roles={"voice": TrackScene(mute=True)}, needs=("voice",))
    with pytest.raises(MixError) as caught:
        apply_scene(plain_mix(("drums", "no_drums")), scene)
    assert "'karaoke' needs a stem of role 'voice', this mix has drums, no_drums" in str(caught.value)


@given(st.sampled_from(sorted(STEM_ROLES)))
def test_what_is_left_when_a_stem_is_taken_out_does_not_play_its_part(stem: str) -> None:
    assert roles_of(f"no_{stem}") == ("accompaniment",)
    assert set(roles_of(stem.upper())) <= ROLES
