import math
import signal
import threading
from dataclasses import replace

import pytest

from plugin_host.engine.outputs.request import Lane, OutputRequest
from plugin_host.engine.outputs.steady_output import SteadyOutput
from plugin_host.errors import OutputError

LANES = (Lane("master"), Lane("vocals"))
PORTS = [f"stemrack:{name}_{side}" for name in ("master", "vocals") for side in "LR"]


def request(server, rate: int = 48_000) -> OutputRequest:
    return OutputRequest("jack", rate, LANES, device=server.name, buffer=1024)


def goes_on(counting, wait_until) -> None:
    frames = counting.frames
    wait_until(lambda: counting.frames > frames + 4096)
    assert not counting.clashed


@pytest.mark.parametrize("death", [signal.SIGKILL, signal.SIGTERM])
def test_a_server_that_dies_and_comes_back(mortal_jackd, counting, wait_until, death: signal.Signals) -> None:
    mortal_jackd.start()
    output = SteadyOutput(request(mortal_jackd))
    output.start(counting)
    assert output.jack is not None
    goes_on(counting, wait_until)
    mortal_jackd.end(death)
    wait_until(lambda: not output.on_device)
    goes_on(counting, wait_until)
    assert (output.alive, output.jack) == (True, None)
    assert "clocked until stemrack-test" in output.title
    mortal_jackd.start()
    wait_until(lambda: output.on_device)
    goes_on(counting, wait_until)
    assert mortal_jackd.ports() == PORTS
    gone, back = output.events()
    assert "is gone (" in gone
    assert back.endswith("is back")
    output.stop()
    assert mortal_jackd.ports() == []
    assert counting.clashed is False
    assert not {"output watch", "output clock"} & {thread.name for thread in threading.enumerate()}


def test_a_lane_named_while_it_plays_is_there_when_the_server_is_back(mortal_jackd, counting, wait_until) -> None:
    late = [f"stemrack:late_{side}" for side in "LR"]
    mortal_jackd.start()
    output = SteadyOutput(replace(request(mortal_jackd), lanes=(*LANES, Lane(""), Lane(""))))
    output.start(counting)
    output.name_lanes((*LANES, Lane("late"), Lane("")))
    wait_until(lambda: mortal_jackd.ports() == [*PORTS, *late])
    mortal_jackd.end()
    wait_until(lambda: not output.on_device)
    output.name_lanes((*LANES, Lane("late"), Lane("later")))
    wait_until(lambda: "output farewell" not in {thread.name for thread in threading.enumerate()})
    mortal_jackd.start()
    wait_until(lambda: output.on_device)
    assert mortal_jackd.ports() == [*PORTS, *late, "stemrack:later_L", "stemrack:later_R"]
    output.stop()
    assert len(output.events()) == 2
    assert not counting.clashed


def test_a_server_that_has_no_room_for_a_named_lane_says_so(jackd, counting, wait_until) -> None:
    lanes = (*LANES, *(Lane("") for _ in range(300)))
    output = SteadyOutput(replace(request(jackd), lanes=lanes))
    output.start(counting)
    output.name_lanes((*LANES, *(Lane(f"late {number}") for number in range(300))))
    told: list[str] = []
    wait_until(lambda: told.extend(output.events()) or told)
    goes_on(counting, wait_until)
    output.stop()
    assert len(told) == 1
    assert "no room for 2 ports" in told[0]


def test_a_server_that_hangs_is_left_until_it_moves_again(mortal_jackd, counting, wait_until) -> None:
    mortal_jackd.start()
    output = SteadyOutput(request(mortal_jackd))
    output.start(counting)
    goes_on(counting, wait_until)
    mortal_jackd.send(signal.SIGSTOP)
    wait_until(lambda: not output.on_device)
    goes_on(counting, wait_until)
    mortal_jackd.send(signal.SIGCONT)
    wait_until(lambda: output.on_device)
    goes_on(counting, wait_until)
    assert "takes no more sound" in output.events()[0]
    output.stop()


def test_a_server_that_comes_later(mortal_jackd, counting, wait_until) -> None:
    with pytest.raises(OutputError, match="no JACK server"):
        SteadyOutput(request(mortal_jackd))
    output = SteadyOutput(request(mortal_jackd), must_open=False)
    output.start(counting)
    goes_on(counting, wait_until)
    mortal_jackd.start()
    wait_until(lambda: output.on_device)
    goes_on(counting, wait_until)
    output.stop()
    assert "until it is there" in output.events()[0]


def test_a_server_with_another_rate_is_left_alone(mortal_jackd, counting, wait_until) -> None:
    output = SteadyOutput(request(mortal_jackd), must_open=False)
    output.start(counting)
    mortal_jackd.start(rate=44_100)
    wait_until(lambda: output.changed_rate)
    goes_on(counting, wait_until)
    assert (output.rate, output.changed_rate, output.on_device) == (48_000, 44_100, False)
    output.stop()
    assert "44100 Hz, not 48000" in output.events()[-1]


def test_the_null_device_is_a_device(counting, wait_until) -> None:
    output = SteadyOutput(OutputRequest("null", 48_000, speed=math.inf))
    assert output.on_device
    output.start(counting)
    goes_on(counting, wait_until)
    output.stop()
    frames = counting.frames
    assert output.events() == []
    assert (counting.frames, counting.clashed) == (frames, False)
