"""What OSCQuery's HTTP server answers."""

from http import HTTPStatus
from urllib.parse import unquote, urlsplit

from plugin_host.control.osc.query.tree import ATTRIBUTES, Node, described, host_info, node_at
from plugin_host.control.parameters.patterns import is_pattern
from plugin_host.control.parameters.sight import sight_of
from plugin_host.control.parameters.table import ParameterTable
from plugin_host.errors import HostError

Answer = tuple[HTTPStatus, Node | None]


def answer(table: ParameterTable, target: str, name: str, host: str, osc_port: int) -> Answer:
    """The status and the JSON for a request's path and query. host: of this server, as it was asked."""
    parts = urlsplit(target)
    if parts.query == "HOST_INFO":
        return HTTPStatus.OK, host_info(name, host, osc_port)
    node = _node(table, parts.path, parts.query)
    if node is None:
        return HTTPStatus.NOT_FOUND, None
    if not parts.query:
        return HTTPStatus.OK, node
    if parts.query not in ATTRIBUTES:
        return HTTPStatus.BAD_REQUEST, None
    if parts.query not in node:
        return HTTPStatus.NO_CONTENT, None
    return HTTPStatus.OK, {parts.query: node[parts.query]}


def _node(table: ParameterTable, path: str, attribute: str) -> Node | None:
    """A name in our addresses is percent-encoded already; a client may have done so once more, or not at all."""
    for address in dict.fromkeys((path, unquote(path))):
        found = _parameter(table, address) if attribute not in ("", "CONTENTS") else None
        found = found or node_at(table, address)
        if found is not None:
            return found
    return None


def _parameter(table: ParameterTable, address: str) -> Node | None:
    """A parameter by itself, which is quicker than the whole tree."""
    try:
        bindings = () if is_pattern(address) else table.resolve(address)
    except HostError:
        return None
    return described(bindings[0], sight_of(table.host)) if len(bindings) == 1 else None
