"""Plays through PortAudio on a JACK server, kills that server, plays on against the clock, and ends in good order."""

import os
import signal
import sys
import time

from plugin_host.engine.outputs.contract import Block
from plugin_host.engine.outputs.request import OutputRequest
from plugin_host.engine.outputs.steady_output import SteadyOutput

frames = 0


def pull(block: Block) -> None:
    global frames
    frames += block.shape[1]


def wait_for_frames(count: int) -> None:
    wanted = frames + count
    until = time.monotonic() + 20
    while frames < wanted and time.monotonic() < until:
        time.sleep(0.01)
    if frames < wanted:
        sys.exit("nothing is pulled any more")


os.environ["JACK_DEFAULT_SERVER"] = sys.argv[1]
output = SteadyOutput(OutputRequest("portaudio", 48_000, device="system"))
output.start(pull)
wait_for_frames(4096)
os.kill(int(sys.argv[2]), signal.SIGKILL)
while output.on_device:
    time.sleep(0.01)
wait_for_frames(4096)
sys.stdout.write(f"{output.events()} {output.title}\n")
output.stop()
