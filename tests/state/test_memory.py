"""What only the memory store can show: that it does not grow, and that it holds nothing twice."""

import gc
import tracemalloc
from dataclasses import replace
from uuid import UUID

from tests.support.circuits import ROUTE, label_circuit
from wsproxy.core.circuit import Circuit, HostListener
from wsproxy.core.replica import Entry
from wsproxy.state.base import Kind, Record
from wsproxy.state.feed import Feed
from wsproxy.state.memory import SWEEP, MemoryStore

MANY = 2000


async def test_expired_records_are_thrown_away():
    now = 1000.0
    store = MemoryStore(lambda: now)
    for number in range(10 * SWEEP):
        await store.save(Record(Kind.TOKEN, f"k{number}", "v", now + 1.0))
        now += 1.0

    assert len(store._records) <= SWEEP
    await store.close()


def _many(number: int) -> Circuit:
    """A circuit that shares nothing with others: session, owner, user and address are its own."""
    session = str(UUID(int=(1 << 100) + number))
    host = f"10.1.{number >> 8}.{number & 255}"
    made = label_circuit(number, f"jupyterlab-{number}", session=session, owner=f"AK{number:018d}")
    routes = (replace(ROUTE, host=host, session_id=session),)
    return replace(made, routes=routes, user_id=str(UUID(int=(1 << 102) + number)))


async def test_a_circuit_is_held_once():
    store = MemoryStore()
    feed = Feed(store, "n1")
    await store.put(Entry(_many(1), "n1"))
    await feed.start()
    (held,) = (await store.snapshot()).entries
    stored = await store.put(Entry(_many(2), "n1"))
    assert isinstance(stored, Entry)
    feed.apply(stored)

    assert feed.table.by_id(UUID(int=1)) is held.circuit
    assert feed._replica.entries[UUID(int=1)] is held
    assert feed._replica.entries[UUID(int=2)] is stored
    assert (await store.snapshot()).entries[1] is stored
    assert isinstance(held.circuit.listener, HostListener)
    assert next(iter(store._places)) is held.circuit.listener.label
    await feed.close()
    await store.close()


async def test_a_circuit_costs_little_memory():
    """Values and tables together, all of its texts included."""
    store = MemoryStore()
    feed = Feed(store, "n1")
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for number in range(MANY):
            await store.put(Entry(_many(number), "n1"))
        await feed.start()
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert len(feed.table) == MANY
    assert (after - before) / MANY < 1350
    await feed.close()
    await store.close()
