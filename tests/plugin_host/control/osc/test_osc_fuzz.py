"""Whatever comes, the server goes on, the mix stays sound, and everything bad is counted."""

import math
from collections.abc import Sequence
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plugin_host.control.osc.complaints import Complaints
from plugin_host.control.osc.encode import encoded
from plugin_host.control.osc.packet import Argument
from plugin_host.control.osc.server import OscServer
from plugin_host.control.osc.settings import OscSettings
from plugin_host.control.osc.surfaces import dialects_of

Rack = Any  # the conftest's
WORDS = (
    *(
        "track",
        "1",
        "vocals",
        "gain",
        "fader",
        "pan",
        "mute",
        "bank",
        "next",
        "master",
        "scene",
        "strip",
        "set_surface",
    ),
    *("ch", "01", "mix", "on", "volume", "subscribe", "unsubscribe", "refresh", "dialect", "*", "[", "{a", "fx", ""),
    *("loop", "begin", "transport", "speed", "seek", "marker", "add", "bus", "dca", "send", "select", "play", "%", "é"),
)
ADDRESSES = st.lists(st.sampled_from(WORDS), max_size=5).map(lambda words: "/" + "/".join(words))
ARGUMENTS = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**40), 2**40), st.floats(), st.sampled_from(WORDS),
    st.sampled_from((math.nan, math.inf, -math.inf, 1e308, -1, 0, 1, 65_536)),
)  # fmt: skip
MESSAGES = st.builds(encoded, ADDRESSES, st.lists(ARGUMENTS, max_size=3))
BUNDLES = st.lists(MESSAGES, max_size=4).map(
    lambda messages: (
        b"#bundle\0" + bytes(7) + b"\1" + b"".join(len(each).to_bytes(4, "big") + each for each in messages)
    )
)
PACKETS = st.lists(st.one_of(MESSAGES, BUNDLES, st.binary(max_size=48)), min_size=1, max_size=12)


def _is_sound(rack: Rack) -> bool:
    mix = rack.desk.mix
    gains = [track.gain_db for track in mix.tracks] + [mix.master.gain_db] + [aux.gain_db for aux in mix.auxes]
    return all(gain <= 12.0 for gain in gains) and all(-1.0 <= track.pan <= 1.0 for track in mix.tracks)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(PACKETS)
def test_nothing_ends_the_server(rack: Rack, packets: Sequence[bytes]) -> None:
    client = rack.client()
    for packet in packets:
        client.send_raw(packet)
    other = rack.client()
    other.settle()
    assert _is_sound(rack)
    client.socket.close()
    other.socket.close()


def test_a_fault_of_ours_is_counted_too(rack: Rack) -> None:
    class Broken:
        name = "broken"
        levels = False

        def incoming(self, message: object, line: object) -> Sequence[Argument]:
            raise ZeroDivisionError("by a stranger")

    server = OscServer(rack.table, OscSettings(port=0), Complaints(rack.desk.warn), {"broken": Broken})  # type: ignore[dict-item]
    rack.stack.callback(server.close)
    client = rack.client()
    client.server = (client.server[0], server.port)
    client.send("/nothing/of/ours")
    client.send("/dialect", "")
    assert client.until("/dialect").arguments == ("",)
    assert server.complaints.refused == 1
    assert set(dialects_of(rack.table, OscSettings())) == {"x32", "ardour", "reaper"}
