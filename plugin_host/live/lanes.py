"""Which signals leave the engine, and by which of the device's channels."""

from collections.abc import Sequence

from plugin_host.engine.outputs.request import MASTER, Lane
from plugin_host.live.messages import LiveSettings


def lanes_of(settings: LiveSettings, tracks: Sequence[str]) -> tuple[Lane, ...]:
    """The master's, then those of the tracks that have outputs of their own: all, or where none are, the named ones."""
    pairs, pre_fader = dict(settings.outs), settings.direct == "pre"
    direct = [name for name in tracks if settings.direct or name in pairs]
    return (
        Lane(MASTER, channels=pairs.get(MASTER)),
        *(Lane(name, pre_fader=pre_fader, channels=pairs.get(name)) for name in direct),
    )
