"""Several models as one, by their names: `htdemucs+scnet_xl`, `htdemucs+scnet_xl:median-spectrum`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256

from separation_core.errors import ModelError
from separation_core.models.contract import Combine, Domain, Ensemble, Member, Model
from separation_core.zoo.card_table import nearest

JOIN, RULE = "+", ":"
_RULES = {
    (combine.value if domain is Domain.WAVE else f"{combine.value}-{domain.value}"): (combine, domain)
    for domain in Domain
    for combine in Combine
}


@dataclass(frozen=True, slots=True)
class EnsembleName:
    """models: the names of its models. combine, domain: see `Ensemble`."""

    models: tuple[str, ...]
    combine: Combine
    domain: Domain


def parse_ensemble(name: str) -> EnsembleName | None:
    """What a name means that joins several, None for the name of one model. Raises ModelError for an unknown rule."""
    joined, _, rule = name.partition(RULE)
    models = tuple(one.strip() for one in joined.split(JOIN))
    if len(models) == 1:
        return None
    rule = rule.strip() or Combine.AVERAGE.value
    if rule not in _RULES:
        raise ModelError(f"models cannot be combined by {rule!r}: {nearest(rule, _RULES)}")
    return EnsembleName(models, *_RULES[rule])


def join(name: str, how: EnsembleName, models: Sequence[Model]) -> Ensemble:
    """The models as one; of a bag among them the members take part, each with its share of the bag's say.

    Raises ModelError where they give other stems or take another rate.
    """
    members = tuple(member for model in models for member in _members(model))
    versions = ",".join([how.combine, how.domain, *(model.spec.version for model in models)])
    return Ensemble(name, sha256(versions.encode()).hexdigest()[:12], members, how.combine, how.domain)


def _members(model: Model) -> Iterator[Member]:
    if not isinstance(model, Ensemble):
        yield Member(model, (1.0,) * len(model.spec.stems))
        return
    totals = [sum(weights) for weights in zip(*(member.weights for member in model.members), strict=True)]
    for member in model.members:
        shares = (weight / total for weight, total in zip(member.weights, totals, strict=True))
        yield Member(member.separator, tuple(shares))
