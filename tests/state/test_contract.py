"""What every store promises (``wsproxy.state.base``): one suite, a clock that can be moved."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from uuid import UUID

import pytest

from tests.support.circuits import circuit, label_circuit
from wsproxy.core.circuit import CloseReason
from wsproxy.core.replica import Changes, Entry, Position, Removed, Replica
from wsproxy.state import memory
from wsproxy.state.base import Kind, Record, Refused, Store, StoreUnavailable

DEADLINE = 10.0
REQUESTED = CloseReason.REQUESTED


class Clock:
    """Unix seconds that only a test moves."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


Maker = Callable[[Clock], Store]

STORES: Mapping[str, Maker] = {"memory": memory.MemoryStore}


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture(params=list(STORES.values()), ids=list(STORES))
def maker(request):
    return request.param


@pytest.fixture
async def store(maker, clock):
    store = maker(clock)
    yield store
    await store.close()


def entry(number: int = 1, *, port: int = 10200, node: str = "n1", generation: int = 1) -> Entry:
    return Entry(circuit(number, port=port, generation=generation), node)


async def put(store: Store, entry: Entry) -> int:
    stored = await store.put(entry)
    assert isinstance(stored, Entry), stored
    assert replace(stored, revision=0) == entry
    return stored.revision


async def all_of(store: Store) -> dict[UUID, Entry]:
    return {e.circuit.id: e for e in (await store.snapshot()).entries}


async def changes(store: Store, after: Position, wait: float = 0.0) -> Changes:
    found = await store.changes(after, wait)
    assert found is not None
    return found


# circuits


async def test_a_new_store_is_empty_and_has_an_epoch(store):
    snapshot = await store.snapshot()

    assert snapshot.entries == snapshot.removed == ()
    assert snapshot.position.epoch


async def test_two_stores_have_two_epochs(maker, clock):
    one, other = maker(clock), maker(clock)

    assert (await one.snapshot()).position.epoch != (await other.snapshot()).position.epoch
    for store in (one, other):
        await store.close()


async def test_a_snapshot_has_what_was_put_and_its_revision(store):
    revision = await put(store, entry())
    snapshot = await store.snapshot()

    assert snapshot.entries == (replace(entry(), revision=revision),)
    assert snapshot.position.revision == revision


async def test_a_higher_generation_replaces(store):
    await put(store, entry(generation=1))
    await put(store, entry(generation=2, port=10201))

    assert [e.circuit.port for e in (await all_of(store)).values()] == [10201]
    await put(store, entry(2, port=10200))  # the slot it left is free


@pytest.mark.parametrize("generation", [1, 2])
async def test_the_same_or_a_lower_generation_is_stale(store, generation):
    first = entry(generation=2)
    await put(store, first)

    assert await store.put(entry(generation=generation, port=10299)) is Refused.STALE
    assert [e.circuit for e in (await all_of(store)).values()] == [first.circuit]


async def test_two_writers_of_one_generation_cannot_both_win(store):
    await put(store, entry())
    outcomes = await asyncio.gather(
        *(store.put(entry(generation=2, port=10200 + n)) for n in range(5))
    )

    assert sum(isinstance(outcome, Entry) for outcome in outcomes) == 1
    assert outcomes.count(Refused.STALE) == 4


async def test_a_deleted_circuit_never_comes_back(store):
    await put(store, entry())

    assert await store.delete(UUID(int=1), None, REQUESTED) is not None
    assert await store.put(entry(generation=9)) is Refused.GONE
    assert await all_of(store) == {}


async def test_deleting_twice_or_the_unknown_is_nothing(store):
    await put(store, entry())
    before = (await store.snapshot()).position

    assert await store.delete(UUID(int=1), None, REQUESTED) is not None
    assert await store.delete(UUID(int=1), None, REQUESTED) is None
    assert await store.delete(UUID(int=7), None, REQUESTED) is None
    followed = (await changes(store, before)).changes
    assert [c.circuit_id.int for c in followed if isinstance(c, Removed)] == [1, 7]


async def test_an_unknown_circuit_that_was_deleted_cannot_be_put(store):
    """A node that was cut off deletes first, and another one restores an old snapshot later."""
    await store.delete(UUID(int=1), 3, REQUESTED)

    assert await store.put(entry(generation=3)) is Refused.GONE


async def test_deleting_compares_generations(store):
    await put(store, entry(generation=2))

    assert await store.delete(UUID(int=1), 1, REQUESTED) is None
    assert len(await all_of(store)) == 1
    assert await store.delete(UUID(int=1), 2, REQUESTED) is not None
    assert await all_of(store) == {}


async def test_a_snapshot_tells_what_was_deleted_and_why(store):
    await put(store, entry(generation=2))
    revision = await store.delete(UUID(int=1), None, CloseReason.IDLE)
    snapshot = await store.snapshot()

    assert snapshot.removed == (Removed(UUID(int=1), 2, CloseReason.IDLE, revision),)


async def test_a_tombstone_outlives_a_working_day_but_not_for_ever(store, clock):
    await store.delete(UUID(int=1), None, REQUESTED)
    clock.now += 3600 * 8
    assert await store.put(entry()) is Refused.GONE
    clock.now += 3600 * 24 * 30

    assert (await store.snapshot()).removed == ()
    await put(store, entry())


# slots


async def test_one_port_of_a_node_is_one_circuit(store):
    await put(store, entry(1))

    assert await store.put(entry(2)) is Refused.SLOT_TAKEN
    await put(store, entry(2, node="n2"))
    await put(store, entry(3, port=10201))


async def test_one_label_is_one_circuit_on_all_nodes(store):
    await put(store, Entry(label_circuit(1, "x"), "n1"))

    assert await store.put(Entry(label_circuit(2, "x"), "n2")) is Refused.SLOT_TAKEN


async def test_a_deleted_circuit_gives_its_slot_back(store):
    await put(store, entry(1))
    await store.delete(UUID(int=1), None, REQUESTED)

    await put(store, entry(2))


async def test_a_refused_circuit_changes_nothing(store):
    await put(store, entry(1))
    await put(store, entry(2, port=10201))
    before = await store.snapshot()

    assert await store.put(entry(2, port=10200, generation=2)) is Refused.SLOT_TAKEN
    assert await store.snapshot() == before


# changes


async def test_changes_come_in_order(store):
    start = (await store.snapshot()).position
    one = await put(store, entry(1))
    two = await put(store, entry(2, port=10201))
    three = await store.delete(UUID(int=1), None, REQUESTED)
    batch = await changes(store, start)

    assert [c.revision for c in batch.changes] == [one, two, three] == sorted([one, two, three])
    assert batch.position == (await store.snapshot()).position
    after_one = await changes(store, replace(start, revision=one))
    assert [c.revision for c in after_one.changes] == [two, three]


async def test_snapshot_and_changes_lead_to_the_same_table(store):
    start = Replica("n1").with_snapshot(await store.snapshot())
    await put(store, entry(1))
    await put(store, entry(2, port=10201))
    await put(store, entry(1, port=10202, generation=2))
    await store.delete(UUID(int=2), None, REQUESTED)
    position = start.position
    assert position is not None
    followed = start.with_changes(await changes(store, position))

    assert followed.entries == Replica("n1").with_snapshot(await store.snapshot()).entries


async def test_waiting_ends_with_the_first_change(store):
    position = (await store.snapshot()).position
    waiting = asyncio.create_task(store.changes(position, DEADLINE))
    await asyncio.sleep(0)
    revision = await put(store, entry())

    batch = await asyncio.wait_for(waiting, DEADLINE)
    assert [c.revision for c in batch.changes] == [revision]


async def test_waiting_ends_without_a_change(store):
    position = (await store.snapshot()).position

    assert await store.changes(position, 0.01) == Changes(position, ())


async def test_who_stops_following_stops_also_at_the_moment_of_a_change(store):
    position = (await store.snapshot()).position
    waiting = asyncio.create_task(store.changes(position, DEADLINE))
    await asyncio.sleep(0)
    await put(store, entry())
    waiting.cancel()

    with pytest.raises(asyncio.CancelledError):
        async with asyncio.timeout(DEADLINE):
            await waiting


async def test_another_history_is_a_gap(store):
    position = (await store.snapshot()).position

    assert await store.changes(replace(position, epoch="another"), 0.0) is None
    assert await store.changes(replace(position, revision=99), 0.0) is None


async def test_a_follower_that_is_far_behind_is_told(store):
    start = (await store.snapshot()).position
    for generation in range(1, memory.HISTORY + 2):
        await put(store, entry(generation=generation))

    assert await store.changes(start, 0.0) is None
    near = replace(start, revision=start.revision + 1)
    assert len((await changes(store, near)).changes) == memory.HISTORY


# records


def record(clock: Clock, key: str = "k", value: str = "v", life: float = 10.0) -> Record:
    return Record(Kind.TOKEN, key, value, clock.now + life)


async def test_a_record_lives_until_its_end(store, clock):
    saved = record(clock)
    assert await store.save(saved)

    assert await store.load(Kind.TOKEN, "k") == saved
    assert await store.load(Kind.LEASE, "k") is None
    clock.now += 10.0
    assert await store.load(Kind.TOKEN, "k") is None
    assert await store.records(Kind.TOKEN) == ()
    assert not await store.drop(Kind.TOKEN, "k")


async def test_saving_again_replaces(store, clock):
    await store.save(record(clock))
    await store.save(record(clock, value="w"))

    assert [r.value for r in await store.records(Kind.TOKEN)] == ["w"]


async def test_records_of_one_kind_come_oldest_first(store, clock):
    for key in ("b", "a", "c"):
        await store.save(record(clock, key))
    await store.save(replace(record(clock), kind=Kind.CLEANUP))

    assert [r.key for r in await store.records(Kind.TOKEN)] == ["b", "a", "c"]
    assert await store.drop(Kind.TOKEN, "a")
    assert [r.key for r in await store.records(Kind.TOKEN)] == ["b", "c"]


async def test_a_lease_has_one_holder_who_may_renew_it(store, clock):
    mine, theirs = record(clock, value="n1"), record(clock, value="n2")

    assert await store.save(mine, replace=False)
    assert not await store.save(theirs, replace=False)
    clock.now += 9.0
    assert await store.save(record(clock, value="n1"), replace=False)
    clock.now += 9.0
    assert not await store.save(record(clock, value="n2"), replace=False)
    clock.now += 1.0
    assert await store.save(record(clock, value="n2"), replace=False)
    held = await store.load(Kind.TOKEN, "k")
    assert held is not None
    assert held.value == "n2"


async def test_what_expired_does_not_pile_up(store, clock):
    for number in range(2 * memory.SWEEP):
        await store.save(record(clock, f"k{number}"))
        clock.now += 11.0

    assert len(await store.records(Kind.TOKEN)) == 0


# the end


async def test_a_closed_store_says_so_and_wakes_who_waits(store):
    position = (await store.snapshot()).position
    waiting = asyncio.create_task(store.changes(position, DEADLINE))
    await asyncio.sleep(0)
    await store.close()
    await store.close()

    with pytest.raises(StoreUnavailable):
        await asyncio.wait_for(waiting, DEADLINE)
    with pytest.raises(StoreUnavailable):
        await store.put(entry())


def test_the_contract_is_small():
    assert sum(not name.startswith("_") for name in vars(Store)) < 10
