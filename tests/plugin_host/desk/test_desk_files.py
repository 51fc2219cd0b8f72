"""Scenes of the user's own, and what a session keeps of its song."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plugin_host.desk.scene_files import scene_of, store_scene
from plugin_host.desk.transport_file import read_transport, write_transport
from plugin_host.effects.catalogue import check_effect
from plugin_host.errors import MixError, PresetError
from plugin_host.mix import commands as c
from plugin_host.mix.apply import apply
from plugin_host.mix.preset_files import read_scene
from plugin_host.mix.presets import PresetLibrary
from plugin_host.mix.scenes import apply_scene
from plugin_host.mix.state import Effect, Mix, Track, plain_mix
from plugin_host.mix.transport import Marker, Transport


def test_a_kept_scene_brings_the_mix_back(tmp_path: Path, mix: Mix) -> None:
    path = store_scene(tmp_path, scene_of(mix, "my mix"))
    library = PresetLibrary((tmp_path,), tmp_path / "none", check_effect)
    assert path == tmp_path / "scenes" / "my mix.toml"
    assert apply_scene(plain_mix(("vocals", "drums", "bass")), library.scene("my mix")) == mix
    store_scene(tmp_path, scene_of(plain_mix(("vocals",)), "my mix", "again"))
    assert library.scene("my mix").purpose == "again"
    assert len(list(path.parent.iterdir())) == 1


@pytest.mark.parametrize("name", ["", "../x", ".x", "a/b", "n" * 101, "a\nb"])
def test_names_that_no_scene_can_have(tmp_path: Path, name: str) -> None:
    with pytest.raises(MixError, match="cannot name a scene"):
        store_scene(tmp_path, scene_of(plain_mix(("a",)), name))


def test_a_track_called_star_is_refused() -> None:
    with pytest.raises(MixError, match="rename"):
        scene_of(Mix((Track("*", "a"),)), "x")


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "scenes").write_text("in the way")
    with pytest.raises(PresetError, match="cannot be made"):
        store_scene(tmp_path, scene_of(plain_mix(("a",)), "x"))


TRANSPORTS = st.builds(
    lambda tempo, beats, loop, markers: Transport(
        tempo=tempo,
        beats_per_bar=beats,
        loop=(loop, loop + 32) if loop is not None else None,
        markers=tuple(sorted((Marker(n, f) for n, f in markers.items()), key=lambda marker: marker.frame)),
    ),
    st.none() | st.floats(20, 400),
    st.integers(1, 32),
    st.none() | st.integers(0, 900),
    st.dictionaries(st.text("abc", min_size=1, max_size=4), st.integers(0, 1000), max_size=5),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TRANSPORTS)
def test_what_is_known_of_the_song_comes_back(tmp_path: Path, transport: Transport) -> None:
    write_transport(tmp_path / "transport.toml", transport)
    again = read_transport(tmp_path / "transport.toml", 1000)
    assert (again.tempo, again.beats_per_bar, again.loop) == (transport.tempo, transport.beats_per_bar, transport.loop)
    assert set(again.markers) == set(transport.markers)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("tempo = 120", "format"),
        ("format = 1\ntempo = 1e9", "line 2: tempo"),
        ("format = 1\nbeats_per_bar = 0", "line 2: beats_per_bar"),
        ("format = 1\nbeats_per_bar = true", "whole number"),
        ("format = 1\nloop = [5, 6]", "line 2: loop"),
        ("format = 1\nloop = 5", "two frames"),
        ("format = 1\n[[markers]]\nname = 'x'\nframe = -1", "frame"),
        ("format = 1\nspeed = 2", "unknown key"),
    ],
)
def test_a_broken_transport_file_is_named_with_its_line(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "transport.toml"
    path.write_text(text)
    with pytest.raises(PresetError, match=complaint):
        read_transport(path, 1000)


def test_a_stored_scene_brings_back_sends_and_aux_buses(tmp_path: Path) -> None:
    mix = plain_mix(("drums", "vocals"))
    for command in (c.SetSend("vocals", 1, -9.0), c.SetAuxGain(1, -3.0), c.SetChain(c.Bus.AUX_1, (Effect("chorus"),))):
        mix = apply(mix, command)
    path = store_scene(tmp_path, scene_of(mix, "wet"))
    scene = read_scene(path, check_effect, lambda name: ())
    assert apply(plain_mix(("drums", "vocals")), c.RecallScene(scene)) == mix
