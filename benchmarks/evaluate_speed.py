"""The museval scores of a song with four stereo stems: ours against museval in the same run, on one thread.

`--museval FOLDER`, made by `pip install --no-deps --target FOLDER museval==0.4.1`; without it only ours is timed.
"""

import os

# Before numpy is loaded: its threads are counted then.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import argparse  # noqa: E402  (the threads come first)
import runpy  # noqa: E402
import time  # noqa: E402
from pathlib import Path  # noqa: E402

import numpy as np  # noqa: E402

from separation_core.evaluation.bss_eval import BssEval  # noqa: E402

RATE = 44100


def song(seconds: int) -> tuple[np.ndarray, np.ndarray]:
    """True stems and estimates, (stem, channel, frame) float32 with the values of 16-bit files."""
    random = np.random.default_rng(0)
    frames = seconds * RATE
    true = random.normal(0, 0.1, (4, 1, frames)) + random.normal(0, 0.05, (4, 2, frames))
    true[..., 1:] += 0.9 * true[..., :-1]
    true = (np.round(true * 20000) / 32768).astype(np.float32)
    return true, (true + 0.2 * true.sum(axis=0) + random.normal(0, 0.02, true.shape)).astype(np.float32)


def ours(true: np.ndarray, guess: np.ndarray) -> np.ndarray:
    meter = BssEval(*true.shape[:2])
    blocks = [slice(start, start + RATE) for start in range(0, true.shape[-1], RATE)]
    for block in blocks:
        meter.correlate(true[..., block], guess[..., block])
    for block in blocks:
        meter.score(true[..., block], guess[..., block])
    found = meter.scores()
    return np.stack([found.sdr, found.isr, found.sir, found.sar])


def published(folder: Path, true: np.ndarray, guess: np.ndarray) -> np.ndarray:
    bss_eval = runpy.run_path(str(folder / "museval/metrics.py"))["bss_eval"]
    pair = [stems.astype(np.float64).transpose(0, 2, 1) for stems in (true, guess)]
    return np.stack(bss_eval(*pair, window=RATE, hop=RATE)[:4])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--museval", type=Path)
    chosen = parser.parse_args()
    true, guess = song(chosen.seconds)
    began = time.perf_counter()
    found = ours(true, guess)
    mine = time.perf_counter() - began
    print(f"ours: {mine:.1f} s for {chosen.seconds} s of music, 4 stereo stems, one thread")
    if chosen.museval:
        began = time.perf_counter()
        wanted = published(chosen.museval, true, guess)
        theirs = time.perf_counter() - began
        difference = abs(found - wanted).max()
        print(f"museval: {theirs:.1f} s, {theirs / mine:.1f} × ours; largest difference {difference:.1e} dB")


if __name__ == "__main__":
    main()
