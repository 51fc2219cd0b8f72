"""Being in step with a master: which, whether, and how well. Whoever follows it writes; surfaces read and choose."""

from plugin_host.control.parameters.control import Control
from plugin_host.control.parameters.declaration import Parameter
from plugin_host.control.parameters.panel import PanelChanged
from plugin_host.control.parameters.places import Keys
from plugin_host.control.parameters.sight import Host

SYNC_SOURCES = ("off", "midi-clock", "mtc", "mmc", "link")
SYNC_STATES = ("off", "lost", "locked")


def _choose(host: Host, keys: Keys, source: str, origin: str) -> None:
    host.panel.change(origin, sync_source=source)


def _reading(address: str, description: str, unit: str, field: str) -> Control:
    parameter = Parameter(address, "float", description, "r", unit, rate_limited=True)
    return Control(parameter, lambda sight, keys: float(getattr(sight.host.panel.sync, field)))


SYNC_CONTROLS = (
    Control(
        Parameter("/sync/source", "choice", "the master that is followed", choices=SYNC_SOURCES, default="off"),
        lambda sight, keys: sight.panel.sync_source,
        act=_choose,
        told_by=(PanelChanged,),
    ),
    Control(
        Parameter("/sync/state", "choice", "locked: in step with it", "r", choices=SYNC_STATES, default="off"),
        lambda sight, keys: sight.panel.sync_state,
        told_by=(PanelChanged,),
    ),
    _reading("/sync/tempo", "the master's tempo; 0 where it is not known", "BPM", "tempo"),
    _reading("/sync/offset", "how far the sound is ahead of the master; 0 where it is not known", "ms", "offset_ms"),
)
