"""Which tests keep time with other programs, and so have the machine to themselves; the others share its cores."""

import os

import pytest

if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # as many processes as there are cores run already
os.environ.pop("COLUMNS", None)  # a console that is made while it is there keeps that width, whatever a test asks for

KEEPING_TIME = {"jackd", "mortal_jackd", "launch", "play", "rack", "studio"}
"""What starts a JACK server, an engine that plays, or a socket that is answered at once."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if KEEPING_TIME & set(getattr(item, "fixturenames", ())):
            item.add_marker("realtime")
