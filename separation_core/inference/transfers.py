"""Copies between this machine's memory and a device's.

On CUDA they go through pinned memory in streams of their own, one for each direction, so that the next segments come
and the last stems go while the network computes.
"""

from collections.abc import Callable

import torch

Arrival = Callable[[], torch.Tensor]
"""Gives a tensor on the CPU; waits until it is there."""


class Transfers:
    """Copies to one device and back."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._is_cuda = device.type == "cuda"
        if self._is_cuda:
            self._inward, self._outward = (_stream(device) for _ in range(2))

    def there(self, host: torch.Tensor) -> torch.Tensor:
        """`host` on the device, as soon as the device gets to it."""
        if not self._is_cuda:
            return host.to(self._device)
        computing = torch.cuda.current_stream(self._device)
        with torch.cuda.stream(self._inward):
            copy = host.pin_memory().to(self._device, non_blocking=True)
        computing.wait_stream(self._inward)
        copy.record_stream(computing)
        return copy

    def back(self, found: torch.Tensor) -> Arrival:
        """What gives `found`, which the device may still be computing, on the CPU."""
        if not self._is_cuda:
            here = found.cpu()
            return lambda: here
        self._outward.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(self._outward):
            host = torch.empty(found.shape, dtype=found.dtype, pin_memory=True)
            host.copy_(found, non_blocking=True)
            found.record_stream(self._outward)
            done = self._outward.record_event()

        def wait() -> torch.Tensor:
            done.synchronize()
            return host

        return wait


def _stream(device: torch.device) -> torch.cuda.Stream:
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]  # torch left it untyped
