"""MIDI over real JACK ports: what of a thousand messages a second arrives, in order, and how often.

    python -m benchmarks.midi_jack [--seconds 60] [--rate 1000] [--period 128] [--json FILE]

A process of its own sends; this one polls as the MIDI thread does, once on the bare port and once through a controller
that moves the faders of a mix. Beside it mido's own input, whose callback runs in JACK's thread. Needs jackd.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mido
import rtmidi

from plugin_host.control.midi.controller import Controller
from plugin_host.control.midi.controller_library import find_controllers
from plugin_host.control.midi.rtmidi_ports import open_system
from plugin_host.control.midi.surface import POLL_SECONDS
from plugin_host.control.parameters.table import ParameterTable
from plugin_host.desk.desk import Desk
from plugin_host.desk.silent_engine import SilentEngine
from plugin_host.effects.catalogue import check_effect
from plugin_host.mix.presets import find_library
from plugin_host.mix.state import plain_mix

SENDER = "sender"
Data = tuple[int, int, int]
REST_SECONDS = 0.5


def message(number: int) -> Data:
    """Faders 1 … 8 in turn, with values that name the message among the 1016 before and after it."""
    return (0xB0, number % 8, number // 8 % 127)


def send(count: int, rate: float) -> None:
    """The other process: waits for a line, then sends on time."""
    out = rtmidi.MidiOut(rtmidi.API_UNIX_JACK, name=SENDER)
    out.open_virtual_port("out")
    print("ready", flush=True)
    sys.stdin.readline()
    begin = time.perf_counter()
    for number in range(count):
        wait = begin + number / rate - time.perf_counter()
        if wait > 0:
            time.sleep(wait)
        out.send_message(message(number))
    time.sleep(REST_SECONDS)
    out.close_port()
    out.delete()


@contextmanager
def sender(count: int, rate: float) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "benchmarks.midi_jack", "--send", str(count), "--rate", str(rate)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    yield process
    process.communicate()


@contextmanager
def jack_server(period: int) -> Iterator[None]:
    name = f"stemrack-midi-bench-{os.getpid()}"
    os.environ["JACK_DEFAULT_SERVER"] = name
    command = ["jackd", "-n", name, "-r", "-d", "dummy", "-r", "48000", "-p", str(period)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(2.0)
    try:
        yield
    finally:
        server.terminate()
        server.wait()


def counted(sent: int, got: list[Data]) -> dict[str, Any]:
    """How much of what was sent is there, how much of it twice, and whether the rest is in order."""
    at, doubled, disordered = -1, 0, 0
    seen = bytearray(sent)
    for data in got:
        ahead = next((n for n in range(at + 1, min(at + 1017, sent)) if message(n) == data), None)
        behind = ahead is None or ahead > at + 508
        if behind:
            doubled += any(message(n) == data and seen[n] for n in range(max(at - 508, 0), at + 1))
            disordered += not any(message(n) == data and seen[n] for n in range(max(at - 508, 0), at + 1))
        else:
            assert ahead is not None
            at = ahead
            seen[at] = 1
    return {"sent": sent, "received": len(got), "lost": sent - sum(seen), "doubled": doubled, "disordered": disordered}


def polled(receive: Callable[[], list[Data]], count: int, rate: float) -> dict[str, Any]:
    got: list[Data] = []
    with sender(count, rate) as process:
        until = time.monotonic() + count / rate + 3 * REST_SECONDS
        receive()
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
        while time.monotonic() < until:
            got += receive()
            time.sleep(POLL_SECONDS)
    return counted(count, got)


def through_polling(count: int, rate: float, *, on_mix: bool) -> dict[str, Any]:
    """Our ports; with `on_mix` every message also moves a fader of a mix of eight tracks."""
    system = open_system("jack")
    controller = moved_mix() if on_mix else None
    port: Any = None

    def receive() -> list[Data]:
        nonlocal port
        if port is None:
            port = system.open_input(f"{SENDER}:out")
        got = []
        for arrival in port.receive():
            if controller:
                controller.receive(arrival.message)
            got.append(tuple(arrival.message.bytes()))
        return got

    result = polled(receive, count, rate)
    system.close()
    return result


def moved_mix() -> Controller:
    mix = plain_mix([f"track {number}" for number in range(1, 9)])
    desk = Desk(SilentEngine(mix, frames=48_000, rate=48_000), mix, frames=48_000, rate=48_000)
    table = ParameterTable(desk, find_library(check_effect), frames=48_000, rate=48_000)
    mapped = find_controllers().mapped("generic-8")
    return Controller(mapped.device, mapped.bindings.assignments, table.resolve, bank=8)


def through_mido(count: int, rate: float) -> dict[str, Any]:
    """mido's input, as its documentation opens it."""
    mido.set_backend("mido.backends.rtmidi/UNIX_JACK")
    port: Any = None

    def receive() -> list[Data]:
        nonlocal port
        if port is None:
            port = mido.open_input(f"{SENDER}:out")
        return [tuple(each.bytes()) for each in port.iter_pending()]

    result = polled(receive, count, rate)
    port.close()
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rate", type=float, default=1000.0)
    parser.add_argument("--period", type=int, default=128)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--send", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.send:
        send(args.send, args.rate)
        return
    count = round(args.seconds * args.rate)
    results = {}
    with jack_server(args.period):
        results["stemrack, the port"] = through_polling(count, args.rate, on_mix=False)
        results["stemrack, to the mix"] = through_polling(count, args.rate, on_mix=True)
        results["mido"] = through_mido(count, args.rate)
    print(f"{args.rate:g} messages/s for {args.seconds:g} s, period {args.period} frames")
    print(f"{'':22}{'sent':>8}{'received':>10}{'lost':>7}{'doubled':>9}{'disordered':>12}")
    for name, result in results.items():
        print(f"{name:22}{result['sent']:8}{result['received']:10}{result['lost']:7}", end="")
        print(f"{result['doubled']:9}{result['disordered']:12}")
    if args.json:
        args.json.write_text(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
