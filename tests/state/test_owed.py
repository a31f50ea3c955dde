"""Deletions while the store is away: none is lost, none fails."""

import asyncio
from uuid import UUID

import pytest

from tests.support.apps import eventually
from tests.support.circuits import circuit
from tests.support.stores import FailingStore
from wsproxy.core.circuit import CloseReason
from wsproxy.core.replica import Entry
from wsproxy.state.memory import MemoryStore
from wsproxy.state.owed import Deletions


@pytest.fixture
async def store():
    store = FailingStore(MemoryStore())
    for number in (1, 2, 3):
        await store.put(Entry(circuit(number, port=10200 + number), "n1"))
    yield store
    await store.close()


@pytest.fixture
async def deletions(store):
    deletions = Deletions(store, retry=0.005)
    yield deletions
    await deletions.close()


async def paid(deletions: Deletions) -> None:
    await eventually(lambda: len(deletions) == 0, "all deletions are told")


async def left(store: FailingStore) -> set[int]:
    return {e.circuit.id.int for e in (await store.inner.snapshot()).entries}


async def test_a_store_that_answers_is_told_at_once(store, deletions):
    await deletions.delete(UUID(int=1), CloseReason.IDLE)

    assert len(deletions) == 0
    assert await left(store) == {2, 3}


async def test_what_the_store_missed_it_is_told_later_and_again(store, deletions):
    for number in (1, 2):  # the second time shows that the queue starts again
        store.down = True
        await deletions.delete(UUID(int=number), CloseReason.IDLE)
        assert len(deletions) == 1
        await asyncio.sleep(0.02)  # some tries fail
        store.down = False
        await paid(deletions)

    assert await left(store) == {3}
    assert [r.reason for r in (await store.snapshot()).removed] == [CloseReason.IDLE] * 2


async def test_several_wait_together(store, deletions):
    store.down = True
    await asyncio.gather(
        *(deletions.delete(UUID(int=number), CloseReason.IDLE) for number in (1, 2, 3))
    )
    assert len(deletions) == 3
    store.down = False
    await paid(deletions)

    assert await left(store) == set()
