"""Connections that arrive while or after their listener ends."""

import asyncio
from typing import cast

from tests.support.apps import RawClient, eventually
from wsproxy.data.arrivals import Arrival, Arrivals


class Quiet(asyncio.Protocol):
    made = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        Quiet.made += 1
        self.transport = cast(asyncio.Transport, transport)


async def test_who_arrives_after_the_end_is_turned_away():
    arrivals, loop = Arrivals(), asyncio.get_running_loop()
    server = await loop.create_server(lambda: Arrival(arrivals, Quiet), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    before = RawClient(*await asyncio.open_connection("127.0.0.1", port))
    await eventually(lambda: Quiet.made == 1)
    arrivals.close()
    assert await before.end() == b""
    after = RawClient(*await asyncio.open_connection("127.0.0.1", port))
    try:
        assert await after.end() == b""
    except ConnectionResetError:
        pass
    assert Quiet.made == 1
    await before.close()
    await after.close()
    server.close()
    await server.wait_closed()
