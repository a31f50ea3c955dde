"""Which event loop a process runs."""

import asyncio
import importlib
import sys
from collections.abc import Callable

LoopFactory = Callable[[], asyncio.AbstractEventLoop]


def loop_factory() -> LoopFactory | None:
    """uvloop where it exists; None is the standard loop (Windows)."""
    if sys.platform == "win32":
        return None
    factory: LoopFactory = importlib.import_module("uvloop").new_event_loop
    return factory
