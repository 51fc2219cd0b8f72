"""The plan that comes with the package: whom it names, and whether it knows how their files are called."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from separation_core.training.libraries import LICENCES, Kit, read_plan
from separation_core.training.takes import midi_number

# An example of how the files of each instrument of the shipped plan are called, and its pitch.
NAMED = {
    "fashionbass": ("notes/ab1_pp_rr3.wav", 32),
    "swagbass": ("notes/gb5_p_rr4.wav", 66),
    "double_bass_pizz": ("pizz/pizz_g1_fc.wav", 31),
    "bass_arco": ("arco/arco_eb1_p_down.wav", 27),
    "horsepulse_nail": ("Samples/nail/c4_nail_rr4.wav", 48),
    "caveman_all_all_all": ("Samples/all_all_all_bb5.wav", 82),
    "caveman_bass_8": ("Samples/bass_8_d2.wav", 26),
    "caveman_bass_all": ("Samples/bass_all_gb2.wav", 42),
    "caveman_clarinet": ("Samples/clarinet_bb5.wav", 82),
    "caveman_flutes": ("Samples/flutes_c4.wav", 48),
    "caveman_tremolo": ("Samples/tremolo_c4.wav", 60),
    "caveman_trombone": ("Samples/trombone_c4.wav", 48),
    "caveman_trompette": ("Samples/trompette_ab5.wav", 80),
    "caveman_violin": ("Samples/violin_g6.wav", 91),
    "wartuba_s": ("Samples/a0_s_vl3_rr2_dyn.wav", 33),
    "ganjo": ("Common/Banjo_Common - A#4_10.wav", 58),
    "cp80": ("CP80/Samples/027-D#1-MP.flac", 27),
    "wurlitzer": ("Wurlitzer EP200/Samples/gb4mp.flac", 66),
    "splendid_PP": ("Samples/PP G6.flac", 103),
    "splendid_Mp": ("Samples/Mp A#6.flac", 106),
    "splendid_FF": ("Samples/FF C#1.flac", 37),
    "headroom": ("Samples/HEADROOM PIANO LEVEL5 CLOSE 57.flac", 57),
    "strat": ("samples/e2_mp/E2_A3_mp_1.wav", 57),
    "mtg_sop": ("MTG Solo Saxophones/Samples/sop_f_04.flac", 59),
    "mtg_alt": ("MTG Solo Saxophones/Samples/alt_p_01.flac", 49),
    "mtg_ten": ("MTG Solo Saxophones/Samples/ten_p_33.flac", 76),
    "mtg_bar": ("MTG Solo Saxophones/Samples/bar_m_02.flac", 37),
    "martin": ("data/voices/martin/notes/exports/stereo/G#2-1.wav", 44),
    "power_open": ("color2sound/electric-guitar-power-chords/ax-grinder__c-3.wav", 49),
    "power_pmute": ("color2sound/electric-guitar-power-chords/ax-grinder__a2-pmute.wav", 45),
}
SAID = {
    "martin": "data/voices/martin/voyels/exports/mono/_-a-c4-1.wav",
    "vocobox": "dev/java/vocobox-apps/data/sound/voice1.wav",
    "merry_ork": "samples/vowels/a_from_cat_rr1.wav",
    "kenney_1": "addons/kenney voiceover pack/voice type 1/you_win.ogg",
    "kenney_fighter": "addons/kenney voiceover pack fighter/round_1.ogg",
    "vocadito_10": "tests/resources/vocadito_10.wav",
    "oatsu": "antagata_dokosa/antagata_dokosa_denoise.flac",
    "nathalie": "verified/nl_rhasspy_1.flac",
    "kathleen": "data/arctic_a0001_1592748574.wav",
    "flemishguy": "wavs/nl_rhasspy_1_1602428220.wav",
    "ohf_it_IT/paola": "it_IT/paola/0000000001.mp3",
}
"""An example of how the files of each voice are called."""
STRUCK = {
    ("gogodze2_near", "kick"): "Samples/front_mic/ks_vl1_rr3.wav",
    ("gogodze2_near", "snare"): "Samples/front_mic/sc_vl3_rr2.wav",
    ("gogodze2_near", "stick"): "Samples/front_mic/ss_vl3_rr2.wav",
    ("gogodze2_near", "hat_closed"): "Samples/front_mic/hf_vl1_rr3.wav",
    ("gogodze2_near", "hat_open"): "Samples/front_mic/ho_vl5_rr2.wav",
    ("gogodze2_near", "tom_hi"): "Samples/front_mic/th_vl1_rr1.wav",
    ("gogodze2_near", "tom_mid"): "Samples/front_mic/tm_vl1_rr1.wav",
    ("gogodze2_near", "tom_lo"): "Samples/front_mic/tl_vl1_rr1.wav",
    ("gogodze1", "kick"): "Samples/bobobo/bobobo_bass_vl4_rr3.wav",
    ("gogodze1", "tom_mid"): "Samples/bobobo/bobobo_tenor_l2_vl1_rr3.wav",
    ("gogodze1", "perc"): "Samples/cajon/dyn/cajon_sl3_vl2_rr2_dyn.wav",
    ("made", "snare"): "Samples/14a_basic/top/sn_vl2_rr1.flac|drums/one shot/snares/snare 31 @TeaBoi.wav",
    ("made", "kick"): "drums/one shot/kicks/Deep Kick 4 @TeaBoi.wav",
    ("made", "hat_closed"): "drums/one shot/hi hats/ch 1 @TeaBoi.wav",
    ("made", "hat_open"): "drums/one shot/hi hats/Open Hat 1 @TeaBoi.wav",
    ("made", "perc"): "drums/one shot/perc/kluck - F @unikub.wav",
    ("made", "clap"): "drums/one shot/claps/trap clap 1 @TeaBoi.wav",
    ("made", "stick"): "drums/one shot/rimshots/rim 1 @TeaBoi.wav",
}


def test_the_shipped_plan_names_free_libraries_with_author_and_place() -> None:
    libraries = read_plan().library
    assert len({library.source for library in libraries}) == len(libraries) > 15
    for library in libraries:
        assert library.licence in LICENCES
        assert re.fullmatch(r"https://\S+", library.url)
        assert library.author
        assert library.instruments or library.kits or library.programs or library.voices
        if not library.sound_font:
            assert library.url.endswith("/" + (library.folder or library.source)), "what `git clone` calls it"


def test_the_shipped_plan_knows_how_its_libraries_name_files() -> None:
    libraries = read_plan().library
    found = {
        instrument.name: (match, instrument.semitones)
        for library in libraries
        for instrument in library.instruments
        if (match := instrument.files.search(NAMED[instrument.name][0]))
    }
    assert set(found) == set(NAMED)
    for name, (match, semitones) in found.items():
        assert (midi_number(match[1]) or 0) + semitones == NAMED[name][1], name


def test_the_shipped_plan_knows_how_strokes_are_named() -> None:
    for library in read_plan().library:
        for kit in library.kits:
            for piece, pattern in (kit.pieces or library.pieces).items():
                names = STRUCK["gogodze2_near" if kit.name.startswith("gogodze2") else kit.name, piece].split("|")
                assert any(pattern.search(name) for name in names), (kit.name, piece)
                if kit.microphones:
                    assert any(library.microphone in name for name in names)


def test_kits_are_numbered_from_the_first_on() -> None:
    assert Kit("a").names() == ("a",)
    assert Kit("a", count=5, first=1, every=2).names() == ("a_01", "a_03")


@given(st.integers(12, 127), st.sampled_from(["#", "s", "-"]), st.booleans())
def test_every_spelling_of_a_note_is_its_number(midi: int, sharp: str, capital: bool) -> None:
    letters = ("c", "c#", "d", "d#", "e", "f", "f#", "g", "g#", "a", "a#", "b")
    name = letters[midi % 12].replace("#", sharp) + str(midi // 12 - 1)
    assert midi_number(name.capitalize() if capital else name) == midi
    assert midi_number(str(midi)) == midi


@pytest.mark.parametrize("name", ["", "h3", "c", "c##3", "c10", "rr1"])
def test_what_is_no_note_has_no_number(name: str) -> None:
    assert midi_number(name) is None


def test_the_shipped_plan_knows_whose_voice_a_file_is() -> None:
    voices = [voice for library in read_plan().library for voice in library.voices]
    found = set()
    for said in SAID.values():
        (voice, match) = next((voice, match) for voice in voices if (match := voice.files.search(said)))
        found.add(f"{voice.name}_{match[1]}" if match.re.groups else voice.name)
    assert found == set(SAID)
