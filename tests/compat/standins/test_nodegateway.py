"""The Node proxy's data path: streams of a manager, and what is said when they fail (P 3)."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from tests.sim.conftest import USER, simulated
from tests.support.standins import ask, kernel, raw
from wsproxy.compat.eras.proxies import proxies
from wsproxy.compat.standins import node
from wsproxy.compat.standins.stand import standin
from wsproxy.sim.echo import GREETING
from wsproxy.sim.stage import free_port
from wsproxy.sim.traits import Era
from wsproxy.sim.world import App

CLASSIC = proxies()["node-classic"]
HARDENED = proxies()["node-hardened"]
GET = b"GET /lab HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"


def api_mode(sim, **changed):
    return {
        "endpoint": sim.running.endpoint,
        "mode": "API",
        "access_key": USER.access_key,
        "secret_key": USER.secret_key,
        "api_version": "8.",
        **changed,
    }


async def session_mode(sim, **changed):
    login = (await sim.login())["X-BackendAI-SessionID"]
    conf = {"endpoint": sim.running.webserver, "mode": "SESSION", "auth_mode": "header"}
    return {**conf, "session": login, "api_version": "9.", **changed}


@asynccontextmanager
async def installed(row=CLASSIC, era=Era.M26_8):
    async with kernel() as app, simulated(era) as sim, standin(row) as addresses:
        sim.session.apps["jupyter"] = App("jupyter", "127.0.0.1", app.port)
        yield sim, addresses.api


async def gateway(api: str, conf, query: str = "app=jupyter", session: str = "work") -> int:
    token = (await ask(f"{api}/conf", "PUT", conf)).json["token"]
    opened = (await ask(f"{api}/proxy/{token}/{session}/add?{query}")).json
    return int(opened["proxy"].rpartition(":")[2])


async def got(port: int, data: bytes = GET) -> bytes:
    return await raw("127.0.0.1", port, data)


@pytest.mark.parametrize("row", [CLASSIC, HARDENED], ids=lambda row: row.name)
async def test_an_app_is_used_with_a_key_and_with_a_login(row):
    async with installed(row) as (sim, api):
        port = await gateway(api, api_mode(sim))
        assert b"marker GET /lab" in await got(port)
        port = await gateway(api, await session_mode(sim), "app=jupyter", str(sim.session.id))
        assert b"marker GET /lab" in await got(port)
        path = sim.running.record.of("GET", "/stream/", "webserver")[0]
        assert path.target == f"/func/stream/session/{sim.session.id}/httpproxy?app=jupyter"
        assert "Cookie" not in path.headers


async def test_the_cookie_is_sent_alone_where_the_ui_says_so():
    async with installed() as (sim, api):
        port = await gateway(api, await session_mode(sim, auth_mode="cookie"))
        assert b"marker" in await got(port)
        seen = sim.running.record.of("GET", "/stream/", "webserver")[0]
        assert seen.headers["Cookie"].startswith("AIOHTTP_SESSION=")
        assert "X-BackendAI-SessionID" not in seen.headers


async def test_what_the_manager_is_asked():
    """Protocol 3.1: prefix, kind, and arguments encoded once."""
    async with installed() as (sim, api):
        query = "app=echo&envs=%7B%22A%22%3A%22b%20c%22%7D&args=%7B%22--x%22%3A%221%22%7D"
        port = await gateway(api, api_mode(sim), query)
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        record = sim.running.record
        await record.until(lambda: bool(record.of("GET", "/stream/")))
        writer.transport.abort()
        seen = record.of("GET", "/stream/")[0]
        assert seen.path == "/stream/session/work/httpproxy"
        assert seen.target.endswith(
            "?app=echo&envs=%7B%22A%22:%22b%20c%22%7D&arguments=%7B%22--x%22:%221%22%7D"
        )
        assert seen.headers["X-BackendAI-Version"] == "v4.20190615"


async def test_tcp_apps_have_a_path_of_their_own_in_later_ones():
    async with installed(HARDENED) as (sim, api):
        sim.session.apps["sshd"] = App("sshd", "127.0.0.1", sim.echo.port, "tcp")
        port = await gateway(api, api_mode(sim), "app=sshd")
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await asyncio.wait_for(reader.readexactly(len(GREETING)), 5) == GREETING
        writer.write(b"x" * 300_000)
        assert await asyncio.wait_for(reader.readexactly(300_000), 10) == b"x" * 300_000
        writer.close()
        await writer.wait_closed()
        assert sim.running.record.of("GET", "/tcpproxy")


@pytest.mark.parametrize("version", [None, 4, "4."])
async def test_an_old_api_version_asks_for_a_path_that_no_manager_has(version):
    """Protocol 3.1, 12."""
    async with installed() as (sim, api):
        conf = api_mode(sim, api_version=version)
        if version is None:
            del conf["api_version"]
        answer = await got(await gateway(api, conf))
        assert b"error_404" in answer
        assert sim.running.record.of("GET", "/stream/kernel/work/httpproxy")


class TestFailures:
    """Protocol 3.5, to the byte."""

    async def test_the_page_has_bare_line_ends_and_no_length(self):
        async with installed() as (sim, api):
            answer = await got(await gateway(api, api_mode(sim), session="none"))
        head, _, page = answer.partition(b"\n\n")
        assert head == (
            b"HTTP/1.1 503 Proxy Error\nConnection: Closed\nContent-Type: text/html; charset=UTF-8"
        )
        assert b"Server connection failed" in page and b"error_404" in page
        assert page.endswith(b"\n") and b"\r" not in answer

    async def test_what_each_status_is_called(self):
        async with installed() as (sim, api):
            answer = await got(await gateway(api, api_mode(sim, secret_key="wrong")))
            assert b"error_401" in answer
            # through the web server everything is a 502
            conf = await session_mode(sim)
            assert b"502 Error" in await got(await gateway(api, conf, session="none2"))
            conf = await session_mode(sim, session="nobody")
            assert b"401 Error" in await got(await gateway(api, conf, session="other"))
            dead = api_mode(sim, endpoint=f"http://127.0.0.1:{free_port()}")
            answer = await got(await gateway(api, dead, session="far"))
            assert b"Restart your session or contact your administrator" in answer

    async def test_a_protocol_that_the_manager_refuses(self):
        async with installed(era=Era.M23_09) as (sim, api):
            answer = await got(await gateway(api, api_mode(sim), "app=desktop"))
            assert b"error_defaultCode:400" in answer

    async def test_an_app_that_starts_is_a_status_that_browsers_show_as_nothing(self):
        async with installed() as (sim, api):
            sim.session.apps["jupyter"].starting = 7
            port = await gateway(api, api_mode(sim))
            answers = [await got(port) for _ in range(8)]
        assert all(answer.startswith(b"HTTP/1.1 100 Continue\n") for answer in answers[:5])
        assert b"Waiting for application..." in answers[0]
        assert all(b"error_500" in answer for answer in answers[5:7])
        assert b"marker" in answers[7]

    async def test_a_dead_app_is_an_end_without_a_word(self):
        async with installed() as (sim, api):
            assert await got(await gateway(api, api_mode(sim), "app=dead")) == b""

    async def test_ssh_gets_the_page_too(self):
        async with installed() as (sim, api):
            port = await gateway(api, api_mode(sim), "app=sshd")
            assert b"<html>" in await got(port, b"SSH-2.0-x\r\n")

    async def test_a_quiet_terminal_is_ended(self):
        """Protocol 3.1: after 60 s, or 30 s through the web server."""
        assert CLASSIC.node is not None
        assert (CLASSIC.node.idle_api, CLASSIC.node.idle_session) == (60, 30)
        traits = CLASSIC.node.model_copy(update={"idle_api": 1.5})
        async with simulated() as sim, node.serving(traits) as addresses:
            port = await gateway(addresses.api, api_mode(sim), "app=echo")
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            assert await asyncio.wait_for(reader.read(), 30) == GREETING
            writer.close()
            await writer.wait_closed()


async def test_open_tunnels_outlive_the_delete_and_their_configuration():
    """Protocol 2.1, 2.5."""
    async with installed() as (sim, api):
        port = await gateway(api, api_mode(sim), "app=echo")
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.wait_for(reader.readexactly(len(GREETING)), 5)
        await ask(f"{api}/conf", "PUT", {"endpoint": "http://127.0.0.1:1"})
        assert (await ask(f"{api}/proxy/local/work/delete")).json == {"code": 200}
        writer.write(b"still here")
        assert await asyncio.wait_for(reader.readexactly(10), 5) == b"still here"
        writer.close()
        await writer.wait_closed()


async def test_a_header_that_old_web_servers_do_not_know_is_a_401():
    """Protocol 3.3: a UI of 22.03 sends no ``auth_mode``."""
    async with installed(era=replace(Era.M23_09, header_login=False)) as (sim, api):
        conf = await session_mode(sim)
        del conf["auth_mode"]
        assert b"401 Error" in await got(await gateway(api, conf))


async def test_before_2022_the_login_is_a_cookie_and_arguments_are_refused():
    """Protocol 3.1, 3.3, 12."""
    oldest = proxies()["node-2021"]
    async with installed(oldest, era=replace(Era.M23_09, header_login=False)) as (sim, api):
        conf = await session_mode(sim)
        del conf["auth_mode"]
        assert b"marker" in await got(await gateway(api, conf))
        seen = sim.running.record.of("GET", "/stream/", "webserver")[0]
        assert "X-BackendAI-SessionID" not in seen.headers
        query = "app=jupyter&args=%7B%22--x%22%3A%221%22%7D"
        answer = await got(await gateway(api, api_mode(sim), query, str(sim.session.id)))
        assert b"error_defaultCode:400" in answer
        assert sim.running.record.of("GET", "/stream/")[-1].target.endswith('&args={"--x":"1"}')
