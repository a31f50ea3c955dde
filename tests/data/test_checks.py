"""Looks at the routes of endpoints, with little real servers and a clock that is moved."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from tests.support.apps import (
    WAIT,
    AppLink,
    RawApp,
    answering,
    eventually,
    just_read,
    raw_app,
    raw_client,
    unused_port,
)
from tests.support.models import Model, bulk, entry, route
from tests.support.v2 import V2, v2
from wsproxy.core.selection import GIVEN_UP, PROBE_EVERY, Standing

CHECK = {
    "interval": 10.0,
    "path": "/health?deep=1",
    "max_retries": 2,
    "max_wait_time": 5.0,
    "expected_status_code": 200,
}
WELL = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nwell"
ILL = b"HTTP/1.1 500 No\r\nContent-Length: 3\r\n\r\nill"


async def look(gateway: V2, seconds: float = 0.0) -> None:
    """Move the clock, then one round, and wait for what it began."""
    gateway.clock.now += seconds
    gateway.checks.look()
    await gateway.checks.idle()


async def checked(gateway: V2, *apps: RawApp, **check: object) -> tuple[Model, str]:
    """A public endpoint with checks whose routes are the apps."""
    model = Model(gateway)
    told = {**CHECK, **check}
    (created,) = await bulk(gateway, "", entry(model.id, open_to_public=True, health_check=told))
    routes = [route(app.port) for app in apps]
    await bulk(gateway, "/routes", {"deployment_id": model.id, "routes": routes})
    return model, created["url"]


async def answers(gateway: V2, url: str, times: int = 20) -> set[tuple[int, str]]:
    """Statuses and texts of several requests."""
    found = [await gateway.ask(url) for _ in range(times)]
    return {(response.status, text) for response, text in found}


def seen(app: RawApp, path: str = "/health?deep=1") -> int:
    return app.received.count(f"GET {path} HTTP/1.1\r\n".encode())


async def test_a_route_that_is_unhealthy_gets_no_traffic_until_a_check_passes():
    async with raw_app(answering(WELL)) as good, raw_app(answering(ILL)) as bad, v2() as gateway:
        _, url = await checked(gateway, good, bad)
        await look(gateway)
        assert (seen(good), seen(bad)) == (1, 1)
        await look(gateway, 9.9)
        assert (seen(good), seen(bad)) == (1, 1)  # the interval
        await look(gateway, 0.1)
        assert (seen(good), seen(bad)) == (2, 2)
        assert await answers(gateway, url) == {(200, "well")}
        bad.script = answering(WELL.replace(b"well", b"more"))
        await look(gateway, 10)
        assert await answers(gateway, url, 60) == {(200, "well"), (200, "more")}


async def test_when_all_are_unhealthy_clients_are_told_to_come_again():
    async with raw_app(answering(ILL)) as app, v2() as gateway:
        _, url = await checked(gateway, app)
        before = len(app.links)
        for _ in range(2):
            await look(gateway, 10)
        assert len(app.links) == before + 2
        response, _ = await gateway.ask(url, headers={"Accept": "application/json"})
        assert response.status == 503
        assert int(response.headers["Retry-After"]) > 0
        assert (await response.json())["type"].endswith("worker-not-available")
        assert len(app.links) == before + 2  # nothing reached the app
        app.script = answering(WELL)
        await look(gateway, 10)
        assert await answers(gateway, url, 2) == {(200, "well")}


async def test_what_a_check_sends():
    async with raw_app(answering(WELL)) as app, v2() as gateway:
        await checked(gateway, app, path="ready", expected_status_code=200)
        await look(gateway)
        head = app.received.decode()
        assert head.startswith("GET /ready HTTP/1.1\r\n")
        assert f"Host: 127.0.0.1:{app.port}\r\n" in head
        assert "User-Agent: wsproxy/" in head
        assert "Connection: close\r\n" in head


@pytest.mark.parametrize(
    "script",
    [
        just_read,
        answering(b"HTTP/1.1 302 Found\r\nLocation: /ok\r\nContent-Length: 0\r\n\r\n"),
        answering(b"SSH-2.0-OpenSSH\r\n\r\n"),
        answering(b"HTTP/1.1 101 S\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"),
        answering(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"),
    ],
    ids=["silent", "redirect", "ssh", "switches", "malformed"],
)
async def test_answers_that_are_not_the_expected_one(script):
    async with raw_app(script) as app, v2() as gateway:
        model, _ = await checked(gateway, app, max_retries=1, max_wait_time=0.05)
        await look(gateway)
        (only,) = model.circuit.routes
        assert gateway.routes.standing(model.circuit, only) is Standing.OUT


async def test_another_status_may_be_the_expected_one_and_100_is_no_answer():
    early = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No\r\n\r\n"
    async with raw_app(answering(early)) as app, v2() as gateway:
        model, _ = await checked(gateway, app, expected_status_code=204)
        await look(gateway)
        (only,) = model.circuit.routes
        assert gateway.routes.standing(model.circuit, only) is Standing.GOOD


async def test_a_closed_port_fails_the_check():
    async with v2() as gateway:
        model = Model(gateway)
        told = {**CHECK, "max_retries": 1}
        await bulk(gateway, "", entry(model.id, health_check=told))
        await bulk(
            gateway,
            "/routes",
            {"deployment_id": model.id, "routes": [route(await unused_port())]},
        )
        await look(gateway)
        (only,) = model.circuit.routes
        assert gateway.routes.standing(model.circuit, only) is Standing.OUT


async def test_before_the_first_verdict_a_route_is_used_when_no_better_one_is():
    """A gateway that starts anew must not refuse everybody until it has looked."""
    async with raw_app(answering(WELL)) as app, v2() as gateway:
        _, url = await checked(gateway, app, initial_delay=60)
        await look(gateway)
        assert await answers(gateway, url, 2) == {(200, "well")}
        assert seen(app) == 0
        await look(gateway, 59.9)
        assert seen(app) == 0
        await look(gateway, 0.1)
        assert seen(app) == 1


async def test_checks_end_with_their_endpoint():
    async with raw_app(just_read) as app, v2() as gateway:
        model, _ = await checked(gateway, app)
        gateway.checks.look()
        link = await app.link()
        await eventually(lambda: b"\r\n\r\n" in link.received, "the question")
        assert "1 under way" in repr(gateway.checks)
        gateway.checks.look()  # one at a time
        assert "1 under way" in repr(gateway.checks)
        assert (await model.call("", None, "DELETE"))[0] == 200
        await asyncio.wait_for(link.ended.wait(), WAIT)
        await eventually(lambda: "0 under way" in repr(gateway.checks), "nothing is under way")
        await look(gateway, 1000)
        assert len(app.links) == 1


async def test_checks_end_when_they_are_switched_off_or_a_route_goes():
    async with raw_app(answering(WELL)) as app, v2() as gateway:
        model, _ = await checked(gateway, app)
        await look(gateway)
        assert (await model.call("/health-check", {"health_check": None}, "PUT"))[0] == 200
        await look(gateway, 100)
        assert len(app.links) == 1
        assert (await model.call("/health-check", {"health_check": CHECK}, "PUT"))[0] == 200
        await bulk(gateway, "/routes", {"deployment_id": model.id, "routes": []})
        await look(gateway, 100)
        assert len(app.links) == 1


@contextlib.asynccontextmanager
async def listening(port: int) -> AsyncIterator[list[bytes]]:
    """A container that comes up at a port; what its connections received."""
    accepted: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            accepted.append(await reader.read())
        except ConnectionError:
            accepted.append(b"")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", port)
    try:
        yield accepted
    finally:
        server.close()
        await server.wait_closed()


async def test_a_resting_route_is_probed_and_restored_without_traffic():
    async with raw_app(answering(WELL)) as good, v2() as gateway:
        model = Model(gateway)
        port = await unused_port()
        dead = route(port, traffic_ratio=1e6)
        url = await model.put(route(good.port, traffic_ratio=1.0), dead, open_to_public=True)
        for _ in range(3):  # the dead one is drawn first, then the good one answers
            assert (await gateway.ask(url))[0].status == 200
        named = {str(one.route_id): one for one in model.circuit.routes}  # type: ignore[union-attr]
        tired = named[dead["route_id"]]
        assert gateway.routes.standing(model.circuit, tired) is Standing.TIRED
        await look(gateway)
        gateway.clock.now += PROBE_EVERY + 1
        assert gateway.routes.standing(model.circuit, tired) is Standing.TIRED  # kept by the probe
        for _ in range(7):
            await look(gateway, PROBE_EVERY)
        assert gateway.routes.standing(model.circuit, tired) is Standing.OUT  # given up
        async with listening(port) as accepted:
            await look(gateway, PROBE_EVERY)
            assert gateway.routes.standing(model.circuit, tired) is Standing.GOOD
            await eventually(lambda: accepted == [b""], "one probe, which says nothing")


async def test_the_only_route_is_given_up_and_comes_back():
    async with v2() as gateway:
        model = Model(gateway)
        port = await unused_port()
        url = await model.put(route(port), open_to_public=True)
        for _ in range(3):
            assert (await gateway.ask(url))[0].status == 502
        await look(gateway)
        assert (await gateway.ask(url))[0].status == 502  # still tried, as the last resort
        for _ in range(int(GIVEN_UP / PROBE_EVERY)):
            await look(gateway, PROBE_EVERY)
        response, _ = await gateway.ask(url)
        assert (response.status, "Retry-After" in response.headers) == (503, True)
        fresh = route(port)  # the same address, another container: nothing is held against it
        assert await model.put(fresh, open_to_public=True) == url
        assert (await gateway.ask(url))[0].status == 502


def hung_up(link: AppLink) -> bool:
    return link.reader.at_eof() or link.reader.exception() is not None


async def test_clients_that_leave_harm_no_route():
    """Observed 7: three aborts in a row must not take the model from everybody."""
    gate = asyncio.Event()

    async def slow(link: AppLink) -> None:
        await link.head()
        await link.send(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf")
        await gate.wait()
        await link.send(b"full")

    async with raw_app(slow) as app, v2() as gateway:
        model = Model(gateway)
        url = await model.put(route(app.port), open_to_public=True)
        for _ in range(5):
            async with raw_client(model.circuit.port or 0) as client:
                await client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                await client.until(b"half")
                client.reset()
        await eventually(
            lambda: all(hung_up(link) for link in app.links) and len(app.links) == 5, "all left"
        )
        gate.set()
        (only,) = model.circuit.routes
        assert gateway.routes.standing(model.circuit, only) is Standing.GOOD
        assert (await gateway.ask(url))[1] == "halffull"


async def test_the_rounds_run_by_themselves_and_end():
    async with raw_app(answering(WELL)) as app, v2() as gateway:
        await checked(gateway, app)
        gateway.checks.start()
        await eventually(lambda: seen(app) == 1, "a check")
        await gateway.checks.close()
        await gateway.checks.close()
        assert "0 under way" in repr(gateway.checks)
