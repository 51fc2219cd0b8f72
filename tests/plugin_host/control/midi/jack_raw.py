"""A program that puts any bytes into JACK's MIDI, as rtmidi would not.

stdin: a line of hexadecimal bytes for each event. stdout: "ready".
"""

import sys
import time
from collections import deque

import jack

AT_ONCE = 16
"""Events in a period."""


def main(name: str) -> None:
    client = jack.Client(name, no_start_server=True)
    out = client.midi_outports.register("out")
    waiting: deque[bytes] = deque()

    def process(frames: int) -> None:
        out.clear_buffer()
        for at in range(min(AT_ONCE, len(waiting))):
            out.write_midi_event(at, waiting.popleft())

    client.set_process_callback(process)
    client.activate()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        waiting.append(bytes.fromhex(line))
    while waiting:
        time.sleep(0.01)
    time.sleep(0.2)
    client.deactivate()
    client.close()


if __name__ == "__main__":
    main(sys.argv[1])
