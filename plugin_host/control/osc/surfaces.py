"""Everything that lets OSC surfaces in, opened and closed together."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from plugin_host.control.osc.complaints import Complaints
from plugin_host.control.osc.dialects.ardour import ArdourSession
from plugin_host.control.osc.dialects.reaper import ReaperSession
from plugin_host.control.osc.dialects.routes import DeskView
from plugin_host.control.osc.dialects.session import NewSession
from plugin_host.control.osc.dialects.x32 import X32Session
from plugin_host.control.osc.server import OscServer
from plugin_host.control.osc.settings import OscSettings
from plugin_host.control.osc.sockets import RECEIVE_BYTES
from plugin_host.control.parameters.table import ParameterTable
from plugin_host.errors import ControlError

if TYPE_CHECKING:
    from plugin_host.control.osc.query.server import QueryServer


@dataclass(frozen=True, slots=True)
class OscSurfaces:
    """What is open. warnings: lines for a person to see at the start. query_port: of HTTP and websocket."""

    server: OscServer
    query_port: int | None
    warnings: tuple[str, ...]

    @property
    def announcement(self) -> str:
        """Where it listens, in one line."""
        tcp = f", TCP {self.server.tcp_port}" if self.server.tcp_port is not None else ""
        query = f", OSCQuery http {self.query_port}" if self.query_port is not None else ""
        return f"OSC on {self.server.listen}: UDP {self.server.port}{tcp}{query}"


@contextmanager
def open_surfaces(table: ParameterTable, settings: OscSettings) -> Iterator[OscSurfaces]:
    """The OSC server, and OSCQuery where it is asked for, until the context ends. `ControlError`: a port is taken."""
    complaints = Complaints(table.host.desk.warn)
    with ExitStack() as stack:
        server = OscServer(table, settings, complaints, dialects_of(table, settings))
        stack.callback(server.close)
        query_port, warnings = None, _warnings(server, settings)
        if settings.oscquery_port is not None:
            query = _query_server()(table, settings, server)
            stack.callback(query.close)
            query_port = query.port
        yield OscSurfaces(server, query_port, warnings)


def _query_server() -> "type[QueryServer]":
    """Late, as it takes a while to import and needs packages that nothing else does."""
    try:
        from plugin_host.control.osc.query.server import QueryServer
    except ModuleNotFoundError as error:
        raise ControlError(f"OSCQuery needs {error.name}: pip install 'stemrack[oscquery]'") from error
    return QueryServer


def dialects_of(table: ParameterTable, settings: OscSettings) -> dict[str, NewSession]:
    """How to make a session of each dialect that is asked for."""
    view = DeskView(table.host.desk)
    known: dict[str, NewSession] = {
        "x32": lambda: X32Session(view),
        "ardour": lambda: ArdourSession(view, table, settings.timecode, settings.timecode_start),
        "reaper": lambda: ReaperSession(table),
    }
    return {name: new for name, new in known.items() if name in settings.dialects}


def _warnings(server: OscServer, settings: OscSettings) -> tuple[str, ...]:
    warnings = []
    if settings.is_open and not settings.allow:
        warnings.append(
            f"OSC listens on {settings.listen}: everybody who can reach it can play and change things; "
            "--osc-allow ADDRESS lets only some in"
        )
    if server.receive_bytes < RECEIVE_BYTES:
        warnings.append(
            f"OSC: the system keeps only {server.receive_bytes // 1024} kB of what comes in bursts: "
            f"sysctl net.core.rmem_max={RECEIVE_BYTES} gives more"
        )
    return tuple(warnings)
