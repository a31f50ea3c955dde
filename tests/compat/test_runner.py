"""Cells side by side, in bounded time."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from tests.support.results import GOOD, result
from wsproxy.compat import runner
from wsproxy.compat.matrix import cells
from wsproxy.compat.play import Result
from wsproxy.compat.runner import is_slow, may_be_haste, run, zoo
from wsproxy.compat.verdict import IN_TIME, Sign
from wsproxy.compat.zoo.table import ANIMALS

CELLS = cells(["webui-22.09", "webui-26.8"], ["refuse", "hang"])


@pytest.fixture
def playing(monkeypatch: pytest.MonkeyPatch):
    """What ``play_cell`` does instead: see ``plays``."""

    def set_plays(plays):
        async def play_cell(stage, cell):
            await plays(cell)
            return Result(cell, GOOD)

        monkeypatch.setattr(runner, "play_cell", play_cell)

    return set_plays


@asynccontextmanager
async def nowhere(cell):
    yield None


async def test_results_are_in_the_order_of_the_cells_and_told_as_they_come(playing):
    gates = {cell: asyncio.Event() for cell in CELLS}
    gates[CELLS[-1]].set()
    seen: list[Result] = []

    async def plays(cell):
        await gates[cell].wait()

    def done(result):
        seen.append(result)
        gates[CELLS[len(CELLS) - 1 - len(seen)]].set()

    playing(plays)
    results = await run(CELLS, nowhere, jobs=len(CELLS), done=done)

    assert [result.cell for result in results] == list(CELLS)
    assert [result.cell for result in seen] == list(reversed(CELLS))


async def test_no_more_at_once_than_asked_for(playing):
    now, most = 0, 0

    async def plays(cell):
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0)
        now -= 1

    playing(plays)
    brisk = [cell for cell in CELLS if not is_slow(cell)]
    await run(brisk, nowhere, jobs=3, done=lambda result: None)

    assert most == 3


async def test_who_waits_does_not_keep_others_from_playing(playing):
    """However many cells wait for an address that is silent."""
    silent = cells(["webui-22.09"], ["hang"])[1::2] * 3
    briskly = asyncio.Event()

    async def plays(cell):
        if is_slow(cell):
            await briskly.wait()
        else:
            briskly.set()

    playing(plays)
    results = await run([*silent, CELLS[0]], nowhere, jobs=1, done=lambda result: None)

    assert all(result.verdict.good for result in results)


def test_the_slow_are_those_that_nobody_hears_the_end_of():
    slow = {cell.animal for cell in cells(["webui-22.09"], ANIMALS) if is_slow(cell)}
    assert slow == {"unanswered", "hang", "drip", "stalled-body", "infinite-body"}


async def test_what_is_left_when_the_time_is_over_is_not_played(playing):
    async def plays(cell):
        if cell != CELLS[0]:
            await asyncio.get_running_loop().create_future()

    playing(plays)
    results = await run(CELLS, nowhere, jobs=2, done=lambda result: None, seconds=2.0)

    assert results[0].verdict.good
    assert {result.verdict.said for result in results[1:]} == {("not played: out of time",)}


async def test_a_scene_that_cannot_be_set_is_said_in_its_cell(playing):
    @asynccontextmanager
    async def broken(cell):
        if cell == CELLS[1]:
            raise OSError("no ports")
        yield None

    async def plays(cell):
        """All is well."""

    playing(plays)
    results = await run(CELLS, broken, jobs=2, done=lambda result: None)

    assert [result.verdict.good for result in results].count(False) == 1
    assert results[1].verdict.said == ("not played: the scene could not be set: no ports",)


async def test_only_the_animals_that_are_met_live():
    async with zoo(CELLS) as addresses:
        assert sorted(addresses) == ["hang", "refuse"]


HASTY = replace(GOOD, hurried=True)
LATE = replace(GOOD, report=Sign.BAD, slowest=IN_TIME + 1)
SILENCED = replace(GOOD, report=Sign.BAD, silenced=True)


@pytest.mark.parametrize(
    ("name", "verdict", "haste"),
    [
        ("webui-22.09/v1/refuse", GOOD, False),
        ("webui-22.09/v1/refuse", HASTY, True),
        ("webui-22.09/v1/hang", HASTY, False),
        ("webui-22.09/v1/hang", LATE, True),
        ("webui-22.09/v1/refuse", SILENCED, True),
        ("webui-22.09/v1/hang", SILENCED, False),
        ("webui-22.09/v1/refuse", replace(GOOD, report=Sign.BAD), False),
    ],
)
def test_what_a_busy_machine_may_have_caused(name, verdict, haste):
    assert may_be_haste(result(name, verdict)) is haste


@pytest.mark.parametrize("many", [False, True])
async def test_a_few_hasty_cells_are_played_again_and_many_are_not(many, monkeypatch):
    """Many say that the target is slow."""
    monkeypatch.setattr(runner, "FEW", 0 if many else 1)
    played: list[str] = []

    async def play_cell(stage, cell):
        hasty = cell == CELLS[1] and cell.name not in played
        played.append(cell.name)
        return Result(cell, HASTY if hasty else GOOD)

    monkeypatch.setattr(runner, "play_cell", play_cell)
    results = await run(CELLS, nowhere, jobs=2, done=lambda result: None)

    assert played.count(CELLS[1].name) == (1 if many else 2)
    assert results[1].verdict.hurried is many
