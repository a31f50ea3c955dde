"""Sessions that end, as a real Redis tells."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from tests.support.apps import eventually
from tests.support.circuits import FakeHost
from tests.support.logs import logged
from tests.support.redis import RedisServer, redis_server
from tests.support.v2 import V2, Wish, v2
from wsproxy.core.circuit import CloseReason
from wsproxy.endings import SessionEndings
from wsproxy.manager.redis import ManagerRedis

pytestmark = pytest.mark.redis


@pytest.fixture
async def redis():
    async with redis_server() as server:
        yield server


class Ends:
    """A gateway without sockets, and who listens for it."""

    def __init__(self, gateway: V2, host: FakeHost, url: str, wait: float) -> None:
        self.gateway = gateway
        self.host = host
        self.asked = 0
        circuits = gateway.circuits
        redis = ManagerRedis(url, deadline=10.0)
        self.listener = SessionEndings(circuits, redis, self._missed, wait=wait, retry=0.02)

    async def _missed(self) -> None:
        self.asked += 1


@contextlib.asynccontextmanager
async def ends(redis: RedisServer, wait: float = 5.0) -> AsyncIterator[Ends]:
    host = FakeHost()
    async with v2(Wish(host=host, ports=(10200, 10201))) as gateway:
        parts = Ends(gateway, host, redis.url, wait)
        try:
            yield parts
        finally:
            await parts.listener.close()
            await parts.listener.close()


def packed(session: str) -> list[bytes]:
    """An id and a reason as managers of different ages pack them."""
    text = session.encode()
    return [
        b"\x92\xd9\x24" + text + b"\xafuser-requested",
        b'{"session_id": "%s", "reason": "user-requested"}' % text,
        text.upper(),
    ]


@pytest.mark.parametrize("form", [0, 1, 2])
async def test_circuits_of_a_session_that_ended_are_closed_with_that_reason(redis, form):
    async with ends(redis, wait=0.05) as parts:
        ended, other = str(uuid4()), str(uuid4())
        await parts.gateway.auth(await parts.gateway.conf(ended, 1), ended)
        await parts.gateway.auth(await parts.gateway.conf(other, 1), other)
        await parts.listener.listen()  # from now on
        await redis.ended(b"x" + other.encode(), name="session_terminating")
        await redis.ended(packed(str(uuid4()))[form])
        await redis.ended(b"nothing of use")
        await redis.ended(packed(ended)[form])
        assert await parts.listener.listen() == 1
        circuits = parts.gateway.circuits
        assert not circuits.find(ended)
        assert circuits.find(other)
        assert [reason for _, reason in parts.host.closed] == [CloseReason.SESSION_ENDED]


async def test_events_of_before_do_not_count_and_none_in_between_is_lost(redis):
    session = str(uuid4())
    await redis.ended(session.encode())
    async with ends(redis, wait=0.05) as parts:
        await parts.gateway.auth(await parts.gateway.conf(session, 1), session)
        assert await parts.listener.listen() == 0
        await redis.ended(session.encode())  # nobody is asking at this moment
        assert await parts.listener.listen() == 1


async def test_after_an_absence_the_manager_is_asked(redis, caplog):
    caplog.set_level(logging.INFO)
    async with ends(redis) as parts:
        session = str(uuid4())
        await parts.gateway.auth(await parts.gateway.conf(session, 1), session)
        parts.listener.start()
        await redis.stop()
        await eventually(lambda: parts.listener.away, "the absence to be noticed")
        await redis.start()
        await redis.ended(session.encode())
        await eventually(lambda: not parts.listener.away, "Redis to be back")
        await eventually(lambda: parts.asked == 1, "the manager to be asked")
        warnings = [one for one in logged(caplog.records) if one.levelno >= logging.WARNING]
        assert len(warnings) == 1


async def test_a_fault_of_ours_does_not_end_the_listening(redis, caplog, monkeypatch):
    async with ends(redis, wait=0.01) as parts:
        asked = asyncio.Event()

        async def fails(wait: float) -> list[object]:
            if "failed" in caplog.text:
                asked.set()
            raise LookupError

        monkeypatch.setattr(parts.listener._redis, "events", fails)
        parts.listener.start()
        await asyncio.wait_for(asked.wait(), 5)
