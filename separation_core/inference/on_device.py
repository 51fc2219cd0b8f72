"""A separator on its device: every answer is checked, and memory that runs out leads to smaller steps."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch

from separation_core.errors import Cancelled, ModelError
from separation_core.inference.allocator import keep_freed_memory
from separation_core.inference.device import segments_at_once
from separation_core.inference.heap import Heap
from separation_core.inference.precision import Precision, arithmetic, half_type
from separation_core.inference.transfers import Arrival, Transfers
from separation_core.models.contract import Separator

Note = Callable[[str], None]
SHORTEST_SECONDS = 2.0
"""No segment is made shorter than this: a network that hears less of a song separates worse."""
_CPU = torch.device("cpu")
_NO_MEMORY = ("out of memory", "can't allocate memory", "not enough memory", "ALLOC_FAILED")
"""How the libraries below torch say so where torch has no exception of its own."""


class SegmentChanged(Exception):
    """From now on segments have another length; what was begun with the old one is void."""


@dataclass(slots=True)
class Circumstances:
    """What all separators of a run share.

    precision, batch_size: see `SeparationSettings`. shortened: the segment lengths in force, by the separator's name,
    where memory was too short for the usual one; it is kept up to date. note: called with one line when something
    changes. cancelled: asked before every call.
    """

    device: torch.device
    precision: Precision = Precision.AUTO
    batch_size: int | None = None
    cancelled: Callable[[], bool] = lambda: False
    note: Note = lambda line: None
    shortened: dict[str, int] = field(default_factory=dict)


class OnDevice:
    """Calls a separator with batches of segments.

    Out of memory, in this order: smaller batches, shorter segments where the separator takes any length, the CPU with
    whole segments again. Numbers that half precision cannot hold: float32.

    batch_size: segments to ask for at once. ahead: how many batches to begin before the first is finished.
    """

    def __init__(self, separator: Separator, around: Circumstances) -> None:
        self.spec = separator.spec
        self._separator, self._around = separator, around
        half = half_type(around.precision, around.device)
        self._half = half if self.spec.half_safe else None
        self.batch_size = around.batch_size or segments_at_once(around.device)
        self._room = self.batch_size
        self._heap = Heap()
        try:
            self._move(around.device)
        except (RuntimeError, MemoryError) as error:
            if not _is_out_of_memory(error) or around.device.type == "cpu":
                raise
            self._take_cpu("the weights")

    @property
    def segment(self) -> int:
        """The segments' length now."""
        return min(self.spec.segment, max(1, self._around.shortened.get(self.spec.name, self.spec.segment)))

    def begin(self, mix: torch.Tensor) -> Arrival:
        """Begin to separate `mix` (batch, channel, segment + 2 · context); the result gives the stems on the CPU.

        These are (batch, stem, channel, segment). Raises SegmentChanged, also later when the stems are asked for, when
        `mix` has to be cut anew; ModelError where not even the CPU has the memory, or the answer's shape is wrong.
        """
        if self._around.cancelled():
            raise Cancelled("separation stopped; what was finished is kept")
        begun = self._begun(mix)
        return lambda: self._finished(mix, begun)

    def _begun(self, mix: torch.Tensor) -> list[Arrival]:
        """The answers to all of `mix`, in as many calls as memory asks for."""
        begun: list[Arrival] = []
        first = 0
        while first < len(mix):
            if mix.shape[-1] != self.segment + 2 * self.spec.context:
                raise SegmentChanged
            part = mix[first : first + self._room]
            answer = self._called(part)
            if answer is None:
                self._take_smaller_step(len(part))
                continue
            begun.append(answer)
            first += len(part)
        return begun

    def _called(self, mix: torch.Tensor) -> Arrival | None:
        """What will give the answer; None where memory ran out."""
        try:
            with torch.inference_mode(), arithmetic(self._device, self._half):
                return self._transfers.back(self._separator(self._transfers.there(mix)))
        except (RuntimeError, MemoryError) as error:
            if not _is_out_of_memory(error):
                raise
        # Not in the handler: the error holds on to the memory that ran out.
        return None

    def _finished(self, mix: torch.Tensor, begun: list[Arrival]) -> torch.Tensor:
        stems = _joined(begun)
        if self._half is not None and not torch.isfinite(stems).all():
            self._half = None
            self._around.note(f"{self.spec.name} has numbers that half precision cannot hold: going on in float32")
            stems = _joined(self._begun(mix))
        self._heap.tidy()
        self._check_shape(mix, stems)
        context = self.spec.context
        return stems[..., context : stems.shape[-1] - context]

    def _take_smaller_step(self, batch: int) -> None:
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
        if batch > 1:
            self._room = batch // 2
            self._around.note(
                f"{self._device} has too little memory for {batch} segments of {self.spec.name} at once: "
                f"going on with {self._room}"
            )
        elif self.spec.any_length and self.segment // 2 >= SHORTEST_SECONDS * self.spec.rate:
            self._take_shorter_segments()
        elif self._device.type == "cpu":
            raise ModelError(
                f"not enough memory for one segment of {self.spec.name}: close other programs, or take a smaller model"
            )
        else:
            self._take_cpu("one segment")

    def _take_shorter_segments(self) -> None:
        shorter = self.segment // 2
        self._around.shortened[self.spec.name] = shorter
        self._around.note(
            f"{self._device} has too little memory for one segment of {self.spec.name}: "
            f"going on with shorter ones of {shorter / self.spec.rate:.1f} s"
        )

    def _take_cpu(self, what: str) -> None:
        self._around.note(f"{self._device} has too little memory for {what} of {self.spec.name}: going on with the CPU")
        self._around.shortened.pop(self.spec.name, None)
        self._half = None
        self._move(_CPU)

    def _move(self, device: torch.device) -> None:
        if device.type == "cpu":
            keep_freed_memory()
        self._device, self._transfers = device, Transfers(device)
        self.ahead = 1 if device.type == "cuda" else 0
        self._separator = self._separator.to(device)

    def _check_shape(self, mix: torch.Tensor, stems: torch.Tensor) -> None:
        wanted = (len(mix), len(self.spec.stems), *mix.shape[1:])
        if tuple(stems.shape) != wanted or stems.dtype != torch.float32:
            raise ModelError(
                f"{self.spec.name} gave {stems.dtype} of shape {tuple(stems.shape)} where float32 of shape {wanted} "
                "(batch, stem, channel, frame) is due: this model is broken, choose another"
            )


def _joined(begun: list[Arrival]) -> torch.Tensor:
    answers = [arrival() for arrival in begun]
    return answers[0] if len(answers) == 1 else torch.cat(answers)


def _is_out_of_memory(error: BaseException) -> bool:
    said = any(words in str(error) for words in _NO_MEMORY)
    return said or isinstance(error, torch.OutOfMemoryError | MemoryError)
