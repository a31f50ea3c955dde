"""Opening and closing: what conformance does not name (protocol 5.3, 5.4, design 5.6, 9)."""

import asyncio
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from tests.support.apps import raw_app, unused_port
from tests.support.circuits import FakeHost
from tests.support.v2 import ACCESS_KEY, GROUP, USER, Wish, v2
from wsproxy.api.v2.start_tokens import StartTokens
from wsproxy.core import tokens
from wsproxy.core.circuit import Direct, ThroughManager
from wsproxy.core.failure import Failure
from wsproxy.core.problem import ProblemError
from wsproxy.core.wire import VERSION_HEADER
from wsproxy.net.connect import Connected, ConnectRules, Factory, connect
from wsproxy.state.memory import MemoryStore

PORTS = (10200, 10201, 10202)


def fake(**changes: Any) -> Wish:
    return replace(Wish(host=FakeHost(), ports=PORTS), **changes)


async def test_the_circuit_knows_everything_that_was_announced():
    session = str(uuid4())
    async with v2(fake()) as gateway:
        token = await gateway.conf(session, 8888, "127.0.0.9")
        link = await gateway.auth(
            token, session, envs='{"A": "1", "B": 2}', args='{"--x":"1"}', app="jupyter"
        )
        circuit = link.circuit
        assert circuit.routes == (Direct("127.0.0.9", 8888, session_id=session),)
        assert (circuit.owner, circuit.user_id, circuit.project_id) == (ACCESS_KEY, USER, GROUP)
        assert (circuit.domain_name, circuit.token_id) == ("default", token)
        assert circuit.envs == (("A", "1"), ("B", "2"))
        assert circuit.arguments == '{"--x":"1"}'


async def test_upper_case_ids_are_the_same_session():
    session = str(uuid4())
    async with v2(fake()) as gateway:
        token = await gateway.conf(session.upper(), 8888)
        added = await gateway.json(
            f"/v2/proxy/{token.upper()}/{session.upper()}/add?app=jupyter&protocol=http"
        )
        assert f"session_id={session}" in added["url"]
        await gateway.auth(token, session)
        found = await gateway.json(f"/v2/proxy/{ACCESS_KEY}/{session.upper()}")
        assert found["code"] == 200


@pytest.mark.parametrize("token", ["garbage", "%00", "a b", "é", str(uuid4())])
async def test_add_looks_at_the_token_already(token):
    session = str(uuid4())
    async with v2(fake()) as gateway:
        response, text = await gateway.ask(f"/v2/proxy/{token}/{session}/add?app=x&protocol=http")
        assert response.status == 404
        assert "E00002: No such token." in text


async def test_add_looks_at_the_session_too():
    session = str(uuid4())
    async with v2(fake()) as gateway:
        token = await gateway.conf(session, 8888)
        for other in (str(uuid4()), "not-a-uuid"):
            response, text = await gateway.ask(f"/v2/proxy/{token}/{other}/add?app=x&protocol=http")
            assert response.status == 401
            assert "E20007" in text


async def test_the_limit_of_a_session():
    session = str(uuid4())
    async with v2(fake(per_session=1)) as gateway:
        token = await gateway.conf(session, 8888)
        await gateway.auth(token, session)
        query = {"app": "ttyd", "protocol": "http", "token": token, "session_id": session}
        response, text = await gateway.ask("/v2/proxy/auth", params=query)
        assert response.status == 503
        assert "circuit-limit" in text


async def test_a_start_token_of_another_session_sees_nothing():
    mine, theirs = str(uuid4()), str(uuid4())
    async with v2(fake()) as gateway:
        await gateway.auth(await gateway.conf(theirs, 8888), theirs)
        token = await gateway.conf(mine, 9999)
        for suffix in ("", "/delete"):
            found = await gateway.json(f"/v2/proxy/{token}/{theirs}{suffix}")
            assert found == {"success": False, "code": 404}
        assert gateway.circuits.table.all()


async def test_an_old_start_token_closes_nothing():
    session = str(uuid4())
    async with v2(fake()) as gateway:
        token = await gateway.conf(session, 8888)
        await gateway.auth(token, session)
        gateway.clock.now += tokens.START_LIFE
        found = await gateway.json(f"/v2/proxy/{token}/{session}/delete")
        assert found["success"] is False
        assert gateway.circuits.table.all()


async def test_a_store_that_is_away_is_503():
    store = MemoryStore()
    kept = StartTokens(store)
    await store.close()
    with pytest.raises(ProblemError) as loading:
        await kept.find(str(uuid4()))
    with pytest.raises(ProblemError) as saving:
        await kept.save(tokens.StartToken(uuid4(), "", "h", 1, 0.0))
    for caught in (loading, saving):
        assert caught.value.problem.status == 503
        assert caught.value.problem.retry_after


# the way back to the manager (design 5.6)


class Streams:
    """A manager's stream that leads to an app of the test."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.opened: list[ThroughManager] = []

    async def open(self, route: ThroughManager, factory: Factory) -> Connected | Failure:
        self.opened.append(route)
        return await connect("127.0.0.1", self._port, factory, ConnectRules())


async def _register(login_token: str) -> str:
    return f"configuration of {login_token}"


async def test_a_dead_direct_route_falls_back_to_the_manager_and_says_v1():
    session = str(uuid4())
    async with raw_app() as app:
        streams = Streams(app.port)
        wish = replace(Wish(), fallback=_register, streams=streams)
        async with v2(wish) as gateway:
            token = await gateway.conf(session, await unused_port(), login_session_token="lst")
            link = await gateway.auth(token, session, envs='{"A":"1"}', args="-P 1")
            response, text = await gateway.ask(
                f"http://127.0.0.1:{link.circuit.port}/",
                headers={"Cookie": await gateway.cookie(link)},
            )
        assert (response.status, text) == (200, "ok")
        assert response.headers[VERSION_HEADER] == "v1"
        assert streams.opened == [
            ThroughManager(
                session, "jupyter", "configuration of lst", envs='{"A": "1"}', arguments="-P 1"
            )
        ]


async def test_a_good_direct_route_is_v2_and_asks_nobody():
    session = str(uuid4())
    async with raw_app() as app, raw_app() as other:
        streams = Streams(other.port)
        async with v2(replace(Wish(), fallback=_register, streams=streams)) as gateway:
            token = await gateway.conf(session, app.port, login_session_token="lst")
            link = await gateway.auth(token, session)
            response, _ = await gateway.ask(
                f"http://127.0.0.1:{link.circuit.port}/",
                headers={"Cookie": await gateway.cookie(link)},
            )
        assert response.headers[VERSION_HEADER] == "v2"
        assert not streams.opened


@pytest.mark.parametrize(
    ("fallback", "login_token"), [(None, "lst"), (_register, None), (_register, "")]
)
async def test_without_web_server_or_login_token_there_is_no_way_back(fallback, login_token):
    session = str(uuid4())
    async with v2(fake(fallback=fallback)) as gateway:
        token = await gateway.conf(session, 8888, login_session_token=login_token)
        link = await gateway.auth(token, session)
        assert [type(route) for route in link.circuit.routes] == [Direct]


async def test_opening_the_same_app_at_once_gives_one_circuit():
    session = str(uuid4())
    async with v2(fake()) as gateway:
        token = await gateway.conf(session, 8888)
        links = await asyncio.gather(*(gateway.auth(token, session) for _ in range(5)))
        assert len({link.circuit.id for link in links}) == 1
        assert [link.reuse for link in links].count(False) == 1
