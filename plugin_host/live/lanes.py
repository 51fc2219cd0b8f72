"""Which signals leave the engine, and by which of the device's channels."""

from collections.abc import Sequence
from dataclasses import replace

from plugin_host.engine.outputs.request import MASTER, Lane
from plugin_host.live.messages import LiveSettings

SPARE_LANES = 8
"""Tracks that may come while it plays and have ports of their own, like those that were there at the start."""


def lanes_of(settings: LiveSettings, tracks: Sequence[str]) -> tuple[Lane, ...]:
    """The master's, then those of the tracks that have outputs of their own: all, or where none are, the named ones.

    JACK can have more ports later: for tracks that are added, places are kept free.
    """
    pairs, pre_fader = dict(settings.outs), settings.direct == "pre"
    direct = [name for name in tracks if settings.direct or name in pairs]
    spare = SPARE_LANES if settings.direct and settings.output == "jack" else 0
    return (
        Lane(MASTER, channels=pairs.get(MASTER)),
        *(Lane(name, pre_fader=pre_fader, channels=pairs.get(name)) for name in direct),
        *(Lane("", pre_fader=pre_fader) for _ in range(spare)),
    )


def with_lanes_for(lanes: tuple[Lane, ...], added: Sequence[str]) -> tuple[tuple[Lane, ...], list[str]]:
    """The lanes, free ones named after the added tracks that had none; and the tracks for which none was left."""
    new = [name for name in added if name not in {lane.name for lane in lanes}]
    rest = iter(new)
    named = [lane if lane.name else replace(lane, name=next(rest, "")) for lane in lanes]
    return tuple(named), list(rest)
