"""On a GPU: the CPU's stems, in float32 and in half precision, batches and copies ahead included."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from separation_core.audio.frames import ArraySource
from separation_core.inference.device import choose_device, device_title
from separation_core.inference.precision import Precision, half_type
from separation_core.inference.separate import SeparationSettings, separate
from separation_core.models.bs_roformer import BsRoformer, BsRoformerConfig
from separation_core.models.contract import ModelSpec
from separation_core.units import Hertz

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
RATE = Hertz(44100)
CPU = SeparationSettings(device="cpu", batch_size=1)


@pytest.fixture(scope="module")
def network() -> BsRoformer:
    torch.manual_seed(3)
    sizes = {"dim": 64, "depth": 2, "time_transformer_depth": 1, "freq_transformer_depth": 1, "heads": 4}
    return BsRoformer(BsRoformerConfig(stereo=True, segment=RATE, **sizes)).eval()


def stems(model: torch.nn.Module, settings: SeparationSettings) -> np.ndarray:
    song = np.random.default_rng(1).normal(0, 0.1, (2, 7 * RATE)).astype(np.float32)
    return np.concatenate(list(separate(model, ArraySource(song, RATE), settings)), axis=-1)


def distance_db(found: np.ndarray, wanted: np.ndarray) -> float:
    return float(20 * np.log10(np.linalg.norm(found - wanted) / np.linalg.norm(wanted)))


@pytest.mark.parametrize(
    ("precision", "batch", "least"),
    [
        (Precision.FLOAT32, 3, -90),
        (Precision.FLOAT32, None, -90),
        (Precision.HALF, 2, -50),
        (Precision.AUTO, None, -50),
    ],
)
def test_a_gpu_gives_the_cpus_stems(network: BsRoformer, precision: Precision, batch: int | None, least: float) -> None:
    wanted = stems(network, CPU)
    found = stems(network, replace(CPU, device="cuda", precision=precision, batch_size=batch))
    assert distance_db(found, wanted) < least


def test_copies_ahead_keep_the_order() -> None:
    class Echo(torch.nn.Module):
        spec = ModelSpec("echo", "1", ("all",), RATE, 2, RATE // 4, 100)

        def forward(self, mix: torch.Tensor) -> torch.Tensor:
            return mix[:, None] * 2

    song = np.random.default_rng(1).normal(0, 0.1, (2, 40 * RATE)).astype(np.float32)
    found = list(separate(Echo(), ArraySource(song, RATE), replace(CPU, device="cuda", batch_size=4)))
    assert np.allclose(np.concatenate(found, axis=-1)[0], 2 * song, atol=1e-6)


def test_too_little_memory_leads_to_smaller_steps(network: BsRoformer) -> None:
    notes: list[str] = []
    device = choose_device("cuda")
    # All that is left to take is about what the weights need.
    torch.cuda.set_per_process_memory_fraction(2e8 / torch.cuda.mem_get_info(device)[1])
    try:
        song = np.random.default_rng(1).normal(0, 0.1, (2, 30 * RATE)).astype(np.float32)
        blocks = separate(
            network, ArraySource(song, RATE), SeparationSettings(device="cuda", batch_size=30), note=notes.append
        )
        assert sum(block.shape[-1] for block in blocks) == 30 * RATE
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert notes
    assert "too little memory" in notes[0]


def test_the_device_has_a_name_and_half_precision() -> None:
    device = choose_device("auto")
    assert device.type == "cuda"
    assert device_title(device).startswith("cuda (")
    assert half_type(Precision.HALF, device) is torch.float16
