"""The pool of kept connections, without sockets: who gets what, who waits, who is closed."""

import asyncio

from tests.support.apps import eventually
from wsproxy.core.failure import Failure, FailureKind, Side
from wsproxy.core.pooling import PoolRules
from wsproxy.net.pool import Pool


class Conn:
    """A connection that reports its end at once, as a transport does a moment later."""

    def __init__(self, pool: Pool["Conn"], key: str) -> None:
        self.pool = pool
        self.key = key
        self.closed = False

    def abort(self) -> None:
        if not self.closed:
            self.closed = True
            asyncio.get_running_loop().call_soon(self.pool.lost, self.key, self)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def a_pool(**rules: float) -> tuple[Pool[Conn], Clock]:
    clock = Clock()
    return Pool(PoolRules(**rules), clock), clock  # type: ignore[arg-type]


async def dialled(pool: Pool[Conn], key: str = "k") -> Conn:
    assert await pool.place(key, 1, safe=True, fresh=True) is None
    return Conn(pool, key)


async def test_a_kept_connection_is_lent_again_the_youngest_first():
    pool, _ = a_pool()
    one, two = await dialled(pool), await dialled(pool)
    assert pool.take("k", safe=True) is None
    assert pool.put_back("k", one)
    assert pool.put_back("k", two)
    assert repr(pool) == "Pool(routes=1, open=2, resting=2)"
    assert await pool.place("k", 1, safe=True) is two
    assert pool.take("k", safe=True) is one
    assert pool.take("other", safe=True) is None


async def test_a_generation_of_its_own_is_a_route_of_its_own():
    pool, _ = a_pool()
    pool.put_back("k", await dialled(pool))
    assert await pool.place("k2", 1, safe=True) is None
    pool.leave("k2")
    assert pool.open("k2") == 0


async def test_rest_counts_and_unsafe_requests_want_a_fresh_one():
    pool, clock = a_pool(fresh_seconds=2.0, idle_seconds=30.0)
    one = await dialled(pool)
    pool.put_back("k", one)
    clock.now += 3
    assert pool.take("k", safe=False) is None
    assert pool.take("k", safe=True) is one


async def test_a_closed_connection_is_not_lent():
    pool, _ = a_pool()
    one, two = await dialled(pool), await dialled(pool)
    pool.put_back("k", one)
    pool.put_back("k", two)
    two.closed = True
    assert pool.take("k", safe=True) is one
    assert pool.take("k", safe=True) is None


async def test_only_so_many_rest():
    pool, _ = a_pool(idle=1)
    one, two = await dialled(pool), await dialled(pool)
    assert pool.put_back("k", one)
    assert not pool.put_back("k", two)


async def test_who_waits_gets_the_place_that_becomes_free():
    pool, _ = a_pool(total=1)
    one = await dialled(pool)
    waiting = asyncio.ensure_future(pool.place("k", 5, safe=True))
    await asyncio.sleep(0)
    assert not waiting.done()
    assert pool.put_back("k", one)
    assert await waiting is one
    waiting = asyncio.ensure_future(pool.place("k", 5, safe=True))
    await asyncio.sleep(0)
    pool.leave("k")  # became a tunnel
    assert await waiting is None


async def test_waiting_has_an_end():
    pool, _ = a_pool(total=1)
    await dialled(pool)
    failure = await pool.place("k", 0.02, safe=True)
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.side) == (FailureKind.SLOT_TIMEOUT, Side.GATEWAY)


async def test_who_gives_up_passes_the_turn_on():
    pool, _ = a_pool(total=1)
    await dialled(pool)
    first = asyncio.ensure_future(pool.place("k", 5, safe=True))
    second = asyncio.ensure_future(pool.place("k", 5, safe=True))
    third = asyncio.ensure_future(pool.place("k", 5, safe=True))
    await asyncio.sleep(0)
    third.cancel()
    await asyncio.sleep(0)
    pool.leave("k")
    first.cancel()  # after it was woken
    assert await second is None
    await asyncio.gather(first, third, return_exceptions=True)
    assert first.cancelled()


async def test_a_tired_connection_makes_room_for_a_new_one():
    pool, clock = a_pool(total=1)
    one = await dialled(pool)
    pool.put_back("k", one)
    clock.now += 10
    assert await pool.place("k", 1, safe=False) is None
    assert one.closed
    assert pool.open("k") == 1


async def test_what_rested_too_long_is_closed():
    pool, clock = a_pool(idle_seconds=0.02)
    old, young = await dialled(pool), await dialled(pool)
    pool.put_back("k", old)
    clock.now += 0.01
    pool.put_back("k", young)
    clock.now += 0.015
    pool.sweep()
    assert (old.closed, young.closed) == (True, False)
    clock.now += 1
    await eventually(lambda: young.closed, "the sweep runs by itself")
    await eventually(lambda: pool.open("k") == 0)
    pool.close()


async def test_a_route_may_be_forgotten():
    pool, _ = a_pool()
    one, busy = await dialled(pool), await dialled(pool)
    pool.put_back("k", one)
    pool.forget("k")
    pool.forget("unknown")
    assert one.closed
    await eventually(lambda: pool.open("k") == 1)
    pool.lost("k", busy)
    pool.lost("k", busy)  # the route is gone: nothing to do
    assert repr(pool) == "Pool(routes=0, open=0, resting=0)"
    pool.close()


async def test_more_than_the_lasting_ones_rest_for_a_moment_only():
    pool, clock = a_pool(lasting=1, idle_seconds=30.0, surplus_seconds=0.02)
    every = [await dialled(pool) for _ in range(4)]
    pool.put_back("k", every[0])  # the next look is planned late
    for one in every[1:]:
        assert pool.put_back("k", one)
    clock.now += 0.01
    pool.sweep()
    assert not any(one.closed for one in every)
    assert pool.take("k", safe=True) is every[3]
    clock.now += 0.02
    await eventually(lambda: every[1].closed, "the surplus is looked for soon")
    assert [one.closed for one in every] == [True, True, False, False]
    await eventually(lambda: pool.open("k") == 2)
    pool.close()
