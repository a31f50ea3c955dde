"""Asking the manager's Redis; with a real one in ``tests/test_follower.py``."""

import asyncio

import pytest

from wsproxy.manager.redis import ManagerRedis, ManagerRedisAway


@pytest.fixture
async def redis():
    made = ManagerRedis("redis://:hunter2@127.0.0.1:1", deadline=0.01)
    yield made
    await made.close()
    await made.close()


async def test_who_waits_ends_when_told_even_if_the_library_does_not(redis):
    """The library loses a cancellation that comes as it reads: a gateway would never stop."""
    asked, release = asyncio.Event(), asyncio.Event()

    async def stubborn() -> None:
        asked.set()
        try:
            await release.wait()
        except asyncio.CancelledError:
            await release.wait()

    waiting = asyncio.create_task(redis._ask(stubborn(), 60))
    await asked.wait()
    waiting.cancel()
    done, _ = await asyncio.wait({waiting}, timeout=5)
    assert done == {waiting}
    assert waiting.cancelled()
    release.set()


async def test_no_answer_in_time_is_being_away(redis):
    with pytest.raises(ManagerRedisAway, match="in time"):
        await redis._ask(asyncio.Event().wait())


async def test_what_went_wrong_is_told_without_the_address(redis):
    with pytest.raises(ManagerRedisAway) as caught:
        await redis.ratios([])
        await redis.report([])
        await redis.changed(0.001)
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(redis)
