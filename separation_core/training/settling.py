"""Measure anew what a network's normalisations have counted, as averaged weights need it.

Batch normalisation divides by statistics that were gathered while the weights were others, on items as training
balances them. Averages of weights never had such statistics of their own (Izmailov et al., arXiv 1803.05407, section
3.2); here they are measured on whole songs, as a separator hears them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import nn

from separation_core.errors import ModelError
from separation_core.models.networks import Network, architecture_of, save_network
from separation_core.training.data import whole_songs
from separation_core.training.recipe import load_recipe
from separation_core.training.trainer import trained_network, training_notes

SONGS = 120
SECONDS = 8.0
SEED = 424_242
"""So many songs of that length, from a seed that no run is likely to have. Twice as many change scores by 0.02 dB."""
TOGETHER = 4
"""Songs at once."""


def settle_weights(
    recipe: Path | str,
    place: Path,
    weights: Path,
    *,
    data: Mapping[str, Path],
    cache: Path | None = None,
    changes: Sequence[str] = (),
    songs: int = SONGS,
) -> None:
    """Write the network that `trained_network` finds at `place` with its normalisations settled on the recipe's songs.

    Of the recipe only the data count: composed songs, else real ones. data, cache, changes: as `loop.train` takes them.
    Raises ModelError for wrong ones, where `songs` is below 1, and for a network without such normalisations.
    """
    if songs < 1:
        raise ModelError(f"songs {songs}: give 1 or more")
    settings = load_recipe(recipe, changes)
    network, notes = trained_network(place), training_notes(place)
    settle(network, _mixes(torch.from_numpy(song) for song in whole_songs(settings, data, cache, SEED, songs, SECONDS)))
    save_network(weights, network, notes={**notes, "settled": str(songs)})


def settle(network: Network, mixes: Iterable[torch.Tensor]) -> None:
    """Replace the statistics of the network's normalisations by those of `mixes`, (mix, channel, frame) each, all
    counting alike. Raises ModelError where it has none."""
    with _counting(network), torch.inference_mode():
        for batch in mixes:
            network(batch)


@contextmanager
def _counting(network: Network) -> Iterator[None]:
    norms = [module for module in network.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    if not norms:
        raise ModelError(f"{architecture_of(network)} has no normalisations that count: use it as it is")
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean of all batches
        norm.train()
    try:
        yield
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
        network.eval()


def _mixes(songs: Iterable[torch.Tensor]) -> Iterator[torch.Tensor]:
    """Songs (stem, channel, frame) as batches of their mixes."""
    batch: list[torch.Tensor] = []
    for song in songs:
        batch.append(song.sum(dim=0))
        if len(batch) == TOGETHER:
            yield torch.stack(batch)
            batch = []
    if batch:
        yield torch.stack(batch)
