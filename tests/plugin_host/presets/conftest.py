"""Six seconds of four stems to try presets on: a real song where there is one, else the demo's."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from plugin_host.demo.compose import RATE, compose

Sound = NDArray[np.float32]
REAL = Path(__file__).resolve().parents[3] / "../shared/audio/validation"
REAL_STEMS = {  # no excerpt has all four: a voice from one band, the others from another
    "drums": "real_eif_caesium_009s/drums.ogg",
    "bass": "real_mdn_05s/bass.ogg",
    "other": "real_mdn_05s/other.ogg",
    "vocals": "real_eif_caesium_009s/vocals.ogg",
}


@pytest.fixture(scope="session")
def stems() -> dict[str, Sound]:
    """name → (2, frame) float32 at 44.1 kHz."""
    start, frames = 6 * RATE, 6 * RATE
    if not REAL.is_dir():
        return {name: sound[:, start : start + frames] for name, sound in compose().items()}
    return {name: _excerpt(REAL / file, start, frames) for name, file in REAL_STEMS.items()}


def _excerpt(path: Path, start: int, frames: int) -> Sound:
    sound, rate = soundfile.read(path, frames, start, dtype="float32", always_2d=True)
    assert rate == RATE
    return np.ascontiguousarray(sound.T)
