"""Bounce speed, 6 stems × 4 effects: ours against a bare loop over the same pedalboard chains, and against DawDreamer.

All contenders hear the same six stems through the same chains in the same order: high-pass 80 Hz, compressor (-24 dB,
3:1, 2 ms, 50 ms), low-pass 12 kHz, reverb (room 0.5, damping 0.5, wet 0.2, dry 0.8); the tracks are summed, no limiter.
The bare loops and DawDreamer hold all audio in memory and write nothing. Ours reads the session's files, mixes with
faders and guards, meters loudness and true peak, and writes a float32 file: it does more in the time it is given.
DawDreamer's graph per stem: playback → filter (high) → compressor → filter (low) → reverb, then one add processor. Its
reverb and compressor are the JUCE classes pedalboard wraps too; its filters are of second order where pedalboard's are
of first, so its sound differs. It has no threads to set. ×1 and ×2 are threads.
The contenders take turns, so that a busy machine slows them alike; ratios are of medians within this run.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import dawdreamer
import numpy as np
import pedalboard
import soundfile
from rich.console import Console
from rich.table import Table

from plugin_host.engine.bounce import bounce
from plugin_host.engine.bounce_settings import BounceSettings
from plugin_host.mix.state import Effect, Master, Mix, Track
from plugin_host.stems.open_session import HostSession, open_for_host
from separation_core.audio.writing import SongWriter
from separation_core.sessions.manifest import Manifest, ModelRecord, SourceRecord, StemRecord, write_manifest
from separation_core.units import Frames, Hertz

RATE = Hertz(44_100)
STEMS = ("vocals", "drums", "bass", "guitar", "piano", "other")
HIGHPASS, LOWPASS = 80.0, 12_000.0
COMPRESSOR = {"threshold_db": -24.0, "ratio": 3.0, "attack_ms": 2.0, "release_ms": 50.0}
REVERB = {"room_size": 0.5, "damping": 0.5, "wet_level": 0.2, "dry_level": 0.8, "width": 1.0}
CHAIN = (
    Effect("highpass_filter", {"cutoff_frequency_hz": HIGHPASS}),
    Effect("compressor", COMPRESSOR),
    Effect("lowpass_filter", {"cutoff_frequency_hz": LOWPASS}),
    Effect("reverb", REVERB),
)
MIX = Mix(tuple(Track(name, name, CHAIN) for name in STEMS), Master(limiter=False))
Stems = dict[str, np.ndarray]
Samples = Callable[[], np.ndarray]
Contender = Callable[[], Samples]
"""Does the work, which is timed; what it made is fetched afterwards, which is not."""


def make_stems(seconds: float) -> Stems:
    """Six stems (2, frame) float32: swelling noise and tones, about -18 dBFS."""
    rng, time_s = np.random.default_rng(0), np.arange(round(seconds * RATE)) / RATE
    stems = {}
    for number, name in enumerate(STEMS):
        swell = 0.5 + 0.5 * np.sin(2 * np.pi * (0.3 + 0.2 * number) * time_s)
        sound = np.sin(2 * np.pi * 110 * (number + 1) * time_s) + 0.5 * rng.standard_normal((2, len(time_s)))
        stems[name] = (0.1 * swell * sound).astype(np.float32)
    return stems


def write_session(folder: Path, stems: Stems) -> HostSession:
    (folder / "stems").mkdir(parents=True)
    files = {f"stems/{name}.wav": samples for name, samples in stems.items()}
    song = np.sum(list(stems.values()), axis=0, dtype=np.float32)
    for file, samples in {"song.wav": song, **files}.items():
        with SongWriter(folder / file, RATE, 2) as writer:
            writer.write(samples)
    frames = Frames(song.shape[1])
    records = [StemRecord(Path(file).stem, file, frames, -20.0, -6.0, silent=False) for file in ("song.wav", *files)]
    source = SourceRecord("benchmark.wav", "0" * 64, RATE, 2, frames, "WAV", "FLOAT", {})
    model, created = ModelRecord("benchmark", "1", {}), datetime.now(UTC)
    stem_records = tuple(records[1:])
    write_manifest(
        folder, Manifest("benchmark", created, "0" * 64, RATE, frames, source, model, records[0], stem_records)
    )
    return open_for_host(folder)


def our_bounce(session: HostSession, out: Path, block: int, threads: int) -> Contender:
    def run() -> Samples:
        bounce(session, MIX, out, BounceSettings(threads=threads, tail=0.0, block_frames=block))
        return lambda: soundfile.read(out, dtype="float32", always_2d=True)[0].T

    return run


def bare_loop(stems: Stems, block: int | None, threads: int) -> Contender:
    """The limit: pedalboard chains over arrays, in blocks or whole, summed."""

    def run_chain(samples: np.ndarray) -> np.ndarray:
        chain = pedalboard.Pedalboard(
            [
                pedalboard.HighpassFilter(HIGHPASS),
                pedalboard.Compressor(**COMPRESSOR),
                pedalboard.LowpassFilter(LOWPASS),
                pedalboard.Reverb(**REVERB),
            ]
        )
        if block is None:
            return chain(samples, RATE)
        out = np.empty_like(samples)
        for start in range(0, samples.shape[1], block):
            part = np.s_[:, start : start + block]
            out[part] = chain.process(samples[part], RATE, buffer_size=block, reset=start == 0)
        return out

    def run() -> Samples:
        with ThreadPoolExecutor(threads) as pool:
            tracks = list(pool.map(run_chain, stems.values()) if threads > 1 else map(run_chain, stems.values()))
        mixed = tracks[0]
        for track in tracks[1:]:
            mixed += track
        return lambda: mixed

    return run


def dawdreamer_graph(stems: Stems, block: int) -> Contender:
    def run() -> Samples:
        engine = dawdreamer.RenderEngine(RATE, block)
        graph, ends = [], []
        for name, samples in stems.items():
            chain = [
                engine.make_playback_processor(name, samples),
                engine.make_filter_processor(f"{name}-high", "high", HIGHPASS, 0.7071, 1.0),
                engine.make_compressor_processor(f"{name}-comp", *COMPRESSOR.values()),
                engine.make_filter_processor(f"{name}-low", "low", LOWPASS, 0.7071, 1.0),
                engine.make_reverb_processor(f"{name}-reverb", *REVERB.values()),
            ]
            inputs: list[str] = []
            for processor in chain:
                graph.append((processor, inputs))
                inputs = [processor.get_name()]
            ends += inputs
        graph.append((engine.make_add_processor("sum", [1.0] * len(ends)), ends))
        engine.load_graph(graph)
        engine.render(next(iter(stems.values())).shape[1] / RATE)
        return engine.get_audio

    return run


@dataclass
class Times:
    """Seconds of every run: by the clock, and of processor time over all threads."""

    clock: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)


def measure(contenders: dict[str, Contender], runs: int) -> tuple[dict[str, Times], dict[str, np.ndarray]]:
    """Every contender's times, in turns after one warm-up each, and what each made."""
    made = {name: run()() for name, run in contenders.items()}
    times = {name: Times() for name in contenders}
    for _ in range(runs):
        for name, run in contenders.items():
            began, processor = time.perf_counter(), time.process_time()
            run()
            times[name].clock.append(time.perf_counter() - began)
            times[name].processor.append(time.process_time() - processor)
    return times, made


def print_table(
    times: dict[str, Times], made: dict[str, np.ndarray], against: dict[str, str], song_seconds: float
) -> None:
    table = Table("contender", "s", "× real time", "CPU s", *against, "differs by", title="medians; speed ratios")
    clock = {name: statistics.median(found.clock) for name, found in times.items()}
    processor = {name: statistics.median(found.processor) for name, found in times.items()}
    reference = made[next(iter(against.values()))]
    for name in times:
        ratios = (f"{clock[other] / clock[name]:.2f}" for other in against.values())
        pace, differs = f"{song_seconds / clock[name]:.0f}", difference(made[name], reference)
        table.add_row(name, f"{clock[name]:.3f}", pace, f"{processor[name]:.3f}", *ratios, differs)
    Console().print(table)


def difference(found: np.ndarray, reference: np.ndarray) -> str:
    """Largest sample difference in dBFS, over what both have."""
    frames = min(found.shape[1], reference.shape[1])
    largest = float(np.abs(found[:2, :frames] - reference[:, :frames]).max())
    return "nothing" if largest == 0 else f"{20 * np.log10(largest):.0f} dBFS"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0, help="length of the song")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--block", type=int, default=16_384, help="frames per block")
    chosen = parser.parse_args()
    stems = make_stems(chosen.seconds)
    with tempfile.TemporaryDirectory() as folder:
        session = write_session(Path(folder) / "song.stemrack", stems)
        contenders = {}
        dawdreamer_name = f"DawDreamer {dawdreamer.__version__}"
        for threads in (1, 2):
            contenders[f"bounce ×{threads}"] = our_bounce(session, Path(folder) / "out.wav", chosen.block, threads)
            contenders[f"bare blocks ×{threads}"] = bare_loop(stems, chosen.block, threads)
            contenders[f"bare whole ×{threads}"] = bare_loop(stems, None, threads)
        contenders[dawdreamer_name] = dawdreamer_graph(stems, chosen.block)
        times, made = measure(contenders, chosen.runs)
    against = ("bare blocks ×1", "bare whole ×1", "bare blocks ×2", dawdreamer_name)
    print_table(times, made, {f"to {name}": name for name in against}, chosen.seconds)


if __name__ == "__main__":
    main()
