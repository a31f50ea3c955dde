"""Routes are reached: direct ones with or without TLS, others through the manager."""

import asyncio
import ssl

from tests.support.apps import just_read, raw_app
from wsproxy.core.circuit import Direct, ThroughManager
from wsproxy.core.failure import Failure, FailureKind, Side
from wsproxy.data.dial import Dialer, DialRules

MANAGER = ThroughManager("s", "app", "c")


async def test_a_route_through_a_manager_that_is_not_configured():
    got = await Dialer(DialRules()).dial(MANAGER, asyncio.Protocol)
    assert isinstance(got, Failure)
    assert (got.kind, got.side) == (FailureKind.NO_ROUTE, Side.GATEWAY)


async def test_a_direct_route():
    async with raw_app(just_read) as app:
        got = await Dialer(DialRules()).dial(Direct(app.host, app.port), asyncio.Protocol)
        assert not isinstance(got, Failure)
        got[0].abort()
        await asyncio.sleep(0)


async def test_a_route_with_tls_makes_its_context_once():
    made: list[ssl.SSLContext] = []

    def context() -> ssl.SSLContext:
        made.append(ssl.create_default_context())
        return made[-1]

    async def nonsense(link) -> None:
        await link.send(b"no tls here\r\n")

    async with raw_app(nonsense) as app:
        dialer = Dialer(DialRules(tls=context))
        for _ in range(2):
            got = await dialer.dial(Direct(app.host, app.port, tls=True), asyncio.Protocol)
            assert isinstance(got, Failure)
            assert got.kind is FailureKind.TLS
    assert len(made) == 1
