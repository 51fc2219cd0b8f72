"""From the memory that the engine shares to how it is doing, as everybody above sees it."""

import numpy as np

from plugin_host.live.port import EngineStatus, Meter
from plugin_host.live.shared import Snapshot


def status_of(snapshot: Snapshot, alive: bool, restarts: int) -> EngineStatus:
    """alive: whether the process runs; restarts: how often it was started again."""
    state = snapshot.state
    meters = [_meter(record) for record in snapshot.meters]
    return EngineStatus(
        alive=alive,
        playing=alive and bool(state["playing"]),
        reference=bool(state["reference"]),
        song_frame=int(state["song_frame"]),
        engine_frame=int(state["engine_frame"]),
        tracks=dict(zip(snapshot.names, meters, strict=False)),
        master=meters[-1],
        lufs=snapshot.lufs,
        dropouts=snapshot.dropouts,
        xruns=snapshot.xruns,
        starved=int(state["starved"]),
        load=float(state["load"]),
        restarts=restarts,
        latency_ms=snapshot.latency_ms,
        song_delay_ms=snapshot.song_delay_ms,
        device=snapshot.device,
    )


def _meter(record: np.void) -> Meter:
    peak, rms = record["peak"], record["rms"]
    levels = (float(peak[0]), float(peak[1])), (float(rms[0]), float(rms[1]))
    return Meter(*levels, bool(record["clipped"]), float(record["reduction_db"]))
