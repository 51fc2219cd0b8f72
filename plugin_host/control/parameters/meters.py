"""What is only to be watched: levels and the engine's health. All of it changes all the time."""

import math
from collections.abc import Callable

from plugin_host.control.parameters.control import Control
from plugin_host.control.parameters.declaration import Kind, Parameter, Value
from plugin_host.control.parameters.places import Keys
from plugin_host.control.parameters.sight import Sight
from plugin_host.control.parameters.taper import Linear
from plugin_host.live.port import EngineStatus, Meter
from plugin_host.mix.commands import MASTER

FLOOR_DB = -120.0
"""What a meter shows at most below full scale, silence too: no surface has to know infinity."""
CEILING_DB = 24.0


def _decibels(amplitude: float) -> float:
    level = 20.0 * math.log10(amplitude) if amplitude > 0.0 else FLOOR_DB
    return min(max(level, FLOOR_DB), CEILING_DB)


def _level(address: str, description: str, read: Callable[[Meter], float]) -> Control:
    parameter = Parameter(
        address, "float", description, "r", "dB", FLOOR_DB, CEILING_DB, FLOOR_DB, Linear(FLOOR_DB, CEILING_DB),
        rate_limited=True,
    )  # fmt: skip
    return Control(parameter, lambda sight, keys: _decibels(read(_meter(sight, keys))))


def _meter(sight: Sight, keys: Keys) -> Meter:
    """The owner's meter; at rest where the engine has none yet."""
    status = sight.status()
    return status.master if keys.owner is MASTER else status.tracks.get(str(keys.owner), Meter())


def _meters(prefix: str) -> tuple[Control, ...]:
    """The meters of a track, or the master."""
    held = Parameter(f"{prefix}/meter/clip", "bool", "a sample went over full scale", "r", rate_limited=True)
    less = Parameter(
        f"{prefix}/meter/reduction", "float", "what compressors and limiters take away", "r", "dB", 0.0, 60.0, 0.0,
        Linear(0.0, 60.0), rate_limited=True,
    )  # fmt: skip
    return (
        _level(f"{prefix}/meter/peak", "peak of the louder side", lambda meter: max(meter.peak)),
        _level(f"{prefix}/meter/peak/left", "peak of the left side", lambda meter: meter.peak[0]),
        _level(f"{prefix}/meter/peak/right", "peak of the right side", lambda meter: meter.peak[1]),
        _level(f"{prefix}/meter/rms", "RMS level of the louder side", lambda meter: max(meter.rms)),
        Control(held, lambda sight, keys: _meter(sight, keys).clipped),
        Control(less, lambda sight, keys: min(max(_meter(sight, keys).reduction_db, 0.0), 60.0)),
    )


def _health(address: str, kind: Kind, description: str, unit: str, read: Callable[[EngineStatus], Value]) -> Control:
    parameter = Parameter(address, kind, description, "r", unit, rate_limited=True)
    return Control(parameter, lambda sight, keys: read(sight.status()))


def _loudness(sight: Sight, keys: Keys) -> float:
    return min(max(sight.status().lufs, FLOOR_DB), CEILING_DB)


TRACK_METERS = _meters("/track/{track}")
MASTER_METERS = (
    *_meters("/master"),
    Control(
        Parameter(
            "/master/meter/lufs",
            "float",
            "short-term loudness (3 s)",
            "r",
            "LUFS",
            FLOOR_DB,
            CEILING_DB,
            FLOOR_DB,
            Linear(FLOOR_DB, CEILING_DB),
            rate_limited=True,
        ),
        _loudness,
    ),
)
HEALTH = (
    _health("/engine/alive", "bool", "the engine runs", "", lambda status: status.alive),
    _health("/engine/load", "float", "share of the time that rendering takes; 1 is all", "", lambda s: s.load),
    _health("/engine/dropouts", "int", "buffers that were not ready in time", "", lambda status: status.dropouts),
    _health("/engine/starved", "int", "frames that the disk was late with", "", lambda status: status.starved),
    _health("/engine/restarts", "int", "how often the engine was started again", "", lambda s: s.restarts),
    _health("/engine/latency", "float", "from a command to the ear", "ms", lambda status: status.latency_ms),
    _health("/engine/device", "text", "where it plays", "", lambda status: status.device),
)
