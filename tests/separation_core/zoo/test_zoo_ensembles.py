"""Several models by one name."""

from pathlib import Path

import pytest
import torch

from separation_core.errors import ModelError
from separation_core.models.contract import Combine, Domain, Ensemble, Member, ModelSpec, Separator
from separation_core.models.scnet import Scnet, ScnetConfig
from separation_core.units import Hertz
from separation_core.zoo.added import FOLDER_VARIABLE, add_checkpoint
from separation_core.zoo.ensembles import EnsembleName, join, parse_ensemble
from separation_core.zoo.load import get_model, load_separator


class Named:
    """A separator with a name, of two stems."""

    def __init__(self, name: str) -> None:
        self.spec = ModelSpec(name, name, ("a", "b"), Hertz(44100), 2, 1000)

    def to(self, device: torch.device) -> Separator:
        return self

    def __call__(self, mix: torch.Tensor) -> torch.Tensor:
        return torch.stack([mix, mix], dim=1)


def test_names_and_rules() -> None:
    assert parse_ensemble("htdemucs") is None
    assert parse_ensemble("a+b") == EnsembleName(("a", "b"), Combine.AVERAGE, Domain.WAVE)
    assert parse_ensemble("a + b + c : max-spectrum") == EnsembleName(("a", "b", "c"), Combine.MAX, Domain.SPECTRUM)
    with pytest.raises(ModelError, match="did you mean median"):
        parse_ensemble("a+b:medain")


def test_a_bag_has_the_say_of_one_model() -> None:
    bag = Ensemble("bag", "1", (Member(Named("x"), (3.0, 0.0)), Member(Named("y"), (1.0, 2.0))))
    whole = join("z+bag", EnsembleName(("z", "bag"), Combine.AVERAGE, Domain.WAVE), [Named("z"), bag])
    assert [member.weights for member in whole.members] == [(1.0, 1.0), (0.75, 0.0), (0.25, 1.0)]
    assert whole.spec.name == "z+bag"


def test_the_version_tells_models_and_rule() -> None:
    names = ("a+b", "a+b:median", "a+b:median-spectrum")
    models = [Named("a"), Named("b")]
    versions = {join(name, how, models).version for name in names if (how := parse_ensemble(name))}
    how = parse_ensemble("a+b")
    assert how
    versions.add(join("a+b", how, [Named("a"), Named("c")]).version)
    assert len(versions) == 4


def test_models_are_joined_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "models"))
    for name in ("one", "two"):
        torch.save(Scnet(ScnetConfig(dims=(4, 8, 8), conv_depths=(1, 1, 1), paths=2)).state_dict(), tmp_path / name)
        add_checkpoint(tmp_path / name, name=name)
    model = load_separator("one+two:min", stem="vocals")
    assert isinstance(model, Ensemble)
    assert model.combine is Combine.MIN
    assert model.spec.stems == ("drums", "bass", "other", "vocals")
    assert [path.stem for path in get_model("one+two")] == ["one", "two"]


@pytest.mark.parametrize(("name", "said"), [("dsp+nobody", "nobody"), ("dsp+", "''"), ("dsp+dsp:best", "'best'")])
def test_what_cannot_be_joined_is_named(name: str, said: str) -> None:
    with pytest.raises(ModelError, match=said):
        load_separator(name)
