"""One network in training: its optimiser, moving average and steps, and their passage through checkpoints."""

import copy
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.resources import as_file
from pathlib import Path
from typing import Any

import torch

from separation_core.errors import ModelError
from separation_core.models.networks import (
    Network,
    architecture_of,
    build_network,
    load_network,
    read_header,
    save_network,
)
from separation_core.training.batches import Draw, mix_batch
from separation_core.training.checkpoints import Checkpoint, latest_checkpoint, read_checkpoint, read_facts
from separation_core.training.corpus import RATE
from separation_core.training.losses import SharingNetwork, gathered, separation_loss, share_loss
from separation_core.training.recipe import Recipe, ScheduleSettings
from separation_core.zoo.built_in import built_in_card, is_built_in, weights_of

MOST_SOFTENED = 4.0
PRECISIONS = {"bfloat16": torch.bfloat16, "float16": torch.float16}


def half_precision(name: str, device: torch.device) -> torch.dtype | None:
    """The half precision to compute in, or None for float32. A CPU takes bfloat16 where it has instructions for that:
    elsewhere it would be many times slower."""
    if device.type == "cpu":
        able = torch.cpu.get_capabilities()
        fast = able.get("avx512_bf16") or able.get("amx_bf16")
        return torch.bfloat16 if name == "bfloat16" and fast else None
    return PRECISIONS.get(name)


def learning_rate(schedule: ScheduleSettings, peak: float, step: int, seconds: float) -> float:
    """Linear warm-up, `peak` held, then a cosine to `final`·`peak` at the schedule's end, and flat after it."""
    if step < schedule.warmup:
        return peak * (step + 1) / schedule.warmup
    done = max(0.0, progress(schedule, step, seconds) - schedule.hold) / (1 - schedule.hold)
    low = schedule.final
    return peak * (low + (1 - low) * 0.5 * (1 + math.cos(math.pi * done)))


def progress(schedule: ScheduleSettings, step: int, seconds: float) -> float:
    """How much of the whole run is done, 0..1, by steps or by the clock as the schedule says."""
    return min(1.0, step / schedule.steps if schedule.steps else seconds / (60 * schedule.minutes))


class Trainer:
    """Takes steps on batches. Everything that decides the next step is in `checkpoint()`."""

    def __init__(self, recipe: Recipe, device: torch.device) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe, self.device = recipe, device
        self.network = build_network(recipe.architecture, recipe.sizes).to(device)
        self._forward: Callable[[torch.Tensor], torch.Tensor] = self.network
        if device.type == "cuda":
            self._use_gpu()
        self.average: Network = copy.deepcopy(self.network).eval()
        self.optimiser = _optimiser(self.network, recipe)
        pairs = list(zip(self.average.state_dict().values(), self.network.state_dict().values(), strict=True))
        self._averaged = [averaged for averaged, _ in pairs if averaged.is_floating_point()]
        self._current = [current for _, current in pairs if current.is_floating_point()]
        self._counters = [pair for pair in pairs if not pair[0].is_floating_point()]
        half = half_precision(recipe.machine.precision, device)
        self._half = half
        self._scaler = torch.amp.GradScaler(device.type, enabled=half is torch.float16)
        self.step, self.seconds, self.skipped = 0, 0.0, 0
        # From random weights the average has to forget its beginning sooner than it forgets later on.
        self._ramp = True
        self._hear_silence()

    def _hear_silence(self) -> None:
        """Raise ModelError where the network cannot be used on items as long as the recipe's."""
        frames = int(self.recipe.batch.seconds * RATE)
        try:
            with torch.inference_mode():
                self.average(torch.zeros(1, 2, frames, device=self.device))
        except (TypeError, ValueError, IndexError, ArithmeticError, RuntimeError) as error:
            reason = " ".join(str(error).split())[:200]
            sizes = f"{self.recipe.architecture} of these sizes cannot take items of {self.recipe.batch.seconds:g} s"
            raise ModelError(f"{sizes} ({reason}): correct [network] or [batch] seconds") from error

    def _use_gpu(self) -> None:
        torch.backends.cudnn.benchmark = True
        torch.set_float32_matmul_precision("high")
        if self.recipe.machine.channels_last:
            self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # stubs lack this form
        if self.recipe.machine.compile:
            self._forward = torch.compile(self.network)

    def take_step(self, draw: Draw) -> dict[str, torch.Tensor]:
        """One step; returns the loss and its parts, the gradient's norm and the rate, still on the device."""
        # Whatever a network draws at random depends on the step alone, so that a resumed run draws the same.
        torch.manual_seed(self.recipe.seed + self.step)
        self.network.train()
        mix, stems = mix_batch(draw, self.device)
        loss, parts = self._judge(mix, stems, draw.unparted.to(self.device))
        norm = self._descend(loss)
        self.step += 1
        self._update_average()
        return {"loss": loss.detach(), **parts, "norm": norm}

    def _judge(
        self, mix: torch.Tensor, stems: torch.Tensor, unparted: torch.Tensor
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """The loss and its parts on one batch; only the network itself computes in half precision."""
        half = torch.autocast(self.device.type, dtype=self._half, enabled=self._half is not None)
        weights = self.recipe.loss
        if not weights.of_shares:
            with half:
                estimates = self._forward(mix)
            return separation_loss(mix, stems, gathered(estimates.float(), unparted), weights)
        if not isinstance(self.network, SharingNetwork):
            raise ModelError(f"{self.recipe.architecture} shares no spectrum: set loss cells and bels to 0")
        spectrum = self.network.analyse(mix)
        with half:
            shares = self.network.shares(spectrum)
        true = self.network.analyse(stems)
        return share_loss(self.network, spectrum, true, gathered(shares, unparted), weights)

    def _descend(self, loss: torch.Tensor) -> torch.Tensor:
        settings = self.recipe.optimiser
        rate = learning_rate(self.recipe.schedule, settings.rate, self.step, self.seconds)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(self._scaler.scale(loss))
        self._scaler.unscale_(self.optimiser)
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), settings.clip)
        if torch.isfinite(norm):
            self._scaler.step(self.optimiser)
        else:
            self.skipped += 1
        self._scaler.update()
        return norm

    def _update_average(self) -> None:
        decay = self.recipe.optimiser.average
        if self._ramp:
            decay = min(decay, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            torch._foreach_lerp_(self._averaged, self._current, 1 - decay)
            for counter, current in self._counters:
                counter.copy_(current)

    def checkpoint(self, facts: Mapping[str, Any]) -> Checkpoint:
        """The whole state; `facts` are kept with it."""
        moments = {
            name: self.optimiser.state[parameter]
            for name, parameter in self.network.named_parameters()
            if parameter in self.optimiser.state
        }
        known = {
            "step": self.step, "seconds": self.seconds, "skipped": self.skipped, "ramp": self._ramp,
            "scale": self._scaler.get_scale(),
        }  # fmt: skip
        return Checkpoint(
            dict(self.network.state_dict()),
            dict(self.average.state_dict()),
            {name: values["exp_avg"] for name, values in moments.items()},
            {name: values["exp_avg_sq"] for name, values in moments.items()},
            {**facts, **known},
        )

    def begin_from(self, trained: Network) -> None:
        """Take a trained network's weights before the first step. Raises ModelError where it is another network."""
        try:
            self.network.load_state_dict(trained.state_dict())
            self.average.load_state_dict(trained.state_dict())
        except RuntimeError as error:
            raise ModelError("what to begin from is another network than the recipe's: choose another") from error
        self._ramp = False

    def resume(self, checkpoint: Checkpoint) -> None:
        """Go on from a checkpoint. Raises ModelError where it belongs to another network."""
        try:
            self.network.load_state_dict(checkpoint.network)
            self.average.load_state_dict(checkpoint.average)
        except RuntimeError as error:
            raise ModelError("the checkpoint is of another network than the recipe's: choose another folder") from error
        self.step, self.seconds = int(checkpoint.facts["step"]), float(checkpoint.facts["seconds"])
        self.skipped = int(checkpoint.facts["skipped"])
        self._ramp = bool(checkpoint.facts.get("ramp", True))
        self._load_moments(checkpoint)
        if self._scaler.is_enabled():
            self._scaler.load_state_dict({**self._scaler.state_dict(), "scale": checkpoint.facts["scale"]})

    def _load_moments(self, checkpoint: Checkpoint) -> None:
        for name, parameter in self.network.named_parameters():
            if name in checkpoint.first:
                self.optimiser.state[parameter] = {
                    "step": torch.tensor(float(self.step - self.skipped)),
                    "exp_avg": checkpoint.first[name].to(self.device),
                    "exp_avg_sq": checkpoint.second[name].to(self.device),
                }


def _optimiser(network: Network, recipe: Recipe) -> torch.optim.AdamW:
    """AdamW with no decay on biases and normalisations, which have one axis."""
    settings = recipe.optimiser
    matrices = [parameter for parameter in network.parameters() if parameter.ndim > 1]
    vectors = [parameter for parameter in network.parameters() if parameter.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": settings.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=settings.rate, betas=(settings.beta1, settings.beta2))


def export_weights(place: Path, weights: Path, *, others: Sequence[Path] = (), soften: float = 1.0) -> None:
    """Write the averaged weights of a run's latest checkpoint, or what else `trained_network` finds at `place`.

    others: places whose weights are averaged with it, each counting alike; runs that have their first steps in common
    mostly agree well enough for that (Wortsman et al., arXiv 2203.05482). soften: what the logits of the shares are
    divided by, from 1 on: songs unlike those it was trained on are shared out with less confidence. Raises ModelError
    where a place holds nothing or another network, or where the network has no shares to soften.
    """
    if not 1.0 <= soften <= MOST_SOFTENED:
        raise ModelError(f"soften {soften:g}: give 1 to {MOST_SOFTENED:g}")
    networks = [trained_network(each) for each in (place, *others)]
    network = networks[0]
    try:
        network.load_state_dict(_mean([each.state_dict() for each in networks]))
    except (KeyError, RuntimeError) as error:
        raise ModelError("the runs are of different networks: their weights cannot be averaged") from error
    if soften > 1.0:
        if not isinstance(network, SharingNetwork):
            raise ModelError(f"{architecture_of(network)} shares no spectrum: leave soften out")
        network.soften(soften)
    notes = [training_notes(each) for each in (place, *others)]
    steps = ", ".join(note.get("step", "?") for note in notes)
    save_network(weights, network, notes={**notes[0], "step": steps, "softened": f"{soften:g}"})


def _mean(states: Sequence[Mapping[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """Of weights; counters are the first's."""
    return {
        name: torch.stack([state[name].float() for state in states]).mean(0) if first.is_floating_point() else first
        for name, first in states[0].items()
    }


def trained_network(place: Path) -> Network:
    """The averaged network of a run's latest checkpoint, of an exported file, or of a built-in model by its name
    ("default"), ready to infer.

    Raises ModelError where there is none.
    """
    if not place.is_dir():
        with _weights_file(place) as file:
            return load_network(file, name="trained")
    checkpoint = read_checkpoint(_latest(place))
    network = build_network(checkpoint.facts["architecture"], checkpoint.facts["sizes"])
    try:
        network.load_state_dict(checkpoint.average)
    except RuntimeError as error:
        raise ModelError(f"the latest checkpoint in {place} is damaged: remove it to take the one before") from error
    return network.eval()


def training_notes(place: Path) -> dict[str, str]:
    """How `trained_network(place)` became so, as far as that is known: recipe, step, …"""
    if place.is_dir():
        facts = read_facts(_latest(place))
        return {"recipe": facts["name"], "step": str(facts["step"])}
    with _weights_file(place) as file:
        return {name: text for name, text in read_header(file).items() if name not in ("architecture", "config")}


@contextmanager
def _weights_file(place: Path) -> Iterator[Path]:
    """The file at `place`, or that of the built-in model of this name."""
    if place.exists() or not is_built_in(str(place)):
        yield place
        return
    card = built_in_card(str(place))
    if not card.weights:
        raise ModelError(f"{card.name} has no weights: name a model that was trained")
    with as_file(weights_of(card)) as file:
        yield file


def _latest(folder: Path) -> Path:
    found = latest_checkpoint(folder)
    if found is None:
        raise ModelError(f"{folder} holds no checkpoint: name the folder of a training run")
    return found
