"""MIDI over real JACK ports: what of a thousand messages a second arrives, in order, and how often.

    python -m benchmarks.midi_jack [--seconds 60] [--rate 1000] [--period 128] [--others] [--synchronous]
                                   [--no-real-time] [--json FILE]

One process sends; each reader is a process of its own on the same port of the sender, all at the same time: rtmidi
alone, and the controllers' thread (`MidiSurface`), once with messages that mean nothing to it and once with each moving
a fader of a mix. What all of them miss the sender never said, or all were too late for. What one misses JACK overwrote:
a client that wakes late finds the next period's events in the port instead of its own, and may find them again when it
is called for that period: some lost, others doubled. Nothing in a port says of which period it is, so no reader can
tell. The server counts such xruns; with `--synchronous` (jackd -S) it waits for its clients, and loses nothing.

`--others` adds readers with Python in JACK's own thread, which make everybody's xruns more: a JACK client without
rtmidi, which counts the periods it was not called in, and mido's input, whose callback is there.
"""

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rich.table import Table

from benchmarks.live_rig.jack_server import JackServer, XrunWatch, jack_client
from benchmarks.live_rig.sessions import RATE
from benchmarks.live_rig.tables import show

SENDER = "sender"
WITNESS = "JACK client"
Data = tuple[int, int, int]
REST_SECONDS = 0.5
POLL_SECONDS = 0.001
CYCLE = 8 * 127
"""After so many messages the first one comes again."""
BEHIND = 100
"""A message like one of so many before is that one again; one like none of them is taken for one to come."""


def message(number: int) -> Data:
    """Faders 1 … 8 in turn, with values that name the message among the next 1016."""
    return (0xB0, number % 8, number // 8 % 127)


def send(count: int, rate: float) -> None:
    """The sending process: waits for a line, then sends on time."""
    import rtmidi

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
    print("sent", flush=True)
    sys.stdin.readline()
    out.close_port()
    out.delete()


@contextmanager
def rtmidi_alone(heard: list[Data]) -> Iterator[Callable[[], None]]:
    """An rtmidi input without a callback, polled; gives what is to be called again and again."""
    import rtmidi

    port = rtmidi.MidiIn(rtmidi.API_UNIX_JACK, name="alone", queue_size_limit=4096)
    port.open_port(next(at for at, name in enumerate(port.get_ports()) if SENDER in name), "in")

    def step() -> None:
        while (found := port.get_message()) is not None:
            heard.append(tuple(found[0]))

    yield step
    port.close_port()
    port.delete()


@contextmanager
def surface(heard: list[Data], bindings: str) -> Iterator[Callable[[], None]]:
    """The controllers' thread, as `stemrack play` runs it, on a desk without sound."""
    from plugin_host.control.midi.controller_library import find_controllers
    from plugin_host.control.midi.rtmidi_ports import open_system
    from plugin_host.control.midi.surface import MidiPlan, MidiSurface
    from plugin_host.control.parameters.table import ParameterTable
    from plugin_host.desk.desk import Desk
    from plugin_host.desk.silent_engine import SilentEngine
    from plugin_host.effects.catalogue import check_effect
    from plugin_host.mix.presets import find_library
    from plugin_host.mix.state import plain_mix

    mix = plain_mix([f"track {number}" for number in range(1, 9)])
    desk = Desk(SilentEngine(mix, frames=48_000, rate=48_000), mix, frames=48_000, rate=48_000)
    table = ParameterTable(desk, find_library(check_effect), frames=48_000, rate=48_000)
    midi = MidiSurface(
        table,
        find_controllers(),
        open_system("jack"),
        plan=MidiPlan({SENDER: bindings}, {}),
        listener=lambda port, arrival, what: heard.append(tuple(arrival.message.bytes())),
    )
    midi.start()
    while not midi.attached:
        time.sleep(POLL_SECONDS)
    yield lambda: None
    midi.close()


@contextmanager
def jack_alone(heard: list[Data], missed: list[int]) -> Iterator[Callable[[], None]]:
    """A JACK client in Python; `missed` gets the periods between two calls that came too late."""
    import jack

    client = jack.Client("witness", no_start_server=True)
    port = client.midi_inports.register("in")
    last: list[int] = []

    def process(frames: int) -> None:
        now = client.last_frame_time
        if last and now - last[0] != frames:
            missed.append((now - last[0]) // frames - 1)
        last[:] = [now]
        for _, data in port.incoming_midi_events():
            heard.append(tuple(bytes(data)))

    client.set_process_callback(process)
    client.activate()
    client.connect(client.get_ports(SENDER, is_midi=True, is_output=True)[0], port)
    yield lambda: None
    client.deactivate()
    client.close()


@contextmanager
def mido_input(heard: list[Data]) -> Iterator[Callable[[], None]]:
    """mido's input, as its documentation opens it."""
    import mido

    mido.set_backend("mido.backends.rtmidi/UNIX_JACK")
    port = mido.open_input(next(name for name in mido.get_input_names() if SENDER in name))
    yield lambda: heard.extend(tuple(each.bytes()) for each in port.iter_pending())
    port.close()


READERS = {
    "rtmidi alone": lambda heard, missed: rtmidi_alone(heard),
    "surface": lambda heard, missed: surface(heard, "launch-control-xl"),
    "surface, moving a mix": lambda heard, missed: surface(heard, "generic-8"),
    WITNESS: jack_alone,
    "mido": lambda heard, missed: mido_input(heard),
}
OURS = tuple(READERS)[:3]


def read(name: str) -> None:
    """A reading process: says when it listens, reads until it is told to end, and says what it heard."""
    heard: list[Data] = []
    missed: list[int] = []
    ending: list[str] = []
    threading.Thread(target=lambda: ending.append(sys.stdin.readline()), daemon=True).start()
    with READERS[name](heard, missed) as step:
        print("ready", flush=True)
        while not ending:
            step()
            time.sleep(POLL_SECONDS)
    print(json.dumps({"heard": [data for data in heard if data[0] == message(0)[0]], "missed": sum(missed)}))


@contextmanager
def partner(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A process of this module, ready."""
    command = [sys.executable, "-m", "benchmarks.midi_jack", *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        expect(process, "ready")
        yield process


def tell(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go on\n")
    process.stdin.flush()


def expect(process: subprocess.Popen[str], word: str) -> None:
    assert process.stdout is not None
    said = process.stdout.readline().strip()
    if said != word:
        raise SystemExit(f"{process.args}: said {said!r} instead of {word!r}")


def counted(sent: int, heard: list[Data]) -> dict[str, int]:
    """How much of what was sent is there, how much of it twice, and whether the rest is in order."""
    at, doubled, disordered = -1, 0, 0
    seen = bytearray(sent)
    for data in heard:
        ahead = next((n for n in range(at + 1, min(at + 1 + CYCLE - BEHIND, sent)) if message(n) == data), None)
        if ahead is not None:
            at = ahead
            seen[at] = 1
        elif any(message(n) == data and seen[n] for n in range(max(at - BEHIND, 0), at + 1)):
            doubled += 1
        else:
            disordered += 1
    lost = sent - sum(seen)
    return {"sent": sent, "received": len(heard), "lost": lost, "doubled": doubled, "disordered": disordered}


def measured(count: int, rate: float, names: Iterable[str]) -> dict[str, dict[str, int]]:
    """What each reader heard of one sender."""
    with ExitStack() as stack:
        sender = stack.enter_context(partner("--send", str(count), "--rate", str(rate)))
        readers = {name: stack.enter_context(partner("--read", name)) for name in names}
        time.sleep(REST_SECONDS)  # a connection holds from some period on
        tell(sender)
        expect(sender, "sent")
        found = {}
        for name, reader in readers.items():
            tell(reader)
            assert reader.stdout is not None
            said = json.loads(reader.stdout.readline())
            found[name] = counted(count, [tuple(data) for data in said["heard"]])
            if name == WITNESS:
                found[name]["periods missed"] = said["missed"]
        tell(sender)
    return found


@contextmanager
def server(period: int, *, real_time: bool, synchronous: bool) -> Iterator[tuple[str, XrunWatch]]:
    """A JACK server for the processes of this benchmark; its title, and what counts its xruns."""
    name = f"stemrack-midi-bench-{os.getpid()}"
    ways = [*(["-R", "-P", "10"] if real_time else ["-r"]), *(["-S"] if synchronous else [])]
    command = ["jackd", *ways, "-n", name, "-d", "dummy", "-r", str(RATE), "-p", str(period)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(2.0)
    os.environ["JACK_DEFAULT_SERVER"] = name
    made = JackServer(name, period, real_time)
    try:
        with jack_client(made, "xruns") as client:
            yield made.title + ", synchronous" * synchronous, XrunWatch(client)
    finally:
        process.terminate()
        process.wait()


def print_table(title: str, found: dict[str, dict[str, int]]) -> None:
    columns = list(dict.fromkeys(column for figures in found.values() for column in figures))
    table = Table("", *columns, title=title)
    for name, figures in found.items():
        table.add_row(name, *(str(figures.get(column, "")) for column in columns))
    show(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rate", type=float, default=1000.0)
    parser.add_argument("--period", type=int, default=128)
    parser.add_argument("--others", action="store_true", help="readers with Python in JACK's thread beside ours")
    parser.add_argument("--synchronous", action="store_true", help="JACK waits for late clients")
    parser.add_argument("--no-real-time", action="store_true", help="run JACK and its clients like any other process")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--send", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--read", choices=READERS, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.send:
        send(args.send, args.rate)
    elif args.read:
        read(args.read)
    else:
        measure(args)


def measure(args: argparse.Namespace) -> None:
    names = READERS if args.others else OURS
    with server(args.period, real_time=not args.no_real_time, synchronous=args.synchronous) as (title, watch):
        found = measured(round(args.seconds * args.rate), args.rate, names)
        xruns = watch.count
    print_table(f"{args.rate:g} messages/s for {args.seconds:g} s; {title}; {xruns} xruns", found)
    if args.json:
        args.json.write_text(json.dumps({"xruns": xruns, "readers": found}, indent=2))


if __name__ == "__main__":
    main()
