"""The corpus sorted for use: instruments by name, kit pieces by kit, voices by singer and manner."""

import re
from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from separation_core.errors import ModelError
from separation_core.training.corpus import Corpus, Sample

FEWEST_SINGERS = 3
"""Of each manner that has so many singers, the one with the fewest recordings is never trained on."""

TONICS = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}
ACCIDENTALS = {"": 0, "s": 1, "b": -1}
SIMILAR_PIECES = {
    "clap": ("snare",),
    "stick": ("snare_rest", "perc"),
    "hat_open": ("hat_closed",),
    "ride": ("ride_bell", "hat_closed"),
    "crash": ("china", "ride"),
    "tom_mid": ("tom_lo", "tom_hi"),
    "tom_hi": ("tom_mid",),
    "tom_lo": ("tom_mid",),
    "perc": ("stick", "hat_closed"),
    "snare": ("clap",),
    "hat_closed": ("hat_open", "ride"),
    "kick": ("tom_lo",),
}


@dataclass(frozen=True, slots=True)
class Material:
    """Index numbers into a corpus. melodic[stem][instrument] and drums[kit][piece] hold lists; so do the others.

    melodic["vocals"] are held notes of a voice, for a sampler to play.
    """

    corpus: Corpus
    melodic: dict[str, dict[str, list[int]]]
    drums: dict[str, dict[str, list[int]]]
    loops: list[int]
    textures: list[int]
    voices: dict[str, dict[str, list[int]]]


def sort_material(corpus: Corpus, *, held_out: bool = False) -> Material:
    """Sort a corpus; with `held_out` the singers are those that training never hears. ModelError if a stem lacks."""
    melodic: dict[str, dict[str, list[int]]] = {stem: defaultdict(list) for stem in ("bass", "other", "vocals")}
    drums: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    voices: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    loops, textures = [], []
    for index, sample in enumerate(corpus.samples):
        if sample.stem == "vocals" and sample.midi is None:
            voices[sample.kind or "sung"][sample.singer or "unknown"].append(index)
        elif sample.piece == "loop":
            loops.append(index)
        elif sample.stem == "drums":
            drums[sample.kit or "unknown"][sample.piece or "perc"].append(index)
        elif sample.midi is None:
            textures.append(index)
        elif sample.stem != "vocals" or not held_out:  # nobody knows which singer a held note is of
            melodic[sample.stem][sample.inst or "unknown"].append(index)
    _require({"drums": drums, "bass": melodic["bass"], "other": melodic["other"], "vocals": voices})
    chosen = {manner: _singers(singers, held_out=held_out) for manner, singers in voices.items()}
    heard = {manner: some for manner, some in chosen.items() if some} or voices  # a small corpus holds none out
    return Material(corpus, melodic, drums, loops, textures, heard)


def _singers(singers: dict[str, list[int]], *, held_out: bool) -> dict[str, list[int]]:
    """Those to train on, or the one that is held out, if there are enough."""
    rare = min(singers, key=lambda name: (len(singers[name]), name)) if len(singers) >= FEWEST_SINGERS else None
    return {name: takes for name, takes in singers.items() if (name == rare) == held_out}


def _require(groups: dict[str, object]) -> None:
    missing = [stem for stem, group in groups.items() if not group]
    if missing:
        raise ModelError(f"the corpus has no usable recordings for {', '.join(missing)}: add some to compose songs")


def kit_takes(rng: np.random.Generator, material: Material, kit: str, piece: str) -> list[int]:
    """All recordings of a kit's piece; of a similar piece, or of another kit's, where that kit has none."""
    for name in (piece, *SIMILAR_PIECES.get(piece, ())):
        if material.drums[kit].get(name):
            return material.drums[kit][name]
    others = [takes for pieces in material.drums.values() for name, takes in pieces.items() if name == piece]
    return others[int(rng.integers(len(others)))] if others else next(iter(material.drums[kit].values()))


def sung_key(sample: Sample) -> tuple[int, bool] | None:
    """The (tonic 0..11, is minor) that a sung phrase is in, None where its record does not say."""
    match = re.fullmatch(r"([a-g])([sb]?)([mj]?)", sample.key or "")
    if match is None:
        return None
    letter, accidental, mode = match.groups()
    return (TONICS[letter] + ACCIDENTALS[accidental]) % 12, mode == "m" or "minor" in sample.path.lower()
