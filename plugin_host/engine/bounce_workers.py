"""The threads of a bounce: tracks side by side, reading ahead, writing behind. Results do not depend on them."""

from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from plugin_host.engine.render_block import Spread


@dataclass(frozen=True, slots=True)
class Workers:
    """How tracks are spread over threads, and the one-thread executors that read ahead and write behind."""

    spread: Spread
    reader: Executor
    writer: Executor


@contextmanager
def workers(threads: int) -> Iterator[Workers]:
    """Workers with that many threads for effects; with 1 the calling thread does them itself."""
    with ExitStack() as stack:
        reader, writer = stack.enter_context(_pool(1)), stack.enter_context(_pool(1))
        spread = map if threads == 1 else stack.enter_context(_pool(threads)).map
        yield Workers(spread, reader, writer)


@contextmanager
def _pool(size: int) -> Iterator[ThreadPoolExecutor]:
    pool = ThreadPoolExecutor(size, thread_name_prefix="bounce")
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
