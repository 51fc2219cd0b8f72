"""Opens and leaves a JACK server again and again while other threads keep the interpreter busy."""

import sys
import threading

from plugin_host.engine.outputs.contract import Block
from plugin_host.engine.outputs.jack_output import JackOutput
from plugin_host.engine.outputs.request import OutputRequest

ROUNDS = 6


def compute() -> None:
    while True:
        sum(range(2000))


def leave(server: str) -> None:
    served = threading.Event()

    def pull(_: Block) -> None:
        served.set()

    output = JackOutput(OutputRequest("jack", 48_000, device=server))
    output.start(pull)
    if not served.wait(20):
        sys.exit("nothing is pulled")
    output.stop()


for _ in range(2):
    threading.Thread(target=compute, daemon=True).start()
for _ in range(ROUNDS):
    leave(sys.argv[1])
sys.stdout.write("left")
