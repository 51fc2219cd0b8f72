import pytest

from separation_core.errors import ModelError
from separation_core.zoo.built_in import DEFAULT_MODEL
from separation_core.zoo.load import load_separator, model_names


def test_the_classical_separator_is_always_there() -> None:
    assert DEFAULT_MODEL not in model_names()
    spec = load_separator("dsp").spec
    assert spec.name == "dsp"
    assert spec.stems == ("drums", "bass", "other", "vocals")


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(ModelError, match=r"'spleeter'.*dsp"):
        load_separator("spleeter")
