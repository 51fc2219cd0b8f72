"""A separator on its device: every answer is checked, and memory that runs out leads to smaller steps."""

from collections.abc import Callable

import torch

from separation_core.errors import Cancelled, ModelError
from separation_core.inference.heap import Heap
from separation_core.models.contract import Separator

Note = Callable[[str], None]


class OnDevice:
    """Calls a separator with batches. Out of memory: the batch is halved, and at one segment the CPU takes over.

    note: called with one line when that happens. cancelled: asked before every call.
    """

    def __init__(
        self,
        separator: Separator,
        device: torch.device,
        cancelled: Callable[[], bool] | None = None,
        note: Note | None = None,
    ) -> None:
        self.spec = separator.spec
        self._separator = separator.to(device)
        self._device = device
        self._cancelled = cancelled
        self._note = note or (lambda line: None)
        self._heap = Heap()

    def __call__(self, mix: torch.Tensor) -> torch.Tensor:
        """Stems (batch, stem, channel, segment) on the CPU of `mix` (batch, channel, segment + 2 · context)."""
        if self._cancelled is not None and self._cancelled():
            raise Cancelled("separation stopped; what was finished is kept")
        stems = self._within_memory(mix)
        self._heap.tidy()
        self._check_shape(mix, stems)
        context = self.spec.context
        return stems[..., context : context + self.spec.segment]

    def _within_memory(self, mix: torch.Tensor) -> torch.Tensor:
        try:
            with torch.inference_mode():
                found: torch.Tensor = self._separator(mix.to(self._device)).cpu()
                return found
        except torch.OutOfMemoryError:
            self._take_smaller_steps(len(mix))
        # Outside the handler: the error holds on to the memory that ran out.
        if len(mix) == 1:
            return self._within_memory(mix)
        return torch.cat([self._within_memory(half) for half in mix.tensor_split(2)])

    def _take_smaller_steps(self, batch: int) -> None:
        name = self.spec.name
        if batch > 1:
            self._note(
                f"{self._device} has too little memory for {batch} segments of {name} at once: trying {batch // 2}"
            )
        elif self._device.type == "cpu":
            raise ModelError(
                f"not enough memory for one segment of {name}: close other programs, or take a smaller model"
            )
        else:
            self._note(f"{self._device} has too little memory for one segment of {name}: going on with the CPU")
            self._device = torch.device("cpu")
            self._separator = self._separator.to(self._device)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _check_shape(self, mix: torch.Tensor, stems: torch.Tensor) -> None:
        wanted = (len(mix), len(self.spec.stems), *mix.shape[1:])
        if tuple(stems.shape) != wanted or stems.dtype != torch.float32:
            raise ModelError(
                f"{self.spec.name} gave {stems.dtype} of shape {tuple(stems.shape)} where float32 of shape {wanted} "
                "(batch, stem, channel, frame) is due: this model is broken, choose another"
            )
