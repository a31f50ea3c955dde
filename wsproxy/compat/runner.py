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


FEW = 20


def may_be_haste(result: Result) -> bool:
    """Whether a client lost its patience, or somebody was called silent, where nobody is: on a busy
    machine that happens, and is nobody's fault. Of many it is: then the target is what is slow."""
    verdict = result.verdict
    silence = verdict.hurried or verdict.silenced
    return verdict.late or (silence and not is_slow(result.cell))


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
            results[number] = _kept(result, cells)
            done(result)

    async def again() -> None:
        """One after the other, and once only: what stays so is so."""
        for number, result in list(results.items()):
            if may_be_haste(result):
                results[number] = _kept(await _one(result.cell, set_up, until), cells)

    tasks = Tasks("compat")
    try:
        working = [
            tasks.start(work(queue), "worker")
            for queue, many in zip(queues, (jobs, jobs * SLOW), strict=True)
            for _ in range(min(many, len(queue)))
        ]
        await asyncio.gather(*working)
        if sum(may_be_haste(result) for result in results.values()) <= FEW:
            await again()
    finally:
        await tasks.close()
    return [results[number] for number in range(len(cells))]


def _kept(result: Result, cells: Sequence[Cell]) -> Result:
    return result if len(cells) == 1 else replace(result, play=None)


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
