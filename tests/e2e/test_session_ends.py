"""v2 circuits of sessions that have ended: what the manager says counts, and doubt does not."""

import contextlib
from collections.abc import AsyncIterator

import pytest

from tests.support.apps import answering, eventually, raw_app, raw_client, unused_port
from tests.support.installations import NO_SESSION, ONE, SECRETS, SmallManager, small_manager
from tests.support.node import Node, OpenApp, node, settings
from wsproxy.core.wire import Version

SHOWN = (200, b"{}")


@contextlib.asynccontextmanager
async def opened(
    own: str, shown: bool = False
) -> AsyncIterator[tuple[Node, SmallManager, OpenApp]]:
    """An app of session ONE, which is AKUSER's; the gateway asks with the key ``own``."""
    async with small_manager() as manager, raw_app(answering()) as app:
        if shown:
            manager.override = lambda method, path: SHOWN
        keys = {"endpoint": manager.url, "access-key": own, "secret-key": SECRETS[own]}
        async with node(settings(manager=keys)) as gateway:
            session = {"id": ONE, "access_key": "AKUSER"}
            body = {"kernel_host": "127.0.0.1", "kernel_port": app.port, "session": session}
            token = (await gateway.ask("POST", "/v2/conf", json=body)).json["token"]
            found = await gateway.auth(token, ONE)
            page = await gateway.get(found["redirect_url"])
            place = page.headers["Location"].rstrip("/")
            yield gateway, manager, OpenApp(place, "", ONE, token)


async def delete(gateway: Node) -> int:
    """As older user interfaces do: the owner's key, and no permit."""
    return int((await gateway.get(f"/v2/proxy/AKUSER/{ONE}/delete")).json["code"])


async def test_our_own_session_has_ended():
    async with opened("AKUSER") as (gateway, manager, app):
        assert await delete(gateway) == 403
        assert (await gateway.get(app.url)).status == 401  # the app is still there
        del manager.sessions[ONE]
        assert await delete(gateway) == 200
        assert not len(gateway.gateway.traffic.table())
        assert set(manager.targets()) == {f"/session/{ONE}"}


@pytest.mark.parametrize("ask", ["delete", "watch"])
async def test_a_manager_that_hides_other_peoples_sessions_ends_none(ask):
    """Asked with our key it says 404 of a session of somebody else that is very much alive."""
    async with opened("AKADMIN") as (gateway, manager, app):
        if ask == "delete":
            assert await delete(gateway) == 403
        else:
            await gateway.gateway.sessions_ended()
        assert (await gateway.get(app.url)).status == 401
        assert set(manager.targets()) == {f"/session/{ONE}?owner_access_key=AKUSER"}


async def test_a_session_that_was_shown_once_and_is_not_any_more_has_ended():
    async with opened("AKADMIN") as (gateway, manager, app):
        manager.override = lambda method, path: SHOWN
        await gateway.gateway.sessions_ended()
        manager.override = lambda method, path: (500, b"oops")
        await gateway.gateway.sessions_ended()
        assert (await gateway.get(app.url)).status == 401
        manager.override = lambda method, path: NO_SESSION
        await gateway.gateway.sessions_ended()
        assert not len(gateway.gateway.traffic.table())


@pytest.mark.parametrize("protocol", ["http", "tcp"])
@pytest.mark.parametrize("alive", [True, False])
async def test_a_container_that_cannot_be_connected_makes_us_ask(protocol, alive):
    """A session that is alive keeps its circuit: the container may be starting."""
    async with small_manager() as manager:
        keys = {"endpoint": manager.url, "access-key": "AKUSER", "secret-key": SECRETS["AKUSER"]}
        async with node(settings(manager=keys)) as gateway:
            session = {"id": ONE, "access_key": "AKUSER"}
            port = await unused_port()
            body = {"kernel_host": "127.0.0.1", "kernel_port": port, "session": session}
            token = (await gateway.ask("POST", "/v2/conf", json=body)).json["token"]
            found = await gateway.auth(token, ONE, app="app", protocol=protocol)
            page = await gateway.get(found["redirect_url"])
            await eventually(lambda: not gateway.gateway.control.asking, "it is known")
            (circuit,) = gateway.gateway.traffic.circuits.find(ONE)
            if not alive:
                del manager.sessions[ONE]
            asked = len(manager.targets())
            cookie = page.headers.get("Set-Cookie", "").partition(";")[0].encode()
            assert circuit.port is not None
            async with raw_client(circuit.port) as client:
                await client.send(b"GET / HTTP/1.1\r\nHost: x\r\nCookie: " + cookie + b"\r\n\r\n")
                await eventually(lambda: len(manager.targets()) > asked, "the manager was asked")
            circuits = gateway.gateway.traffic.circuits
            if not alive:
                await eventually(lambda: not circuits.find(ONE), "the circuit to go")
            assert bool(circuits.find(ONE)) is alive


async def test_it_is_asked_when_an_app_is_announced():
    async with opened("AKADMIN", shown=True) as (gateway, manager, _):
        await eventually(lambda: len(manager.targets()) > 0, "the manager was asked")
        await eventually(lambda: not gateway.gateway.control.asking, "it has answered")
        manager.override = lambda method, path: NO_SESSION
        assert await delete(gateway) == 200
        assert not len(gateway.gateway.traffic.table())


async def test_without_credentials_nobody_is_asked():
    async with raw_app(answering()) as app, node() as gateway:
        here = await gateway.open(app.port)
        await gateway.gateway.sessions_ended()
        assert (await gateway.get(here.url)).status == 401
        assert [one.version for one in gateway.gateway.traffic.table().all()] == [Version.V2]
