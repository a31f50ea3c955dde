"""What only the memory store can show: that it does not grow."""

from wsproxy.state.base import Kind, Record
from wsproxy.state.memory import SWEEP, MemoryStore


async def test_expired_records_are_thrown_away():
    now = 1000.0
    store = MemoryStore(lambda: now)
    for number in range(10 * SWEEP):
        await store.save(Record(Kind.TOKEN, f"k{number}", "v", now + 1.0))
        now += 1.0

    assert len(store._records) <= SWEEP
    await store.close()
