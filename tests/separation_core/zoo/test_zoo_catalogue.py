"""The catalogue is true where that can be checked, and strict where somebody edits it."""

import subprocess
import sys

import pytest

from separation_core.errors import ModelError
from separation_core.zoo.architectures import ARCHITECTURES, build, configure
from separation_core.zoo.catalogue import catalogue, model_card, read_catalogue

PROMISED = {
    "htdemucs", "htdemucs_ft", "htdemucs_6s", "hdemucs_mmi", "mdx_extra", "meta_tasnet", "scnet", "scnet_large",
    "scnet_xl", "scnet_xl_ihf", "bs_roformer", "bs_roformer_viperx", "mel_band_roformer_kim",
}  # fmt: skip
DEMUCS_FILES = {
    "htdemucs": {"bottom_channels": 512, "dconv_mode": 3, "t_layers": 5},
    "htdemucs_ft": {"bottom_channels": 512, "dconv_mode": 3, "t_layers": 5},
    "htdemucs_6s": {"dconv_mode": 3, "t_layers": 5},
    "hdemucs_mmi": {},
}
"""What the Demucs files say of themselves, by `docs` and configuration files of their repository."""


def test_what_was_promised_is_there() -> None:
    assert set(catalogue()) == PROMISED


@pytest.mark.parametrize("name", sorted(PROMISED))
def test_a_card_fits_the_network_and_the_size_of_the_published_file(name: str) -> None:
    card = model_card(name)
    assert card.architecture in ARCHITECTURES
    settings = {**DEMUCS_FILES.get(name, {}), **card.configuration}
    config = configure(card.architecture, settings, card.stems)
    network = build(card.architecture, config, tensors=9999, called=name, version="", device="meta")
    size = card.members[0].checkpoint.size
    if size is None:
        return
    numbers = sum(value.numel() for value in network.state_dict().values())
    width = 2 if card.architecture in ("htdemucs", "hdemucs") else 4
    assert numbers * width <= size <= numbers * width * 1.01


def test_a_checksum_is_published_or_its_absence_is_told() -> None:
    unpinned = {name for name, card in catalogue().items() if not all(m.checkpoint.sha256 for m in card.members)}
    assert unpinned == {"meta_tasnet", "scnet_xl"}


def test_the_fine_tuned_bag_takes_each_stem_from_one_member() -> None:
    members = model_card("htdemucs_ft").members
    assert [member.weights for member in members] == [
        (1.0, 0.0, 0.0, 0.0), (0.0, 1.0, 0.0, 0.0), (0.0, 0.0, 1.0, 0.0), (0.0, 0.0, 0.0, 1.0),
    ]  # fmt: skip
    assert {member.weights for member in model_card("mdx_extra").members} == {(1.0,) * 4}


def test_reading_the_catalogue_loads_no_torch() -> None:
    code = "import sys, separation_core.zoo.catalogue as c; c.catalogue(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("name", "said"), [("htdemuc", "did you mean htdemucs"), ("zzz", "there are htdemucs, htdemucs_ft")]
)
def test_an_unknown_model_is_answered_with_the_nearest(name: str, said: str) -> None:
    with pytest.raises(ModelError, match=said):
        model_card(name)


GOOD = """
format = 1
[checkpoints.one]
file = "one.th"
urls = ["https://example.org/one.th"]
sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
sha256_prefix = "01234567"
checksum_source = "made up"
[models.one]
title = "One"
architecture = "scnet"
stems = ["vocals", "other"]
rate = 44100
members = [{ checkpoint = "one", weights = [1.0, 0.5] }]
licence = "MIT"
commercial_use = "yes"
sources = ["https://example.org"]
citation = "Nobody"
sdr = [{ definition = "MDX", data = "some", vocals = 9.0 }]
"""


def test_a_good_card_is_read() -> None:
    card = read_catalogue(GOOD)["one"]
    assert card.members[0].weights == (1.0, 0.5)
    assert card.scores[0].stems == {"vocals": 9.0}
    assert card.cost is None
    assert card.size is None


@pytest.mark.parametrize(
    ("change", "to", "said"),
    [
        ("format = 1", "format = 2", "format = 2"),
        ("[models.one]", "[model.one]", "unknown field 'model': did you mean models"),
        ("stems =", "stem =", "unknown field 'stem': did you mean stems"),
        ("sha256 =", "sha-256 =", "did you mean sha256"),
        ('"0123456789abcdef0', '"0123456789abcdeg0', "64 hexadecimal digits"),
        ('sha256_prefix = "01234567"', 'sha256_prefix = "11234567"', "does not begin with"),
        ('sha256_prefix = "01234567"', 'sha256_prefix = "0123"', "first eight"),
        ('checksum_source = "made up"', "", "checksum_source"),
        ("https://example.org/one.th", "http://example.org/one.th", "https://"),
        ('file = "one.th"', 'file = "../one.th"', "plain file name"),
        ('file = "one.th"', 'file = "one.th"\nsize = "big"', "size = 'big'"),
        ('title = "One"', "title = 1", "title = 1"),
        ('title = "One"', 'title = "a\\nb"', "one line"),
        ("rate = 44100", "rate = 44", "rate = 44"),
        ("rate = 44100", "rate = 44100\nnormalised = 1", "true or false"),
        ("rate = 44100", "rate = true", "rate = True"),
        ('["vocals", "other"]', '["vocals", "vocals"]', "none twice"),
        ('["vocals", "other"]', '["Vocals!"]', "stem names"),
        ("[1.0, 0.5]", "[1.0]", "2 numbers"),
        ("[1.0, 0.5]", "[1.0, -0.5]", "2 numbers"),
        ("[1.0, 0.5]", "[1.0, 0.0]", "stem 2 has no weight"),
        ('checkpoint = "one"', 'checkpoint = "two"', "one of one"),
        ('commercial_use = "yes"', 'commercial_use = "maybe"', "yes or no or unstated"),
        ('definition = "MDX"', 'definition = "mdx"', "museval or MDX or paper"),
        ("vocals = 9.0", "drums = 9.0", "unknown field 'drums'"),
        ("vocals = 9.0", "vocals = 900.0", "decibels"),
        ('citation = "Nobody"', "cost = 0", "citation|cost"),
        ("[checkpoints.one]", '[checkpoints.two]\nfile="x"\nurls=["https://x"]\n[checkpoints.one]', "no model"),
        ("[models.one]", '[models."One Two"]', "small letters"),
        ("format = 1", "format = ", "not TOML"),
    ],
)
def test_a_slip_in_the_file_is_named(change: str, to: str, said: str) -> None:
    assert change in GOOD
    with pytest.raises(ModelError, match=said) as caught:
        read_catalogue(GOOD.replace(change, to, 1))
    assert str(caught.value).startswith("catalogue.toml")
