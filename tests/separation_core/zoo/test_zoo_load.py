"""From a name to separators: built-in, published (through a server on this machine), and the user's own."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open

import separation_core.zoo.added as added_module
import separation_core.zoo.load as load_module
from separation_core.errors import ModelError
from separation_core.models.contract import Ensemble
from separation_core.models.scnet import Scnet
from separation_core.zoo.added import add_checkpoint, added_folder, added_models, remove_added
from separation_core.zoo.built_in import built_in
from separation_core.zoo.cards import BagMember, CheckpointCard, ModelCard
from separation_core.zoo.catalogue import catalogue, model_card
from separation_core.zoo.checkpoints import checkpoints_folder, find
from separation_core.zoo.load import get_model, load_separator, model_names, verify

SMALL = {"nfft": 512, "hop_size": 128, "segment": 4096}


@pytest.fixture
def checkpoint(small_scnet: Scnet, tmp_path: Path) -> Path:
    path = tmp_path / "My Model (1).ckpt"
    torch.save({"state_dict": small_scnet.state_dict()}, path)
    return path


@pytest.fixture
def published(checkpoint: Path, server: Any, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, ModelCard]:
    """Two published models, a single one and a bag of two, whose files a server on this machine gives."""
    body = checkpoint.read_bytes()
    files = {"one": body, "two": body + b"\0"}
    members = []
    for key, content in files.items():
        server.serve(f"/{key}", content)
        digest = hashlib.sha256(content).hexdigest()
        card = CheckpointCard(key, f"{key}.ckpt", (server.url(f"/{key}"),), len(content), digest, None, "test")
        members.append(BagMember(card, (1.0, 0.5, 1.0, 0.25)))
    single = replace(model_card("scnet"), name="single", configuration=SMALL, members=(members[0],))
    bag = replace(single, name="bag", members=tuple(members))
    cards = {"single": single, "bag": bag, "scnet": model_card("scnet")}
    monkeypatch.setattr(load_module, "catalogue", lambda: cards)
    monkeypatch.setattr(added_module, "catalogue", lambda: cards)
    return cards


def test_a_published_model_is_downloaded_and_ready(published: Mapping[str, ModelCard], small_scnet: Scnet) -> None:
    seen: list[tuple[int, int | None]] = []
    separator = load_separator("single", progress=lambda done, total: seen.append((done, total)))
    card = published["single"].members[0].checkpoint
    assert seen[-1] == (card.size, card.size)
    assert separator.spec.name == "single"
    assert separator.spec.version == str(card.sha256)[:12]
    assert separator.spec.normalised, "its card says so"
    assert separator.to(torch.device("cpu")).spec == separator.spec
    mix = torch.randn(1, 2, 4096)
    with torch.inference_mode():
        assert torch.equal(separator(mix), replaced(small_scnet, normalise=False)(mix))
    assert load_separator("single", offline=True).spec == separator.spec


def replaced(network: Scnet, **changes: Any) -> Scnet:
    """The same weights in a network of another configuration."""
    other = Scnet(replace(network.config, **changes)).eval()
    other.load_state_dict(network.state_dict())
    return other


def test_a_bag_is_an_ensemble_of_its_members(published: Mapping[str, ModelCard]) -> None:
    seen: list[tuple[int, int | None]] = []
    # The second file has a byte too many at its end, which zip readers do not mind.
    bag = load_separator("bag", progress=lambda done, total: seen.append((done, total)))
    assert isinstance(bag, Ensemble)
    assert [member.weights for member in bag.members] == [(1.0, 0.5, 1.0, 0.25)] * 2
    assert [member.separator.spec.name for member in bag.members] == ["bag/one", "bag/two"]
    versions = {member.separator.spec.version for member in bag.members}
    assert len(versions | {bag.spec.version}) == 3
    assert bag.spec.name == "bag"
    assert load_separator("bag").spec.version == bag.spec.version
    assert seen[-1] == (published["bag"].size, published["bag"].size)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert [one.state for one in verify("bag")] == ["ok", "ok"]


@pytest.fixture
def specialists(published: dict[str, ModelCard]) -> ModelCard:
    """A bag whose first member gives drums and bass, whose second the rest, and vocals half."""
    first, second = published["bag"].members
    weights = (1.0, 1.0, 0.0, 1.0), (0.0, 0.0, 1.0, 1.0)
    members = tuple(replace(member, weights=own) for member, own in zip((first, second), weights, strict=True))
    published["bag"] = replace(published["bag"], members=members)
    return published["bag"]


def test_of_a_bag_only_the_members_that_give_the_wanted_stem_are_fetched(
    specialists: ModelCard, small_scnet: Scnet
) -> None:
    said: list[str] = []
    separator = load_separator("bag", stem="bass", note=said.append)
    assert said == ["bag: bass needs only 1 of its 2 networks; no_bass is the song without it"]
    assert [find(member.checkpoint) is not None for member in specialists.members] == [True, False]
    assert (separator.spec.name, separator.spec.stems) == ("bag", ("bass", "no_bass"))
    mix = torch.randn(1, 2, 4096)
    with torch.inference_mode():
        stems = separator.to(torch.device("cpu"))(mix)
        assert torch.equal(stems[:, 0], replaced(small_scnet, normalise=False)(mix)[:, 1])
    assert torch.allclose(stems.sum(1), mix, atol=1e-6)


def test_a_stem_that_all_members_give_needs_them_all(specialists: ModelCard) -> None:
    bag = load_separator("bag", stem="vocals", note=lambda line: pytest.fail(line))
    assert isinstance(bag, Ensemble)
    assert bag.spec.stems == ("drums", "bass", "other", "vocals")


def test_a_stem_that_no_member_gives_is_told_before_the_download(specialists: ModelCard) -> None:
    with pytest.raises(ModelError, match="bag has no stem 'piano': choose from drums, bass"):
        load_separator("bag", stem="piano")
    assert find(specialists.members[0].checkpoint) is None


def test_weights_follow_the_order_of_stems_in_the_file(
    published: dict[str, ModelCard], monkeypatch: pytest.MonkeyPatch
) -> None:
    import separation_core.zoo.materialise as materialise

    true_blueprint = materialise.blueprint
    turned = ("vocals", "other", "bass", "drums")
    monkeypatch.setattr(
        materialise, "blueprint", lambda path, **known: true_blueprint(path, **(known | {"stems": turned}))
    )
    bag = load_separator("bag")
    assert isinstance(bag, Ensemble)
    assert bag.members[0].separator.spec.stems == turned
    assert bag.members[0].weights == (0.25, 1.0, 0.5, 1.0)


def test_a_damaged_cache_is_noticed(published: Mapping[str, ModelCard]) -> None:
    (path,) = get_model("single")
    path.write_bytes(path.read_bytes()[:-9] + b"123456789")
    assert verify("single")[0].state == "damaged"
    assert get_model("single") == (path,)
    assert verify("single")[0].state == "ok"


@pytest.mark.parametrize("ask", [load_separator, get_model, verify])
def test_an_unknown_name_is_answered_with_the_nearest(ask: Any) -> None:
    with pytest.raises(ModelError, match="did you mean htdemucs"):
        ask("htdemuc")


def test_the_built_in_separator_needs_no_file() -> None:
    assert get_model("dsp") == ()
    assert verify("dsp") == ()
    assert load_separator("dsp").spec.name == "dsp"


def test_a_local_file_becomes_a_model_of_ones_own(checkpoint: Path, small_scnet: Scnet) -> None:
    small = replaced(small_scnet, normalise=False)
    model = add_own(small, checkpoint)
    assert model.name == "my_model_1"
    assert model.architecture == "scnet"
    assert "my_model_1" in model_names()
    assert added_models()["my_model_1"].stems == ("drums", "bass", "other", "vocals")
    separator = load_separator("my_model_1")
    mix = torch.randn(1, 2, 4096)
    with torch.inference_mode():
        assert torch.equal(separator(mix), small(mix))
    assert verify("my_model_1")[0].state == "first"
    with safe_open(model.path, "pt") as file:
        assert json.loads(file.metadata()["config"])["window"] == 512
    remove_added("my_model_1")
    assert added_models() == {}
    with pytest.raises(ModelError, match="no model of yours"):
        remove_added("my_model_1")
    with pytest.raises(ModelError, match="says itself what its stems are"):
        add_own(small, checkpoint, stems=("a", "b", "c", "d"))


def add_own(network: Scnet, path: Path, **options: Any) -> Any:
    """Add a file that says how it is built, as our own training exports it."""
    from separation_core.models.networks import save_network

    own = path.with_suffix(".safetensors")
    save_network(own, network)
    # save_network keeps halves; what is compared must have gone through the same.
    network.load_state_dict({key: value.half().float() for key, value in network.state_dict().items()})
    return add_checkpoint(own, **options)


def test_a_recognised_file_says_what_was_assumed(small_scnet: Scnet, tmp_path: Path) -> None:
    path = tmp_path / "x.ckpt"
    torch.save(small_scnet.state_dict(), path)
    model = add_checkpoint(path, name="mine")
    assert "spectrogram_normalised false" in model.assumed
    assert any(item.startswith("stems drums") for item in model.assumed)
    same = add_checkpoint(path, name="mine", stems=("a", "b", "c", "d"))
    assert same.stems == added_models()["mine"].stems == ("a", "b", "c", "d")
    assert not any(item.startswith("stems") for item in same.assumed)
    with pytest.raises(ModelError, match=r"lacks|shape|stems"):
        add_checkpoint(path, name="mine", stems=("a", "b"))


def test_the_level_a_network_wants_is_remembered(small_scnet: Scnet, tmp_path: Path) -> None:
    bare, training = tmp_path / "a.ckpt", tmp_path / "b.ckpt"
    torch.save(small_scnet.state_dict(), bare)
    torch.save({"best_state": small_scnet.state_dict()}, training)
    add_checkpoint(bare, name="bare")
    add_checkpoint(training, name="training")
    assert not load_separator("bare").spec.normalised
    assert load_separator("training").spec.normalised


def test_a_file_can_be_like_a_published_one(small_scnet: Scnet, tmp_path: Path) -> None:
    path = tmp_path / "x.ckpt"
    torch.save(small_scnet.state_dict(), path)
    with pytest.raises(ModelError, match="scnet, not bs_roformer"):
        add_checkpoint(path, like="bs_roformer")
    with pytest.raises(ModelError, match="shape"):
        add_checkpoint(path, like="scnet")
    with pytest.raises(ModelError, match="did you mean scnet"):
        add_checkpoint(path, like="scnets")


def test_a_published_file_from_elsewhere_is_put_where_it_belongs(
    published: Mapping[str, ModelCard], checkpoint: Path, server: Any
) -> None:
    assert add_checkpoint(checkpoint) is published["single"]
    assert (checkpoints_folder() / "one.ckpt").read_bytes() == checkpoint.read_bytes()
    assert load_separator("single", offline=True).spec.name == "single"
    assert server.paths["/one"].asked == []


@pytest.mark.parametrize("name", ["dsp", "htdemucs", "Ünsinn", "../x", "", "a" * 80])
def test_a_name_that_is_taken_or_impossible_is_refused(name: str, small_scnet: Scnet, tmp_path: Path) -> None:
    path = tmp_path / "dsp.ckpt"
    torch.save(small_scnet.state_dict(), path)
    with pytest.raises(ModelError, match=r"already|cannot name"):
        add_checkpoint(path, name=name)
    assert not added_folder().exists()


def test_another_file_does_not_replace_a_model(small_scnet: Scnet, tmp_path: Path) -> None:
    first, second = tmp_path / "a.ckpt", tmp_path / "b.ckpt"
    torch.save(small_scnet.state_dict(), first)
    torch.save({"state": small_scnet.state_dict()}, second)
    add_checkpoint(first, name="mine")
    with pytest.raises(ModelError, match="already"):
        add_checkpoint(second, name="mine")


def test_a_hostile_file_is_never_added(tmp_path: Path) -> None:
    class Hostile:
        def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
            return Path.touch, (tmp_path / "it_ran",)

    path = tmp_path / "m.ckpt"
    torch.save({"state_dict": {"a": torch.ones(1)}, "x": Hostile()}, path)
    with pytest.raises(ModelError, match="refused"):
        add_checkpoint(path)
    assert not (tmp_path / "it_ran").exists()
    assert not added_folder().exists()


def test_foreign_files_among_the_users_models_are_passed_over(small_scnet: Scnet, tmp_path: Path) -> None:
    path = tmp_path / "a.ckpt"
    torch.save(small_scnet.state_dict(), path)
    add_checkpoint(path, name="mine")
    (added_folder() / "notes.safetensors").write_text("no weights")
    (added_folder() / "Bad Name.safetensors").write_bytes((added_folder() / "mine.safetensors").read_bytes())
    assert list(added_models()) == ["mine"]


def test_every_published_name_is_offered() -> None:
    assert set(model_names()) == {*built_in().cards, *catalogue()}
