"""What `stemrack play` needs once the engine plays, loaded while that process loads its own."""

import importlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_NEEDED = (
    "plugin_host.desk.desk",
    "plugin_host.cli.play_view",
    "plugin_host.control.osc.surfaces",
    "plugin_host.control.parameters.table",
    "plugin_host.control.midi.surface",
)


@contextmanager
def loading_meanwhile() -> Iterator[None]:
    """In a thread of its own; what cannot be loaded says so where it is used."""
    thread = threading.Thread(target=_load, name="loading")
    thread.start()
    try:
        yield
    finally:
        thread.join()


def _load() -> None:
    for name in _NEEDED:
        try:
            importlib.import_module(name)
        except ImportError:
            return
