"""Every animal of the zoo as the manager, the web server, the server behind a front, and Redis.

Launches end, apps carry, circuits are closed, and afterwards nothing is left open.
"""

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator
from functools import partial
from typing import Any
from uuid import uuid4

import aiohttp
import pytest
from yarl import URL

from tests.support.apps import answering, eventually, raw_app, raw_client
from tests.support.node import SECRETS, Node, OpenApp, node, settings
from wsproxy.app import rules
from wsproxy.compat.zoo.table import ANIMALS
from wsproxy.core.configuration import Mode
from wsproxy.core.wire import SPEAKER_HEADER, VERSION_HEADER
from wsproxy.manager.handshake import HandshakeRules

PROBE = {"probe-deadline": 0.4}
HASTE = {"connect": 1.5, "first-byte": 1.5}
IN_TIME = 10.0
"""Seconds for one step; the deadlines above are far below it, those of managers far above."""

BRIEF = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"

HTTP = [name for name in ANIMALS if name != "no-scheme"]
"""An address without a scheme is refused by the settings."""


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


@contextlib.asynccontextmanager
async def nothing_left() -> AsyncIterator[None]:
    """Afterwards there are as many tasks and sockets as before."""
    tasks, files = len(asyncio.all_tasks()), open_files()
    yield
    await eventually(lambda: len(asyncio.all_tasks()) <= tasks, "the tasks to be over")
    await eventually(lambda: open_files() <= files, "the sockets to be closed")


@contextlib.asynccontextmanager
async def beside(**manager: Any) -> AsyncIterator[Node]:
    async with node(settings(manager=manager, v2={**SECRETS}, policy=PROBE)) as gateway:
        yield gateway


@contextlib.asynccontextmanager
async def before(name: str, address: str) -> AsyncIterator[Node]:
    """A front before an animal, which is not waited for if it is silent."""
    manager = {"endpoint": address, "forward": True}
    limits = HASTE if silent(name) else {}
    async with node(
        settings(manager=manager, v2={**SECRETS}, policy=PROBE, limits=limits)
    ) as gateway:
        yield gateway


async def visit(gateway: Node, opened: OpenApp) -> int:
    got = await gateway.get(opened.url + "/", headers={"Cookie": opened.cookie})
    return got.status


def silent(name: str) -> bool:
    """Whether an animal answers never, and not only late on a busy machine."""
    return ANIMALS[name].reason == "address-silent"


def closed(gateway: Node, session: str) -> bool:
    return not gateway.gateway.traffic.circuits.find(session)


@pytest.mark.parametrize("name", HTTP)
async def test_as_the_manager_whose_key_we_have_and_as_the_web_server(name):
    async with nothing_left(), ANIMALS[name]() as address, raw_app(answering(BRIEF)) as app:
        keys = {"endpoint": address, "access-key": "AKTEST", "secret-key": "secret"}
        async with asyncio.timeout(3 * IN_TIME), beside(**keys, webserver=address) as gateway:
            version = await gateway.get("/scaling-groups/g/wsproxy-version?group=p")
            assert (version.status, version.json["wsproxy_version"]) == (200, "v1")
            assert version.json["reason"].startswith("manager-")
            session = str(uuid4())
            opened = await gateway.open(app.port, session)
            assert await visit(gateway, opened) == 200
            async with asyncio.timeout(IN_TIME):
                await gateway.gateway.sessions_ended()
            assert not closed(gateway, session)  # doubt closes nothing
            hinted = await gateway.get(f"/v2/proxy/AKTEST/{session}/delete")
            assert hinted.json["code"] == 403
            said = await gateway.get(f"/v2/proxy/{opened.token}/{session}/delete")
            assert said.json["code"] == 200
            assert closed(gateway, session)


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("name", HTTP)
async def test_as_the_manager_or_web_server_of_a_v1_client(name, mode, monkeypatch):
    """A manager may take half a minute, since it starts the app first."""
    answer = 0.5 if silent(name) else IN_TIME
    monkeypatch.setattr(rules, "HandshakeRules", partial(HandshakeRules, answer=answer))
    conf = {
        Mode.API: {"mode": "API", "access_key": "AK", "secret_key": "secret"},
        Mode.SESSION: {"mode": "SESSION", "session": "0" * 32, "auth_mode": "header"},
    }[mode]
    async with nothing_left(), ANIMALS[name]() as address:
        async with asyncio.timeout(3 * IN_TIME), beside() as gateway:
            body = {"endpoint": address, "api_version": "9.", **conf}
            token = (await gateway.ask("PUT", "/conf", json=body)).json["token"]
            session = str(uuid4())
            added = await gateway.get(f"/proxy/{token}/{session}/add?app=jupyter&protocol=http")
            assert added.json["code"] == 200
            async with asyncio.timeout(IN_TIME), raw_client(added.json["port"]) as client:
                await client.send(b"GET / HTTP/1.1\r\nHost: x\r\nAccept: text/html\r\n\r\n")
                assert (await client.head()).startswith(b"HTTP/1.1 503 ")
            if name.startswith("404"):  # the manager does not know the session: it goes by itself
                await eventually(lambda: closed(gateway, session), "the circuit to go")
            deleted = await gateway.get(f"/proxy/{token}/{session}/delete")
            assert deleted.json["code"] == (404 if name.startswith("404") else 200)
            assert closed(gateway, session)


@pytest.mark.parametrize("name", HTTP)
async def test_as_the_server_behind_a_front(name):
    async with nothing_left(), ANIMALS[name]() as address, raw_app(answering(BRIEF)) as app:
        async with asyncio.timeout(3 * IN_TIME):
            async with before(name, address) as gateway:
                session = str(uuid4())
                opened = await gateway.open(app.port, session)
                for prefix in ("", "/func"):
                    path = "/scaling-groups/g/wsproxy-version"
                    version = await gateway.get(prefix + path)
                    assert (version.status, version.json["wsproxy_version"]) == (200, "v1")
                    assert version.json["degraded"] is True
                assert await visit(gateway, opened) == 200
                status = await deletion(gateway, session)
                if 200 <= status < 300:
                    await eventually(lambda: closed(gateway, session), "the circuit to go")
                    return
                assert not closed(gateway, session)
                said = await gateway.get(f"/v2/proxy/{opened.token}/{session}/delete")
                assert said.json["code"] == 200


async def deletion(gateway: Node, session: str) -> int:
    """The status of ``DELETE``; the body may have no end."""
    url = f"{gateway.api}/session/{session}?forced=true"
    async with (
        asyncio.timeout(IN_TIME),
        gateway.http.delete(url, allow_redirects=False) as response,
    ):
        assert response.headers[VERSION_HEADER] == "v2"
        if response.headers.get(SPEAKER_HEADER):
            assert response.status in (502, 504)
        return response.status


@pytest.mark.parametrize("name", ANIMALS)
async def test_as_redis(name, caplog):
    caplog.set_level(logging.WARNING)
    async with nothing_left(), ANIMALS[name]() as address, raw_app(answering(BRIEF)) as app:
        place = URL(address if "://" in address else f"http://{address}")
        redis = f"redis://{place.host_subcomponent}:{place.port or 6379}"
        async with asyncio.timeout(3 * IN_TIME), beside(redis=redis) as gateway:
            opened = await gateway.open(app.port)
            for _ in range(3):
                assert await visit(gateway, opened) == 200
            said = await gateway.get(f"/v2/proxy/{opened.token}/{opened.session}/delete")
            assert said.json["code"] == 200
            assert (await gateway.get("/status")).status == 200
    warnings = [one for one in caplog.records if one.levelno >= logging.WARNING]
    assert len(warnings) <= 3, warnings  # one of each part
    assert all("away" in one.getMessage() for one in warnings)


async def test_an_address_without_a_scheme_is_refused_at_once():
    async with ANIMALS["no-scheme"]() as address:
        for name in ("endpoint", "webserver", "redis"):
            with pytest.raises(ValueError, match=name):
                settings(manager={name: address})


@pytest.mark.parametrize("name", ["hang", "drip", "infinite-body", "unanswered"])
async def test_many_who_ask_at_once_share_what_it_costs(name):
    async with nothing_left(), ANIMALS[name]() as address:
        keys = {"endpoint": address, "access-key": "AKTEST", "secret-key": "secret"}
        async with asyncio.timeout(IN_TIME), beside(**keys) as gateway:
            path = "/scaling-groups/g/wsproxy-version"
            answers = await asyncio.gather(*(gateway.get(path) for _ in range(50)))
            assert {one.json["reason"].partition("-")[0] for one in answers} == {"manager"}


async def test_who_leaves_while_the_manager_hangs_leaves_nothing_behind():
    async with nothing_left(), ANIMALS["hang"]() as address:
        async with beside(endpoint=address, forward=True) as gateway:
            for path in ("/session/x", "/scaling-groups/g/wsproxy-version"):
                with pytest.raises(TimeoutError):
                    timeout = aiohttp.ClientTimeout(total=0.1)
                    await gateway.get(path, timeout=timeout)
            traffic = gateway.gateway.traffic
            await eventually(lambda: not traffic.activity.front.connections, "the front at rest")
