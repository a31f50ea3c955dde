"""Gateways of several processes, and an app that shows which kind of traffic reached it."""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from aiohttp import WSMsgType, web

from tests.support.apps import RawClient, eventually
from tests.support.node import Node, OpenApp, node, settings
from wsproxy.app.fleet import Fleet

CHUNK = bytes(range(256)) * 1024


class BusyApp:
    """``/ws`` echoes, ``/up`` hashes what it gets, ``/down?count=`` sends chunks, ``/slow`` waits
    for ``go``; everything else says its path.
    """

    def __init__(self) -> None:
        self.port = 0
        self.paths: list[str] = []
        self.sockets = 0
        self.go = asyncio.Event()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.paths.append(request.path)
        match request.path:
            case "/ws":
                return await self._echo(request)
            case "/up":
                digest = hashlib.sha256()
                async for data in request.content.iter_any():
                    digest.update(data)
                return web.Response(text=digest.hexdigest())
            case "/down":
                answer = web.StreamResponse()
                await answer.prepare(request)
                for _ in range(int(request.query["count"])):
                    await answer.write(CHUNK)
                return answer
            case "/slow":
                await self.go.wait()
            case _:
                pass
        return web.Response(text=request.path)

    async def _echo(self, request: web.BaseRequest) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets += 1
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    await socket.send_str(message.data)
        finally:
            self.sockets -= 1
        return socket


@contextlib.asynccontextmanager
async def busy_app() -> AsyncIterator[BusyApp]:
    app = BusyApp()
    server = web.Server(app.handle)
    runner = web.ServerRunner(server, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    app.port = runner.addresses[0][1]
    try:
        yield app
    finally:
        app.go.set()
        await runner.cleanup()


@contextlib.asynccontextmanager
async def fleet(processes: int = 2, **sections: Mapping[str, Any] | None) -> AsyncIterator[Node]:
    """A running gateway of so many processes; all of them are gone when the block ends."""
    gateway = {
        "processes": processes,
        "log-level": "error",
        **(sections.pop("gateway", None) or {}),
    }
    async with node(settings(gateway=gateway, **sections)) as running:
        pids = fleet_of(running).pids
        assert len(pids) == processes
        yield running
        pids += fleet_of(running).pids
    assert [pid for pid in pids if lives(pid)] == []


def fleet_of(running: Node) -> Fleet:
    found = running.gateway.traffic.fleet
    assert found is not None
    return found


def spread(running: Node) -> list[int]:
    """How many connections each worker has."""
    return [worker.open for worker in fleet_of(running)._workers]


def lives(pid: int) -> bool:
    """Whether a process runs; one that only waits for its parent does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(one) for one in text.split()]


async def connected(app: OpenApp, path: str = "/") -> RawClient:
    """A connection that has brought one answer, kept open."""
    client = RawClient(*await asyncio.open_connection("127.0.0.1", app.port))
    await ask(client, app, path)
    return client


async def ask(client: RawClient, app: OpenApp, path: str) -> bytes:
    """One GET; the body."""
    head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{app.port}\r\nCookie: {app.cookie}\r\n\r\n"
    await client.send(head.encode())
    head_got, body = await client.answer()
    assert head_got.startswith(b"HTTP/1.1 200 "), head_got
    return body


async def all_left(running: Node) -> None:
    await eventually(lambda: sum(spread(running)) == 0, "all connections have left")
