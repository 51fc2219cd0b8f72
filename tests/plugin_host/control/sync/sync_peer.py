"""Another program with a MIDI port on a JACK server: a master that sends time code and MIDI clock.

Run with its client's name. stdin: "play SECONDS", "stand SECONDS", "end". stdout: "ready", and for each line the time
(`time.monotonic`) at which the song was at its beginning, or would have been.
"""

import sys
import threading
import time

import rtmidi

from plugin_host.control.sync.clock_out import ClockOut
from plugin_host.control.sync.heard_song import SongLine
from plugin_host.control.sync.mtc_out import MtcOut

TEMPO = 120.0


class Daw:
    def __init__(self, name: str) -> None:
        self.line = SongLine(False, 0.0, time.monotonic(), 1.0, 0)
        self.ends = False
        self._port = rtmidi.MidiOut(rtmidi.API_UNIX_JACK, name=name)
        self._port.open_virtual_port("out")
        self._code, self._clock = MtcOut(), ClockOut()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def go(self, seconds: float, *, playing: bool) -> float:
        now = time.monotonic()
        self.line = SongLine(playing, seconds, now, 1.0, self.line.number + 1)
        return now - seconds

    def end(self) -> None:
        self.ends = True
        self._thread.join()
        self._port.close_port()
        self._port.delete()

    def _run(self) -> None:
        while not self.ends:
            now, line = time.monotonic(), self.line
            for message in (*self._code.advance(line, now), *self._clock.advance(line, TEMPO, now)):
                self._port.send_message(message.bytes())
            time.sleep(0.002)


def main(name: str) -> None:
    daw = Daw(name)
    print("ready", flush=True)  # noqa: T201 - this is its answer
    for line in sys.stdin:
        word, _, place = line.strip().partition(" ")
        if word == "end":
            break
        print(daw.go(float(place), playing=word == "play"), flush=True)  # noqa: T201
    daw.end()


if __name__ == "__main__":
    main(sys.argv[1])
