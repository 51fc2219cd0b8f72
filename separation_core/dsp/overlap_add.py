"""Weighted overlap-add of separated segments into one gapless stream, in memory bounded by one segment."""

import torch


class OverlapAdder:
    """Sums blocks (stem, channel, frame) that overlap, and hands out what is complete.

    position: the next frame to be handed out. Nothing before it can be added to any more: that part is dropped.
    """

    def __init__(self, stems: int, channels: int, position: int = 0) -> None:
        self.position = position
        self._open = torch.zeros(stems, channels, 0)

    def add(self, block: torch.Tensor, weights: torch.Tensor, start: int) -> None:
        """Add `block` (stem, channel, frame) times `weights` (frame,), its first frame at `start`."""
        late = max(0, self.position - start)
        weighted = (block * weights)[..., late:]
        offset, frames = start + late - self.position, weighted.shape[-1]
        missing = offset + frames - self._open.shape[-1]
        if missing > 0:
            self._open = torch.nn.functional.pad(self._open, (0, missing))
        self._open[..., offset : offset + frames] += weighted

    def take(self, end: int) -> torch.Tensor:
        """All frames from `position` up to `end`, (stem, channel, frame); they must have been covered by then."""
        count = end - self.position
        ready, self._open = self._open[..., :count].clone(), self._open[..., count:]
        self.position = end
        return ready
