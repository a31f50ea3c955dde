"""Bugs of the programs of before that concern inference endpoints (observed 6, 7; protocol 12)."""

import asyncio
import logging
from functools import partial
from typing import Any
from uuid import uuid4

import pytest

from tests.support.apps import (
    WAIT,
    AppLink,
    answering,
    eventually,
    raw_app,
    raw_client,
    unused_port,
)
from tests.support.models import Model, bulk, entry, route
from tests.support.v2 import API_SECRET, KEYS, USER, v2
from wsproxy.core import jwts

UPGRADE = b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
HTML_AND_JSON = ("text/html", "application/json", "*/*")


@pytest.mark.parametrize("accept", HTML_AND_JSON)
async def test_d07_no_route_and_a_dead_one_have_a_status(accept):
    async with v2() as gateway:
        model = Model(gateway)
        url = await model.put(open_to_public=True)
        assert (await gateway.ask(url, headers={"Accept": accept}))[0].status == 503
        await model.put(route(await unused_port()), open_to_public=True)
        assert (await gateway.ask(url, headers={"Accept": accept}))[0].status == 502


async def test_d18_an_endpoints_token_ends_and_does_not_say_where_containers_are():
    async with v2() as gateway:
        model = Model(gateway)
        await model.put(route(8000))
        claims = jwts.verify(await model.token(), KEYS.jwt_secret)
        assert claims is not None
        assert "route_info" not in claims
        assert "kernel_host" not in str(claims)
        late = {"user_uuid": USER, "exp": int(gateway.clock.now) - 1}
        assert (await model.call("/token", late))[0] == 400


def arrived(link: AppLink) -> bool:
    return b"\r\n\r\n" in link.received


@pytest.mark.parametrize("upload", [False, True])
async def test_three_clients_that_leave_do_not_take_the_model_from_everybody(upload):
    """Observed 7: for nine seconds every other user got 503."""
    left = asyncio.Event()

    async def slow(link: AppLink) -> None:
        await link.head()
        if not left.is_set():
            await link.end()
            return
        await link.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    async with raw_app(slow) as app, v2() as gateway:
        model = Model(gateway)
        url = await model.put(route(app.port), open_to_public=True)
        size = b"Content-Length: 1000\r\n\r\nhalf" if upload else b"\r\n"
        method = b"POST" if upload else b"GET"
        for number in range(3):
            async with raw_client(model.circuit.port or 0) as client:
                await client.send(method + b" / HTTP/1.1\r\nHost: a\r\n" + size)
                link = await app.link(number)
                await eventually(partial(arrived, link), "the head")
                client.reset()
            await asyncio.wait_for(link.ended.wait(), WAIT)  # the app is told at once
        left.set()
        response, text = await gateway.ask(url)
        assert (response.status, text) == (200, "ok")


async def test_a_leak_of_connections_would_end_the_model():
    """Observed 7: sixty-eight abrupt WebSockets later new ones failed."""

    async def script(link: AppLink) -> None:
        await link.head()
        await link.send(b"HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        await link.end()

    async with raw_app(script) as app, v2() as gateway:
        model = Model(gateway)
        await model.put(route(app.port), open_to_public=True)
        for _ in range(80):
            async with raw_client(model.circuit.port or 0) as client:
                await client.send(b"GET / HTTP/1.1\r\nHost: a\r\n" + UPGRADE)
                await client.until(b" 101 ")
                client.reset()
        await eventually(lambda: all(link.ended.is_set() for link in app.links), "all ended")


async def test_one_bad_entry_never_fails_the_others():
    nonsense: list[Any] = [
        None,
        7,
        "x",
        [],
        {},
        {"deployment_id": None},
        {"deployment_id": {"a": 1}},
    ]
    async with v2() as gateway:
        for path, method in (
            ("", "POST"),
            ("", "DELETE"),
            ("/routes", "POST"),
            ("/routes/register", "POST"),
            ("/routes/unregister", "POST"),
        ):
            good = {**entry(str(uuid4())), "routes": [], "route_ids": []}
            await bulk(gateway, "", good)
            results = await bulk(gateway, path, *nonsense, good, method=method)
            assert [one["success"] for one in results] == [False] * len(nonsense) + [True]
            assert all(one["error"] for one in results[:-1])


async def test_case_90_tokens_and_the_secret_are_in_no_log(caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG)
    async with raw_app(answering()) as app, v2() as gateway:
        model = Model(gateway)
        url = await model.put(route(app.port))
        token = await model.token()
        await gateway.ask(
            f"{url}/?key=hidden-{token}", headers={"Authorization": f"Bearer {token}"}
        )
        await gateway.ask(url, headers={"Authorization": f"Bearer {token}x"})
        await model.call("/token", {"user_uuid": token, "exp": API_SECRET})
    told = "\n".join(record.getMessage() for record in caplog.records)
    assert token not in told
    assert API_SECRET not in told
