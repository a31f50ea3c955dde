"""The feed: the table follows the store, and outlives it."""

from uuid import UUID

import pytest

from tests.support.apps import eventually
from tests.support.circuits import circuit
from tests.support.stores import FailingStore
from wsproxy.core.circuit import CloseReason
from wsproxy.core.replica import Entry, Removed
from wsproxy.state.feed import Feed, FeedRules
from wsproxy.state.memory import MemoryStore

DEADLINE = 10.0
QUICK = FeedRules(wait=0.05, retry=0.01)


def entry(number: int, node: str = "n1", generation: int = 1) -> Entry:
    return Entry(circuit(number, port=10200 + number, generation=generation), node)


def has(*numbers: int):
    return lambda table: {c.id.int for c in table.all()} == set(numbers)


@pytest.fixture
async def store():
    store = FailingStore(MemoryStore())
    yield store
    await store.close()


@pytest.fixture
async def feed(store):
    feed = Feed(store, "n1", QUICK)
    yield feed
    await feed.close()


async def test_ready_means_one_complete_snapshot(store, feed):
    await store.put(entry(1))
    assert not feed.ready
    assert feed.degraded
    await feed.start()

    assert feed.ready
    assert not feed.degraded
    assert has(1)(feed.table)


async def test_the_table_follows_the_store(store, feed):
    await feed.start()
    await store.put(entry(1))
    await store.put(entry(2, node="n2"))
    assert await feed.wait_for(has(1, 2), DEADLINE)
    assert feed.here(UUID(int=1))
    assert not feed.here(UUID(int=2))
    assert feed.node_of(UUID(int=2)) == "n2"
    assert feed.node_of(UUID(int=9)) == ""

    await store.delete(UUID(int=1), None, CloseReason.IDLE)
    assert await feed.wait_for(has(2), DEADLINE)
    assert feed.reason_of(UUID(int=1)) is CloseReason.IDLE
    assert feed.reason_of(UUID(int=9)) is CloseReason.REQUESTED


async def test_a_listener_sees_the_table_before_and_after(store, feed):
    seen = []
    await feed.start()
    feed.on_change(lambda before, after: seen.append((len(before), len(after))))
    feed.apply(entry(1))
    feed.apply(entry(1))  # no news
    feed.apply(Removed(UUID(int=1), 1, CloseReason.REQUESTED))

    assert seen == [(0, 1), (1, 0)]


async def test_our_own_change_is_shown_at_once_and_comes_back_as_no_news(store, feed):
    await feed.start()
    shown = []
    feed.on_change(lambda before, after: shown.append(len(after)))
    stored = await store.put(entry(1))
    assert isinstance(stored, Entry)
    feed.apply(stored)
    assert has(1)(feed.table)
    await store.put(entry(2))
    assert await feed.wait_for(has(1, 2), DEADLINE)

    assert shown == [1, 2]


async def test_waiting_for_a_table_ends(feed):
    await feed.start()

    assert await feed.wait_for(has(), DEADLINE)
    assert not await feed.wait_for(has(1), 0.01)


async def test_a_store_that_is_away_at_the_start_is_read_later(store, feed):
    store.down = True
    await feed.start()
    assert not feed.ready

    store.down = False
    await store.put(entry(1))
    assert await feed.wait_for(has(1), DEADLINE)
    assert feed.ready


async def test_a_store_that_goes_away_leaves_the_table(store, feed):
    await store.put(entry(1))
    await feed.start()
    store.down = True
    await eventually(lambda: feed.degraded)
    assert has(1)(feed.table)
    assert feed.ready

    store.down = False
    await store.put(entry(2))
    assert await feed.wait_for(has(1, 2), DEADLINE)
    await eventually(lambda: not feed.degraded)


async def test_what_was_missed_while_the_store_was_away_is_read(store, feed):
    await store.put(entry(1))
    await feed.start()
    store.down = True
    await eventually(lambda: feed.degraded)
    await store.inner.delete(UUID(int=1), None, CloseReason.REQUESTED)
    store.down = False

    assert await feed.wait_for(has(), DEADLINE)


@pytest.mark.parametrize("anew", [(), (2,)])
async def test_a_new_store_is_not_an_order_to_delete(store, feed, anew):
    await store.put(entry(1))
    await feed.start()
    store.inner = MemoryStore()  # somebody emptied it, or restored another one
    for number in anew:
        await store.inner.put(entry(number))
    await eventually(lambda: feed.degraded)

    assert has(1, *anew)(feed.table)
    assert feed.ready
    await store.put(entry(1))  # its node stores it again
    await eventually(lambda: not feed.degraded)
    assert has(1, *anew)(feed.table)


async def test_a_gap_is_read_over(store, feed):
    await feed.start()
    store.gap = True
    await store.inner.put(entry(1))

    assert await feed.wait_for(has(1), DEADLINE)
    assert store.snapshots >= 2
    assert not feed.degraded
