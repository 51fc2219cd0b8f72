"""Every preset we ship: it loads, its effects are known, it can run live, and it sounds: neither silent nor a shock."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pyloudnorm
import pytest
from numpy.typing import NDArray

from plugin_host.demo.compose import RATE
from plugin_host.effects.catalogue import check_effect
from plugin_host.effects.chain import ChainRunner, split_render_ahead
from plugin_host.engine.gains import mix_gains
from plugin_host.engine.render_block import MixRenderer, RenderSetup
from plugin_host.errors import MixError
from plugin_host.mix.presets import PresetKind, PresetLibrary, shipped_folder
from plugin_host.mix.scenes import Scene, apply_scene
from plugin_host.mix.state import Chain, Effect, Master, Mix, Track, is_audible, plain_mix

Sound = NDArray[np.float32]
Stems = dict[str, Sound]

LIBRARY = PresetLibrary((), shipped_folder(), check_effect)
CHAINS = [file.name for file in LIBRARY.files(PresetKind.CHAIN)]
SCENES = [file.name for file in LIBRARY.files(PresetKind.SCENE)]
STEM_OF_ROLE = {
    "voice": "vocals",
    "drums": "drums",
    "bass": "bass",
    "rhythm": "drums",
    "guitar": "other",
    "keys": "other",
    "harmony": "other",
    "any": "other",
}
WANTED_SCENES = {"remaster", "karaoke", "a-cappella", "drumless", "bass-practice", "lo-fi", "wide", "night-drive"}
ARRANGEMENTS = [name for name in SCENES if name.endswith("-practice")]
ARRANGEMENTS += ["karaoke", "a-cappella", "drumless", "rhythm-section", "everyone"]
SOUNDS = sorted(set(SCENES) - set(ARRANGEMENTS))
STEM_SETS = (
    ("vocals", "no_vocals"),
    ("drums", "no_drums"),
    ("drums", "bass", "other", "vocals"),
    ("drums", "bass", "other", "vocals", "guitar", "piano"),
    ("kick", "snare", "something new"),
)


def mixed(stems: Stems) -> Sound:
    """All stems at a level that leaves the sum unclipped."""
    total = np.sum(list(stems.values()), axis=0, dtype=np.float32)
    return np.asarray(total * np.float32(0.7 / np.abs(total).max()))


def lufs(sound: Sound) -> float:
    return float(pyloudnorm.Meter(RATE).integrated_loudness(sound.T))


def through(chain: Chain, sound: Sound) -> Sound:
    runner = ChainRunner(chain, RATE)
    late = np.pad(sound, ((0, 0), (0, runner.latency)))
    return runner.process(late)[:, runner.latency :]


def played(mix: Mix, stems: Stems) -> Sound:
    chains = [ChainRunner(track.chain, RATE) for track in mix.tracks]
    master, names = ChainRunner(mix.master.chain, RATE), [track.name for track in mix.tracks]
    frames = next(iter(stems.values())).shape[-1]
    renderer = MixRenderer(names, chains, mix_gains(mix), master, None, RenderSetup(RATE, longest_block=frames))
    rendered = renderer.render_block([stems[track.stem] for track in mix.tracks])
    return np.array(rendered.master[:, renderer.latency :])


def width(sound: Sound) -> float:
    return float(np.var(sound[0] - sound[1]) / np.var(sound[0] + sound[1]))


def test_there_is_something_for_every_part() -> None:
    assert len(CHAINS) >= 14
    assert set(SCENES) >= WANTED_SCENES
    suited = {suit for name in CHAINS for suit in LIBRARY.chain(name).suits}
    assert suited >= {"voice", "drums", "bass", "guitar", "keys", "master"}


@pytest.mark.parametrize("name", CHAINS)
def test_a_chain_preset_says_what_it_is_for_and_runs_live(name: str) -> None:
    preset = LIBRARY.chain(name)
    assert 20 < len(preset.purpose) < 110
    assert preset.suits
    assert split_render_ahead(preset.chain) == ((), preset.chain)


@pytest.mark.parametrize("name", CHAINS)
def test_a_chain_preset_sounds_and_is_about_as_loud_as_what_goes_in(name: str, stems: Stems) -> None:
    preset = LIBRARY.chain(name)
    for suit in preset.suits:
        sound = mixed(stems) if suit == "master" else stems[STEM_OF_ROLE[suit]]
        out = through(preset.chain, sound)
        assert np.isfinite(out).all()
        assert out.shape == sound.shape
        assert lufs(out) == pytest.approx(lufs(sound), abs=4.5)
        assert np.abs(out).max() < 1.6
        assert not np.allclose(out, sound, atol=1e-3)


@pytest.mark.parametrize("name", ["wide-space", "wide-chorus", "airy-double"])
def test_what_promises_width_gives_it_to_a_mono_track(name: str, stems: Stems) -> None:
    mono = np.repeat(stems["vocals"].mean(axis=0, keepdims=True), 2, axis=0)
    out = through(LIBRARY.chain(name).chain, mono)
    assert width(mono) < 1e-9 < 0.002 < width(out)


def test_the_safe_master_keeps_its_ceiling_whatever_comes(stems: Stems) -> None:
    hot = mixed(stems) * np.float32(4.0)
    for name in ("loud-but-safe", "gentle-remaster"):
        assert np.abs(through(LIBRARY.chain(name).chain, hot)).max() <= 10 ** (-1.0 / 20) + 1e-3


def test_the_radio_voice_is_narrow(stems: Stems) -> None:
    out = through(LIBRARY.chain("radio-voice").chain, stems["vocals"]).mean(axis=0)
    power = np.abs(np.fft.rfft(out)) ** 2
    frequency = np.fft.rfftfreq(out.size, 1 / RATE)
    assert power[(frequency > 250) & (frequency < 4500)].sum() > 0.9 * power.sum()


def playable(mix: Mix, scene: Scene) -> Mix | None:
    try:
        return apply_scene(mix, scene)
    except MixError:
        return None


@pytest.mark.parametrize("name", SCENES)
def test_a_scene_fits_every_set_of_stems_or_says_what_it_needs(name: str) -> None:
    scene = LIBRARY.scene(name)
    assert 10 < len(scene.purpose) < 110
    fitting = [mix for mix in (playable(plain_mix(stems), scene) for stems in STEM_SETS) if mix is not None]
    assert fitting
    for mix in fitting:
        assert any(is_audible(track, mix) for track in mix.tracks)
    if not scene.needs:
        assert len(fitting) == len(STEM_SETS)


@pytest.mark.parametrize("name", SOUNDS)
def test_a_sound_scene_sounds_and_is_about_as_loud_as_the_song(name: str, stems: Stems) -> None:
    before = mixed(stems)
    gain = np.float32(np.std(before) / np.std(np.sum(list(stems.values()), axis=0)))
    quiet = {stem: sound * gain for stem, sound in stems.items()}
    out = played(apply_scene(plain_mix(tuple(stems)), LIBRARY.scene(name)), quiet)
    assert np.isfinite(out).all()
    change = lufs(out) - lufs(before)
    assert (-16.0 < change < -6.0) if name == "podcast-bed" else (-4.5 < change < 4.5)


@pytest.mark.parametrize(
    ("name", "heard"),
    [
        ("karaoke", {"drums", "bass", "other", "guitar", "piano"}),
        ("a-cappella", {"vocals"}),
        ("drumless", {"bass", "other", "vocals", "guitar", "piano"}),
        ("bass-practice", {"drums", "other", "vocals", "guitar", "piano"}),
        ("guitar-practice", {"drums", "bass", "other", "vocals", "piano"}),
        ("piano-practice", {"drums", "bass", "other", "vocals", "guitar"}),
        ("rhythm-section", {"drums", "bass"}),
        ("everyone", {"drums", "bass", "other", "vocals", "guitar", "piano"}),
    ],
)
def test_an_arrangement_lets_exactly_these_be_heard(name: str, heard: set[str]) -> None:
    mix = apply_scene(plain_mix(STEM_SETS[3]), LIBRARY.scene(name))
    assert {track.name for track in mix.tracks if is_audible(track, mix)} == heard


def test_a_karaoke_of_two_stems_is_the_other_stem() -> None:
    mix = apply_scene(plain_mix(("vocals", "no_vocals")), LIBRARY.scene("karaoke"))
    assert [track.name for track in mix.tracks if is_audible(track, mix)] == ["no_vocals"]


def used(stems: tuple[str, ...], played: bool) -> Mix:
    """A mix on which somebody has worked: no field stands where a new one has it."""
    gain = (Effect("gain"),)
    tracks = (Track(stem, stem, gain, -7.0, 0.5, mute=played, solo=not played, invert=True) for stem in stems)
    return Mix(tuple(tracks), Master(gain, -5.0, False, -3.0))


def who_plays(mix: Mix) -> list[tuple[bool, bool]]:
    return [(track.mute, track.solo) for track in mix.tracks]


def how_it_sounds(mix: Mix) -> list[tuple[Chain, float, float]]:
    tracks = [(track.chain, track.gain_db, track.pan) for track in mix.tracks]
    return [*tracks, (mix.master.chain, mix.master.gain_db, 0.0)]


@pytest.mark.parametrize("stems", STEM_SETS, ids="+".join)
@pytest.mark.parametrize("name", SCENES)
def test_a_scene_sets_who_plays_or_how_it_sounds_in_full_and_never_both(name: str, stems: tuple[str, ...]) -> None:
    """So that the last scene of a kind wins, and `lo-fi` after `karaoke` is a lo-fi karaoke."""
    set_in_full, left = (how_it_sounds, who_plays) if name in SOUNDS else (who_plays, how_it_sounds)
    scene = LIBRARY.scene(name)
    for before in (used(stems, played=True), used(stems, played=False)):
        after, fresh = playable(before, scene), playable(plain_mix(stems), scene)
        if after is None or fresh is None:
            assert scene.needs
            continue
        assert set_in_full(after) == set_in_full(fresh)
        assert left(after) == left(before)


FROM_SITE = """
import sys
sys.path.insert(0, sys.argv[1])
from plugin_host.mix.presets import PresetKind, find_library, shipped_folder
assert str(shipped_folder()).startswith(sys.argv[1]), shipped_folder()
library = find_library(lambda effect: None)
print(*(f.name for f in library.files(PresetKind.CHAIN)), *(f.name for f in library.files(PresetKind.SCENE)))
"""


def test_presets_are_found_where_a_wheel_puts_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Laid out as `pyproject.toml` tells hatch to, for building needs packages from outside."""
    root = Path(__file__).resolve().parents[3]
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    shutil.copytree(root / "plugin_host", tmp_path / "site" / "plugin_host")
    for source, target in wheel["force-include"].items():
        shutil.copytree(root / source, tmp_path / "site" / target)
    monkeypatch.setenv("STEMRACK_PRESETS", str(tmp_path / "none"))
    command = [sys.executable, "-c", FROM_SITE, str(tmp_path / "site")]
    found = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True).stdout.split()
    assert found == [*CHAINS, *SCENES]
