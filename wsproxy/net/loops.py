"""Which event loop a process runs, and how often it looks for cycles."""

import asyncio
import gc
import importlib
import sys
from collections.abc import Callable

THRESHOLDS = (20_000, 20, 20)
"""New objects between two searches, and searches of younger ones between those of older ones."""

LoopFactory = Callable[[], asyncio.AbstractEventLoop]


def loop_factory() -> LoopFactory | None:
    """uvloop where it exists; None is the standard loop (Windows)."""
    if sys.platform == "win32":
        return None
    factory: LoopFactory = importlib.import_module("uvloop").new_event_loop
    return factory


def search_less() -> None:
    """Once everything is imported: what is there now stays, and is not searched any more.

    Exchanges leave no cycles: with the thresholds of a script they would be searched for in vain.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
