"""Several processes (``gateway.processes``): real ones, killed and drained too."""

import asyncio
import contextlib
import hashlib
import io
import os
import re
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast
from uuid import UUID, uuid4

import aiohttp
import pytest
import yarl
from aiohttp import ClientWebSocketResponse, WSMsgType

from tests.e2e.test_v1 import added, configured, echoes
from tests.support.apps import RawClient, answering, eventually, raw_app, raw_client
from tests.support.fleets import (
    CHUNK,
    BusyApp,
    all_left,
    ask,
    busy_app,
    children,
    connected,
    fleet,
    fleet_of,
    lives,
    spread,
)
from tests.support.node import SECRETS, Node, OpenApp, node, settings
from tests.support.streams import status, stream_manager
from wsproxy.app.gateway import Addresses, Gateway
from wsproxy.core import permits
from wsproxy.sim.echo import GREETING, Echo

pytestmark = pytest.mark.slow

SHOWN = {"X-BackendAI-Token": SECRETS["api-secret"]}
WILDCARD = {"domain": ".apps.localhost", "domain-bind": "127.0.0.1:0"}


@contextlib.asynccontextmanager
async def opened(
    processes: int = 2, **sections: Any
) -> AsyncIterator[tuple[Node, BusyApp, OpenApp]]:
    async with busy_app() as app, fleet(processes, **sections) as running:
        yield running, app, await running.open(app.port)


async def websocket(running: Node, app: OpenApp) -> ClientWebSocketResponse:
    """One that has echoed once."""
    ws = await running.http.ws_connect(app.url + "/ws", headers={"Cookie": app.cookie})
    await says(ws)
    return ws


async def says(ws: ClientWebSocketResponse) -> None:
    await ws.send_str("hello")
    assert await ws.receive_str() == "hello"


async def known(running: Node) -> dict[str, Any]:
    (row,) = (await running.get("/api/circuits", headers=SHOWN)).json["circuits"]
    return dict(row)


async def test_one_connection_brings_many_answers_in_one_worker():
    async with opened() as (running, app, link):
        async with raw_client(link.port) as client:
            for number in range(20):
                assert await ask(client, link, f"/{number}") == f"/{number}".encode()
            assert sorted(spread(running)) == [0, 1]
        assert app.paths == [f"/{number}" for number in range(20)]


async def test_large_bodies_pass_both_ways():
    body = os.urandom(8 << 20)
    async with opened() as (running, _, link):
        cookie = {"Cookie": link.cookie}
        sent = await running.ask("POST", link.url + "/up", data=io.BytesIO(body), headers=cookie)
        assert sent.body.decode() == hashlib.sha256(body).hexdigest()
        got = await running.get(link.url + "/down?count=32", headers=cookie)
        assert got.body == CHUNK * 32


async def test_a_closed_circuit_ends_its_websockets_in_every_worker_and_says_why():
    async with opened() as (running, app, link):
        other = await running.open(app.port, app="other")
        sockets = [await websocket(running, link) for _ in range(4)]
        stays = await websocket(running, other)
        assert min(spread(running)) >= 2
        gone = await running.ask("DELETE", f"/api/circuit/{_id(link)}", headers=SHOWN)
        assert gone.json == {"success": True}
        for ws in sockets:
            message = await ws.receive()
            assert message.type is WSMsgType.CLOSE
            assert "requested" in str(message.extra)
            await ws.close()
        with pytest.raises(OSError, match="Connect"):
            await running.get(link.url)
        await says(stays)
        await stays.close()
        await eventually(lambda: app.sockets == 0)


def _id(link: OpenApp) -> UUID:
    return UUID(link.cookie.partition("=")[0].rpartition("_")[2])


async def test_permits_are_checked_and_renewed():
    async with opened() as (running, app, link):
        assert (await running.get(link.url + "/none")).status == 401
        name = permits.cookie_name(_id(link))
        stale = permits.issue(SECRETS["permit-secret"], _id(link), time.time() - 7200)
        answer = await running.get(link.url + "/x", headers={"Cookie": f"{name}={stale}"})
        assert answer.body == b"/x"
        renewed = answer.headers["Set-Cookie"].partition(";")[0]
        again = await running.get(link.url + "/y", headers={"Cookie": renewed})
        assert (again.body, "Set-Cookie" in again.headers) == (b"/y", False)
        assert app.paths == ["/x", "/y"]


async def test_raw_apps_are_admitted_by_address():
    app = await Echo().start()
    try:
        async with fleet() as running:
            host, port = await running.open_tcp(app.port)
            clients = [RawClient(*await asyncio.open_connection(host, port)) for _ in range(4)]
            for client in clients:
                await client.send(b"over")
                assert await client.size(len(GREETING) + 4) == GREETING + b"over"
            assert spread(running) == [2, 2]
            clients[0].half_close()
            assert await clients[0].end() == b""
            running.gateway.traffic.setup_addresses.forget(await _only(running))
            async with raw_client(port, host) as stranger:
                assert await stranger.end() == b""
            for client in clients:
                await client.close()
            await all_left(running)
    finally:
        await app.close()


async def _only(running: Node) -> UUID:
    return UUID((await known(running))["id"])


async def test_the_wildcard_domain_is_served_by_all_workers():
    async with busy_app() as app, fleet(v2=WILDCARD) as running:
        session = str(uuid4())
        token = await running.announce(app.port, session)
        url = yarl.URL((await running.auth(token, session))["redirect_url"])
        host = f"{url.host}:{url.port}"
        port = int(running.gateway.addresses.domain.rpartition(":")[2])
        async with raw_client(port) as client:
            await client.send(f"GET {url.raw_path_qs} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            page, _ = await client.answer()
        cookie = re.search(rb"Set-Cookie: ([^;]+)", page)
        assert cookie is not None
        await all_left(running)
        head = f"GET /x HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie[1].decode()}\r\n\r\n".encode()
        clients = [RawClient(*await asyncio.open_connection("127.0.0.1", port)) for _ in range(4)]
        for client in clients:
            await client.send(head)
            assert (await client.answer())[1] == b"/x"
        assert spread(running) == [2, 2]
        await running.ask("DELETE", f"/api/circuit/{await _only(running)}", headers=SHOWN)
        for client in clients:
            await client.send(head)
            assert (await client.answer())[0].startswith(b"HTTP/1.1 400 ")
            await client.close()
    assert app.paths == ["/x"] * 4


async def test_v1_apps_are_reached_through_the_manager():
    async with stream_manager() as manager, fleet(v2=None) as running:
        token = await configured(running, manager)
        app = await added(running, token)
        clients = [RawClient(*await asyncio.open_connection("::1", app["port"])) for _ in range(4)]
        for client in clients:
            await client.send(b"x")
            assert await client.size(1) == b"x"
        assert spread(running) == [2, 2]
        assert len(manager.requests) == 4
        for client in clients:
            client.reset()
        await all_left(running)


async def test_a_v1_circuit_ends_when_the_manager_does_not_know_its_session():
    async with stream_manager() as manager, fleet(v2=None) as running:
        app = await added(running, await configured(running, manager))
        assert await echoes(app["port"])
        manager.script(status(404))
        table = running.gateway.traffic.table
        async with raw_client(app["port"]) as client:
            await client.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            await client.end()
        await eventually(lambda: not table().all(), "the circuit is gone")


async def test_one_worker_is_killed_and_the_others_connections_live_on():
    async with opened(3) as (running, _, link):
        sockets = [await websocket(running, link) for _ in range(6)]
        assert min(spread(running)) >= 2
        meter = running.gateway.traffic.activity.meter(_id(link))
        await eventually(lambda: meter.connections == 6)
        victim = fleet_of(running)._workers[1]
        os.kill(victim.pid, signal.SIGKILL)
        await eventually(lambda: victim.over, "the main process has noticed")
        left = meter.connections
        assert left < 6
        for number in range(8):
            got = await running.get(f"{link.url}/{number}", headers={"Cookie": link.cookie})
            assert got.body == f"/{number}".encode()
        cut = 0
        for ws in sockets:
            try:
                await says(ws)
            except (ConnectionError, TypeError):
                cut += 1
        assert cut == 6 - left
        await eventually(lambda: len(fleet_of(running).pids) == 3, "another one was started")
        replacement = fleet_of(running)._workers[victim.number]
        await eventually(lambda: replacement.ready, "it serves")
        more = [await websocket(running, link) for _ in range(4)]
        assert replacement.open >= 2  # it had the fewest
        for ws in [*sockets, *more]:
            await ws.close()
        await all_left(running)


async def test_no_worker_is_left_for_a_moment_and_connections_wait():
    async with opened() as (running, _, link):
        workers = list(fleet_of(running)._workers)
        for worker in workers:
            os.kill(worker.pid, signal.SIGKILL)
        await eventually(lambda: all(worker.over for worker in workers))
        late = await running.get(link.url + "/late", headers={"Cookie": link.cookie})
        assert late.body == b"/late"


async def test_two_hundred_connections_are_spread_evenly_and_leave_nothing():
    async with opened(4) as (running, app, link):
        for client in [await connected(link) for _ in range(8)]:  # what is made once is made
            await client.close()
        await _at_rest(running, link)
        link, before = await running.open(app.port), descriptors(running)
        clients = await asyncio.gather(*(connected(link) for _ in range(200)))
        assert [40 <= count <= 60 for count in spread(running)] == [True] * 4
        assert sum(spread(running)) == 200
        for client in clients:
            await client.close()
        await _at_rest(running, link)
        await eventually(lambda: descriptors(running) <= before, f"as few as {before}")


async def _at_rest(running: Node, link: OpenApp) -> None:
    """The circuit is closed, and with it the connections to its app that rest."""
    await all_left(running)
    await running.ask("DELETE", f"/api/circuit/{_id(link)}", headers=SHOWN)


def descriptors(running: Node) -> int:
    """Open ones of all processes."""
    pids = [os.getpid(), *fleet_of(running).pids]
    return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in pids)


async def test_the_sums_are_what_was_sent():
    admin = {"admin-bind": "127.0.0.1:0"}
    async with opened(gateway=admin) as (running, _, link):
        clients = [await connected(link, f"/{n}") for n in range(8)]
        sockets = [await websocket(running, link) for _ in range(4)]
        meter = running.gateway.traffic.activity.meters[_id(link)]
        row = await known(running)
        assert (row["requests"], row["connections"]) == (12, 4)
        shown = f"{running.gateway.addresses.admin}/api/circuits"
        assert (await running.get(shown)).json["circuits"][0]["requests"] == 12
        assert row["bytes_in"] == 4 * len(b"\x81\x85mask" + b"hello")
        assert await metric(running, "wsproxy_connections_open") >= 12
        for ws in sockets:
            await ws.close()
        for client in clients:
            await client.close()
        await all_left(running)
        await eventually(lambda: meter.connections == 0, "all tunnels are told to have ended")
        assert await metric(running, 'wsproxy_tunnels_total{version="v2"}') == 4
        assert await metric(running, 'wsproxy_exchanges_total{outcome="2xx",version="v2"}') == 8
        assert await metric(running, "appproxy_requests_received_http_total") == 8
        carried = running.gateway.traffic.activity.carried()
        assert await metric(running, 'wsproxy_bytes_total{way="to-app"}') == carried[0]
        assert carried == (meter.bytes_in, meter.bytes_out)
        await running.ask("DELETE", f"/api/circuit/{_id(link)}", headers=SHOWN)
        assert running.gateway.traffic.activity.carried() == carried


async def test_a_worker_that_hangs_gets_no_connections_and_keeps_nobody_waiting(monkeypatch):
    monkeypatch.setattr("wsproxy.core.sharing.LATE", 3.0)
    async with opened() as (running, app, link):
        victim = fleet_of(running)._workers[0]
        os.kill(victim.pid, signal.SIGSTOP)
        try:
            row = await asyncio.wait_for(known(running), 30)
            assert row["port"] == link.port
            await eventually(lambda: victim.load.late)
            before = victim.open
            clients = [await connected(link, f"/{number}") for number in range(6)]
            assert victim.open == before
            assert app.paths == [f"/{number}" for number in range(6)]
            for client in clients:
                await client.close()
        finally:
            os.kill(victim.pid, signal.SIGCONT)


async def metric(running: Node, name: str) -> float:
    text = (await running.get(f"{running.gateway.addresses.admin}/metrics")).body.decode()
    (line,) = [line for line in text.splitlines() if line.startswith(name + " ")]
    return float(line.rpartition(" ")[2])


async def test_an_app_that_is_gone_counts_in_the_main_process():
    async with opened() as (running, _, _link), raw_app(answering()) as app:
        link = await running.open(app.port, app="gone")
        await app.close()
        for _ in range(3):
            answer = await running.get(link.url, headers={"Cookie": link.cookie})
            assert answer.status == 502
        await running.get("/api/circuits", headers=SHOWN)  # which asks the workers
        health = await running.get(f"/health/circuits/{_id(link)}", headers=SHOWN)
        assert health.json["failed_connections"] == 3
        assert running.gateway.traffic.routes.troubled
        await app.start()  # on another port: only to be closed


@pytest.mark.parametrize("processes", [0, 1])
async def test_one_process_needs_no_worker(monkeypatch, processes):
    monkeypatch.setattr("wsproxy.app.rules.cores", lambda: 1)
    async with busy_app() as app, node(settings(gateway={"processes": processes})) as running:
        assert running.gateway.traffic.fleet is None
        link = await running.open(app.port)
        assert (await running.get(link.url + "/x", headers={"Cookie": link.cookie})).body == b"/x"


async def test_zero_is_one_for_each_core(monkeypatch):
    monkeypatch.setattr("wsproxy.app.rules.cores", lambda: 3)
    async with node(settings(gateway={"processes": 0})) as running:
        assert len(fleet_of(running).pids) == 3


async def test_a_worker_that_cannot_begin_stops_the_start(monkeypatch):
    monkeypatch.setattr("wsproxy.app.workers.MODULE", "wsproxy.app.no_such_module")
    with pytest.raises(OSError, match="does not start"):
        async with node(settings(gateway={"processes": 2})):
            pass


# the command, with its signals

CONFIG = """
[gateway]
bind = "127.0.0.1:0"
admin-bind = ""
processes = 2
grace = 20.0
[v2]
api-secret = "aaaaaaaaaaaaaaaa"
jwt-secret = "bbbbbbbbbbbbbbbb"
permit-secret = "cccccccccccccccc"
ports = "20000-29999"
targets = ["127.0.0.0/8"]
"""


class Command:
    """``wsproxy serve`` in a process of its own; ``node`` asks it."""

    node: Node

    def __init__(self, process: asyncio.subprocess.Process, api: str) -> None:
        self.process = process
        self.addresses = Addresses(api)
        self.workers = children(process.pid)


@contextlib.asynccontextmanager
async def command(folder: Path) -> AsyncIterator[Command]:
    path = folder / "wsproxy.toml"
    path.write_text(CONFIG)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "from wsproxy.cli.main import main; main()",
        "serve",
        "--config",
        str(path),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        line = await asyncio.wait_for(process.stdout.readline(), 30)
        running = Command(process, line.decode().partition("API ")[2].partition(";")[0])
        assert len(running.workers) == 2
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
            running.node = Node(cast(Gateway, running), http)
            yield running
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await eventually(lambda: not any(map(lives, running.workers)), "no worker is left")


async def slow(running: Node, app: BusyApp, link: OpenApp) -> asyncio.Task[bytes]:
    """A request that the app has, and answers when it is told to."""

    async def ask_slow() -> bytes:
        async with raw_client(link.port) as client:
            return await ask(client, link, "/slow")

    asked = asyncio.ensure_future(ask_slow())
    await eventually(lambda: "/slow" in app.paths)
    return asked


async def test_sigterm_drains_all_workers(tmp_path):
    async with busy_app() as app, command(tmp_path) as wsproxy:
        link = await wsproxy.node.open(app.port)
        sockets = [await websocket(wsproxy.node, link) for _ in range(4)]
        asked = await slow(wsproxy.node, app, link)
        wsproxy.process.terminate()
        for pid in wsproxy.workers:  # as a service manager does
            os.kill(pid, signal.SIGTERM)
        await eventually(lambda: refuses(link.port), "nobody is accepted any more")
        app.go.set()
        assert await asked == b"/slow"
        for ws in sockets:
            assert (await ws.receive()).type is WSMsgType.CLOSE
            await ws.close()
        assert await asyncio.wait_for(wsproxy.process.wait(), 30) == 0
        await eventually(lambda: not any(map(lives, wsproxy.workers)), "no worker is left")


def refuses(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) != 0


async def test_a_second_signal_ends_all_at_once(tmp_path):
    async with busy_app() as app, command(tmp_path) as wsproxy:
        link = await wsproxy.node.open(app.port)
        asked = await slow(wsproxy.node, app, link)
        wsproxy.process.terminate()
        await eventually(lambda: refuses(link.port))
        wsproxy.process.terminate()
        assert await asyncio.wait_for(wsproxy.process.wait(), 30) == 130
        await eventually(lambda: not any(map(lives, wsproxy.workers)), "no worker is left")
        with pytest.raises((ConnectionError, AssertionError)):
            await asked


async def test_when_the_main_process_is_killed_its_workers_finish_and_exit(tmp_path):
    async with busy_app() as app, command(tmp_path) as wsproxy:
        link = await wsproxy.node.open(app.port)
        asked = await slow(wsproxy.node, app, link)
        wsproxy.process.kill()
        await wsproxy.process.wait()
        app.go.set()
        assert await asked == b"/slow"
        await eventually(lambda: not any(map(lives, wsproxy.workers)), "the workers have ended")


async def test_no_secret_is_seen_from_outside(tmp_path):
    async with command(tmp_path) as wsproxy:
        for pid in wsproxy.workers:
            for name in ("cmdline", "environ"):
                seen = Path(f"/proc/{pid}/{name}").read_bytes()
                assert b"bbbbbbbbbbbbbbbb" not in seen
