"""How museval_numbers.json came about; run `python museval_recipe.py FOLDER` with museval 0.4.1 in FOLDER to redo it.

FOLDER: `pip install --no-deps --target FOLDER museval==0.4.1`; of it only `museval/metrics.py` is loaded.
"""

import json
import runpy
import sys
from pathlib import Path

import numpy as np

NUMBERS = Path(__file__).with_name("museval_numbers.json")
RATE = 2000
SCORES = ("sdr", "isr", "sir", "sar")


def noise(seed: int, *shape: int) -> np.ndarray:
    """Uniform in [-1, 1), the same under every version of numpy: only raw bits of PCG64 are used."""
    bits = np.random.PCG64(seed).random_raw(int(np.prod(shape)))
    return (bits.astype(np.float64) / 2.0**63 - 1).reshape(shape)


def sixteen_bits(samples: np.ndarray) -> np.ndarray:
    return (np.round(samples * 32767) / 32768).astype(np.float32)


def song(seed: int, stems: int, channels: int, frames: int) -> tuple[np.ndarray, np.ndarray]:
    """Coloured, panned stems and estimates with a short echo, other stems and noise; (stem, channel, frame)."""
    raw = 0.2 * noise(seed, stems, channels, frames) + 0.2 * noise(seed + 1, stems, 1, frames)
    true = raw.copy()
    for stem in range(stems):
        true[stem, :, stem + 1 :] += 0.8 * raw[stem, :, : -stem - 1]
    level = 0.5 + 0.5 * np.sin(np.arange(frames) / RATE * np.arange(2, 2 + stems)[:, None, None])
    true = sixteen_bits(true * level)
    guess = true + 0.15 * true.sum(axis=0) + 0.02 * noise(seed + 2, *true.shape)
    guess[..., 7:] += 0.2 * true[..., :-7]
    return true, sixteen_bits(guess)


def cases() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    stereo, mono, short = song(1, 3, 2, 5 * RATE + 700), song(4, 2, 1, 3 * RATE), song(7, 2, 2, RATE - 100)
    centred, gap, hard_left = song(10, 2, 2, 3 * RATE), song(13, 2, 2, 4 * RATE), song(16, 2, 2, 3 * RATE + 1)
    centred[0][0, 1] = centred[0][0, 0]
    gap[0][1, :, RATE : 2 * RATE] = 0
    gap[1][0, :, 3 * RATE :] = 0
    hard_left[0][1, 1] = 0
    return {"stereo": stereo, "mono": mono, "short": short, "centred": centred, "gap": gap, "hard left": hard_left}


def main() -> None:
    bss_eval = runpy.run_path(str(Path(sys.argv[1]) / "museval/metrics.py"))["bss_eval"]
    numbers = {}
    for name, pair in cases().items():
        true, guess = (stems.astype(np.float64).transpose(0, 2, 1) for stems in pair)
        found = bss_eval(true, guess, window=RATE, hop=RATE)[:4]
        numbers[name] = {
            score: [[None if np.isnan(x) else round(float(x), 6) for x in row] for row in table]
            for score, table in zip(SCORES, found, strict=True)
        }
    NUMBERS.write_text(json.dumps(numbers, indent=1) + "\n")


if __name__ == "__main__":
    main()
