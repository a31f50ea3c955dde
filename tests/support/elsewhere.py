"""Servers on a loop of their own: commands under test run a loop themselves."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import TypeVar

T = TypeVar("T")

WAIT = 30.0
"""Seconds for a server to start or to stop."""


@contextmanager
def elsewhere(den: Callable[[], AbstractAsyncContextManager[T]]) -> Iterator[T]:
    """Enter ``den()`` in another thread's loop, and leave it there."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    entered = den()
    try:
        yield asyncio.run_coroutine_threadsafe(entered.__aenter__(), loop).result(WAIT)
        asyncio.run_coroutine_threadsafe(entered.__aexit__(None, None, None), loop).result(WAIT)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(WAIT)
        loop.close()
