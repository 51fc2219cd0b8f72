"""A program with a MIDI port out and one in on a JACK server.

Run with its client's name, or "there?" to ask for a server. stdin: a line of bytes to send, "connect PART" (to the port
with that in its name), "leave". stdout: "ready", then a line for each message that comes.
"""

import sys
import threading
import time

import rtmidi


def main(name: str) -> None:
    out = rtmidi.MidiOut(rtmidi.API_UNIX_JACK, name=name)
    if name == "there?":
        out.delete()
        return
    out.open_virtual_port("out")
    heard = rtmidi.MidiIn(rtmidi.API_UNIX_JACK, name=name, queue_size_limit=8192)
    heard.ignore_types(False, False, False)
    heard.open_virtual_port("in")
    ending = threading.Event()
    teller = threading.Thread(target=tell, args=(heard, ending))
    teller.start()
    say("ready")
    for line in sys.stdin:
        if line.startswith("leave"):
            break
        if line.startswith("connect "):
            out = rtmidi.MidiOut(rtmidi.API_UNIX_JACK, name=f"{name} too")
            names = out.get_ports()
            out.open_port(next(at for at, port in enumerate(names) if line[8:].strip() in port), "out")
        else:
            out.send_message([int(word) for word in line.split()])
    ending.set()
    teller.join()
    for port in (out, heard):
        port.close_port()
        port.delete()


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def tell(heard: rtmidi.MidiIn, ending: threading.Event) -> None:
    while not ending.is_set():
        found = heard.get_message()
        if found is None:
            time.sleep(0.002)
        else:
            say(" ".join(map(str, found[0])))


if __name__ == "__main__":
    main(sys.argv[1])
