"""Plays many cells side by side, in bounded time, and hands each result over as it comes."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import replace

from wsproxy.compat.matrix import Cell
from wsproxy.compat.play import Result, Stage, play_cell
from wsproxy.compat.verdict import unplayed
from wsproxy.compat.zoo.table import ANIMALS
from wsproxy.net.tasks import Tasks

SetUp = Callable[[Cell], AbstractAsyncContextManager[Stage]]
Done = Callable[[Result], None]

SILENT = "address-silent"


Queue = deque[tuple[int, Cell]]

SLOW = 6
"""Cells that wait, for each that works."""


def is_slow(cell: Cell) -> bool:
    """Whether somebody waits in a cell until patience is over: for an address without an answer,
    or with one that does not end."""
    animal = ANIMALS.get(cell.animal)
    return animal is not None and (animal.reason == SILENT or animal.name == "infinite-body")


async def run(
    cells: Sequence[Cell], set_up: SetUp, *, jobs: int, done: Done, seconds: float | None = None
) -> list[Result]:
    """Every cell, ``jobs`` at a time and some more of those that mostly wait; the results in the
    order of the cells. After ``seconds`` what is left is not played. What was said is kept of a
    single cell only: it is much.

    Few at a time, because a busy machine must not make a client lose its patience.
    """
    until = None if seconds is None else time.monotonic() + seconds
    queues: tuple[Queue, Queue] = deque(), deque()
    for number, cell in enumerate(cells):
        queues[is_slow(cell)].append((number, cell))
    results: dict[int, Result] = {}

    async def work(waiting: Queue) -> None:
        while waiting:
            number, cell = waiting.popleft()
            result = await _one(cell, set_up, until)
            results[number] = result if len(cells) == 1 else replace(result, play=None)
            done(result)

    tasks = Tasks("compat")
    try:
        working = [
            tasks.start(work(queue), "worker")
            for queue, many in zip(queues, (jobs, jobs * SLOW), strict=True)
            for _ in range(min(many, len(queue)))
        ]
        await asyncio.gather(*working)
    finally:
        await tasks.close()
    return [results[number] for number in range(len(cells))]


async def _one(cell: Cell, set_up: SetUp, until: float | None) -> Result:
    left = None if until is None else until - time.monotonic()
    if left is not None and left <= 0:
        return Result(cell, unplayed("out of time"))
    try:
        async with asyncio.timeout(left), set_up(cell) as stage:
            return await play_cell(stage, cell)
    except TimeoutError:
        return Result(cell, unplayed("out of time"))
    except OSError as error:
        return Result(cell, unplayed(f"the scene could not be set: {error}"))


@asynccontextmanager
async def zoo(cells: Sequence[Cell]) -> AsyncIterator[dict[str, str]]:
    """The addresses of the animals in ``cells``: each lives once, for all who meet it."""
    wanted = {cell.animal for cell in cells}
    async with AsyncExitStack() as stack:
        yield {
            name: await stack.enter_async_context(animal())
            for name, animal in ANIMALS.items()
            if name in wanted
        }
