"""The one place that starts tasks: each has a name and an owner, and its error is reported.

A ``TaskGroup`` of the standard library ends all its tasks when one fails; the gateway's tasks are
independent (one user's tunnel, one probe), so an owner only keeps references and cancels on close.
"""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

log = logging.getLogger(__name__)


class Tasks:
    """A set of running tasks that ends with its owner."""

    def __init__(self, owner: str) -> None:
        self._owner = owner
        self._running: set[asyncio.Task[Any]] = set()

    def __len__(self) -> int:
        return len(self._running)

    def __repr__(self) -> str:
        names = sorted(task.get_name() for task in self._running)
        return f"Tasks({self._owner!r}, {names})"

    def start(self, work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        """Run ``work`` under ``owner/name``; an error is logged when nobody awaits the task."""
        task = asyncio.get_running_loop().create_task(work, name=f"{self._owner}/{name}")
        self._running.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("task %s failed", task.get_name(), exc_info=error)

    async def close(self) -> None:
        """Cancel what still runs and wait for it."""
        running = [task for task in self._running if task is not asyncio.current_task()]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
