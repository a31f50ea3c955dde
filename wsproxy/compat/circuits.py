"""Asks a gateway which circuits of a session are still open."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from yarl import URL

from wsproxy.client.management import GatewayCircuits, NotAnswered, Unreachable
from wsproxy.compat.play import LeftOpen

LOOKS = 20
PAUSE = 0.1
"""A circuit is closed a moment after its session: it is looked for this often."""


async def nobody(session: str) -> int | None:
    """Where nobody can be asked."""
    return None


@asynccontextmanager
async def left_open_at(gateway: str, api_secret: str) -> AsyncIterator[LeftOpen]:
    """Asks ``gateway`` with its secret; without a secret nobody."""
    if not api_secret:
        yield nobody
        return
    async with GatewayCircuits(URL(gateway), api_secret) as circuits:

        async def count(session: str) -> int | None:
            try:
                return await _settled(circuits, session)
            except (Unreachable, NotAnswered):
                return None

        yield count


async def _settled(circuits: GatewayCircuits, session: str) -> int:
    for _ in range(LOOKS):
        if not await _open(circuits, session):
            return 0
        await asyncio.sleep(PAUSE)
    return await _open(circuits, session)


async def _open(circuits: GatewayCircuits, session: str) -> int:
    return sum(row.get("session_id") == session for row in await circuits.listing())
