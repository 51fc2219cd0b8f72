"""The parameter table as OSCQuery shows it: a tree of JSON objects.

Source: "OSCQuery proposal", github.com/Vidvox/OSCQueryProposal.
"""

import json
import math
from collections.abc import Iterable
from typing import Any

from plugin_host.control.parameters.binding import Binding
from plugin_host.control.parameters.declaration import Parameter, Value
from plugin_host.control.parameters.sight import Sight, sight_of
from plugin_host.control.parameters.table import ParameterTable
from plugin_host.errors import HostError

SILENCE = -200.0
"""dB in place of -infinity, which JSON cannot say."""
ATTRIBUTES = ("VALUE", "TYPE", "RANGE", "ACCESS", "DESCRIPTION", "UNIT", "CLIPMODE", "FULL_PATH", "CONTENTS")
_ACCESS = {"": 0, "r": 1, "w": 2, "rw": 3}

# Any: JSON, whose values are of several types.
Node = dict[str, Any]


def whole_tree(table: ParameterTable) -> Node:
    """Everything there is."""
    root = _container("/")
    sight = sight_of(table.host)
    for binding in table.bindings():
        node = root
        for part in binding.address[1:].split("/"):
            contents = node.setdefault("CONTENTS", {})
            node = contents.setdefault(part, _container(f"{node['FULL_PATH'].rstrip('/')}/{part}"))
        node.update(described(binding, sight))
    return root


def node_at(table: ParameterTable, path: str) -> Node | None:
    """The part of the tree at an address, None where nothing is there."""
    node = whole_tree(table)
    for part in path.strip("/").split("/") if path != "/" else ():
        node = node.get("CONTENTS", {}).get(part)
        if node is None:
            return None
    return node


def described(binding: Binding, sight: Sight) -> Node:
    """One parameter."""
    parameter = binding.parameter
    node: Node = {
        "FULL_PATH": binding.address,
        "TYPE": type_tag(parameter),
        "ACCESS": _ACCESS[parameter.access],
        "DESCRIPTION": parameter.description,
    }
    if parameter.unit:
        node["UNIT"] = [parameter.unit]
    limits = _range(parameter)
    if limits:
        node["RANGE"] = [limits]
        node["CLIPMODE"] = ["both"]
    value = value_of(binding, sight)
    if value is not None:
        node["VALUE"] = [value]
    return node


def value_of(binding: Binding, sight: Sight) -> Value | None:
    """The value as JSON has it; None where there is none to read."""
    if binding.control.read is None:
        return None
    try:
        return plain(binding.read(sight))
    except HostError:  # gone meanwhile
        return None


def type_tag(parameter: Parameter) -> str:
    """The OSC type of its value. Choices are sent by name."""
    return {"float": "f", "int": "i", "bool": "T", "choice": "s", "text": "s", "trigger": "I"}[parameter.kind]


def plain(value: Value) -> Value:
    """The value without infinities."""
    if isinstance(value, float) and math.isinf(value):
        return math.copysign(-SILENCE, value)
    return value


def as_json(value: object) -> str:
    """JSON text."""
    return json.dumps(value, allow_nan=False, ensure_ascii=False)


def host_info(name: str, host: str, osc_port: int) -> Node:
    """What a client asks first: where OSC goes, and what this server can do."""
    extensions = dict.fromkeys(("ACCESS", "VALUE", "RANGE", "DESCRIPTION", "UNIT", "CLIPMODE", "LISTEN"), True)
    return {
        "NAME": name,
        "EXTENSIONS": {**extensions, "PATH_CHANGED": True},
        "OSC_IP": host,
        "OSC_PORT": osc_port,
        "OSC_TRANSPORT": "UDP",
    }


def _range(parameter: Parameter) -> Node:
    if parameter.choices:
        return {"VALS": list(parameter.choices)}
    limits: Iterable[tuple[str, float | None]] = (("MIN", parameter.minimum), ("MAX", parameter.maximum))
    return {name: plain(limit) for name, limit in limits if limit is not None}


def _container(path: str) -> Node:
    return {"FULL_PATH": path, "ACCESS": 0}
