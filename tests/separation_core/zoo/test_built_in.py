"""The models that come with stemrack: what their data file says, and that the weights with it are as promised."""

from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from separation_core.errors import ModelError
from separation_core.models.networks import ARCHITECTURES as TRAINED
from separation_core.models.networks import build_network, save_network
from separation_core.zoo.architectures import ARCHITECTURES
from separation_core.zoo.built_in import (
    DEFAULT_MODEL,
    built_in,
    built_in_card,
    is_built_in,
    read_built_in,
    weights_of,
)
from separation_core.zoo.load import get_model, load_separator, verify
from separation_core.zoo.materialise import blueprint

MOST_BYTES = 16 << 20
GOOD = """
format = 1
default = "plain"

[models.plain]
title = "Plain"
stems = ["drums", "other"]
rate = 44100
licence = "MIT"
data = "none"

[models.net]
title = "A network"
weights = "net.safetensors"
stems = ["drums", "other"]
rate = 44100
licence = "MIT"
data = "songs"
scores = [{ songs = "five", drums = 5.0, average = 5.0, leak = -30.0 }]
gains = { fast = -0.1, best = 0.2 }
credits = [{ work = "w", author = "a", licence = "CC0", source = "s" }]
"""


def test_the_default_is_offered_under_both_its_names() -> None:
    name = built_in().default
    assert built_in_card(DEFAULT_MODEL) is built_in_card(name)
    assert is_built_in(DEFAULT_MODEL)
    assert load_separator(DEFAULT_MODEL).spec == load_separator(name).spec
    assert load_separator(DEFAULT_MODEL).spec.name == name
    assert get_model(DEFAULT_MODEL) == verify(DEFAULT_MODEL) == ()


@pytest.mark.parametrize("name", sorted(built_in().cards))
def test_a_card_is_true_of_its_model(name: str) -> None:
    card, spec = built_in_card(name), load_separator(name).spec
    assert (card.stems, card.rate) == (spec.stems, spec.rate)
    assert card.scores
    assert card.limits
    assert card.recipe
    assert card.speed
    assert card.memory


def test_weights_in_the_package_are_small_halves_and_credited() -> None:
    for name, card in built_in().cards.items():
        if card.weights:
            path = Path(str(weights_of(card)))
            assert path.stat().st_size <= MOST_BYTES
            with safe_open(path, "pt") as file:
                kinds = {file.get_slice(key).get_dtype() for key in file.keys()}  # noqa: SIM118  it is no dict
            assert kinds <= {"F16", "I64"}
            assert card.credits
            with torch.inference_mode():
                assert torch.isfinite(load_separator(name)(0.1 * torch.randn(1, 2, 44100))).all()


def test_a_model_is_offered_once_its_weights_are_there(tmp_path: Path) -> None:
    assert list(read_built_in(GOOD, tmp_path).cards) == ["plain"]
    (tmp_path / "net.safetensors").write_bytes(b"")
    found = read_built_in(GOOD.replace('default = "plain"', 'default = "net"'), tmp_path)
    assert found.default == "net"
    assert found.cards["net"].gains == {"fast": -0.1, "best": 0.2}
    assert found.cards["net"].scores[0].stems == {"drums": 5.0}
    assert found.cards["net"].credits[0].licence == "CC0"


@pytest.mark.parametrize(
    ("change", "to", "said"),
    [
        ('default = "plain"', 'default = "net"', "one of plain"),
        ('default = "plain"', "", "default"),
        ("format = 1", "format = 9", "format"),
        ("gains = { fast", "gains = { quick", "did you mean fast|there are"),
        ("best = 0.2", 'best = "much"', "decibels"),
        ("drums = 5.0", "vocals = 5.0", "unknown field 'vocals'"),
        ("average = 5.0, ", "", "average"),
        ('licence = "CC0", ', "", "licence"),
        ("rate = 44100", "rate = 44", "sample rate"),
        ('title = "Plain"', 'titel = "Plain"', "did you mean title"),
        ('data = "none"', 'data = "none"\nsilence_db = 3', "under 0"),
        ("[models.plain]", "[models.plain", "not TOML"),
    ],
)
def test_a_slip_in_the_file_is_named(change: str, to: str, said: str, tmp_path: Path) -> None:
    assert change in GOOD
    with pytest.raises(ModelError, match=said) as caught:
        read_built_in(GOOD.replace(change, to, 1), tmp_path)
    assert str(caught.value).startswith("built_in.toml")


def test_a_name_that_none_has_is_answered_with_the_nearest() -> None:
    with pytest.raises(ModelError, match="dsp"):
        built_in_card("dsq")


@pytest.mark.parametrize("name", sorted(TRAINED))
def test_what_can_be_trained_can_be_shipped(name: str, tmp_path: Path) -> None:
    # The same file must be understood where users' models and those in the package are loaded.
    assert name in ARCHITECTURES
    network = build_network(name, {})
    network.eval()
    save_network(tmp_path / "net.safetensors", network)
    plan = blueprint(tmp_path / "net.safetensors")
    ready = plan.network("net", "1")
    assert (plan.architecture, plan.stems) == (name, network.spec.stems)
    mix = 0.1 * torch.randn(1, 2, 30_000)
    with torch.inference_mode():
        torch.testing.assert_close(ready(mix), network(mix), atol=2e-3, rtol=0)
