"""Talking to stand-ins in bytes, and an app for them to carry."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web
from yarl import URL

USER_ID = "5f2b6c1e-7a55-4b3c-9d1f-0c8a4f6e2d11"
ACCESS_KEY = "AKIAIOSFODNN7EXAMPLE"
SESSION_ID = "39c10233-430d-46af-9fb2-2f0fb61a2484"


@dataclass(frozen=True)
class Answer:
    """What came back, the status line as it was sent: no client reads a status of -1."""

    line: str
    fields: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def status(self) -> int:
        return int(self.line.split(" ")[1])

    def __getitem__(self, name: str) -> Any:
        """The field of that name, None when there is none."""
        found = [value for key, value in self.fields if key == name.lower()]
        return found[0] if found else None

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def slug(self) -> str:
        return str(self.json["type"]).rpartition("/probs/")[2]

    @property
    def is_page(self) -> bool:
        return (self["content-type"] or "").startswith("text/html")


async def ask(url: str, method: str = "GET", body: Any = None, **fields: str) -> Answer:
    """One request with these fields (``_`` for ``-``) on a connection of its own."""
    where = URL(url, encoded=True)
    data = body if isinstance(body, bytes) else json.dumps(body).encode() if body else b""
    head = [f"{method} {where.raw_path_qs} HTTP/1.1", f"Host: {where.authority}"]
    head += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    if data:
        head.append(f"Content-Length: {len(data)}")
    text = "\r\n".join([*head, "Connection: close", "", ""])
    answer = await raw(where.host or "", where.port or 80, text.encode() + data)
    return parsed(answer)


def parsed(answer: bytes) -> Answer:
    top, _, body = answer.partition(b"\r\n\r\n")
    line, *lines = top.decode("latin-1").split("\r\n")
    pairs = [one.partition(":") for one in lines]
    return Answer(line, tuple((name.lower(), value.strip()) for name, _, value in pairs), body)


async def raw(host: str, port: int, data: bytes, deadline: float = 10.0) -> bytes:
    """Everything that is said to ``data`` until the other side ends; nothing after a reset."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(data)
        return await asyncio.wait_for(reader.read(), deadline)
    except ConnectionResetError:
        return b""
    finally:
        writer.transport.abort()
        with suppress(OSError):
            await writer.wait_closed()


@dataclass
class Kernel:
    """An app. ``seen`` are the fields of every request; ``closed`` the ends of WebSockets."""

    port: int = 0
    seen: list[tuple[tuple[str, str], ...]] = field(default_factory=list)
    targets: list[str] = field(default_factory=list)
    closed: list[int | None] = field(default_factory=list)

    async def serve(self, request: web.BaseRequest) -> web.StreamResponse:
        self.seen.append(tuple((name.lower(), value) for name, value in request.headers.items()))
        self.targets.append(request.raw_path)
        if request.headers.get("Upgrade"):
            return await self._socket(request)
        if request.path == "/upload":
            return web.Response(text=f"{len(await request.read())} bytes")
        if request.path == "/moved":
            return web.Response(status=302, headers={"Location": "/there", "Set-Cookie": "a=1"})
        answer = web.Response(text=f"marker {request.method} {request.path}")
        answer.headers.add("Set-Cookie", "a=1")
        answer.headers.add("Set-Cookie", "b=2")
        return answer

    async def _socket(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/none":
            return web.Response(status=404)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            if message.type is WSMsgType.TEXT and message.data.startswith("close "):
                await socket.close(code=int(message.data.split()[1]))
            elif message.type is WSMsgType.TEXT:
                await socket.send_str(message.data)
            elif message.type is WSMsgType.BINARY:
                await socket.send_bytes(message.data)
        self.closed.append(socket.close_code)
        return socket


@asynccontextmanager
async def kernel() -> AsyncIterator[Kernel]:
    """A container's app on loopback."""
    app = Kernel()
    runner = web.ServerRunner(web.Server(app.serve), shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    app.port = runner.addresses[0][1]
    try:
        yield app
    finally:
        await runner.cleanup()


def conf(port: int, **changed: Any) -> dict[str, Any]:
    """The body of ``POST /v2/conf`` as managers from 23.03 on send it."""
    session = {
        "id": SESSION_ID,
        "user_uuid": USER_ID,
        "group_id": "2de2b969-1d04-48a6-af16-0bc8adb3c831",
        "access_key": ACCESS_KEY,
        "domain_name": "default",
    }
    body = {
        "login_session_token": "lst",
        "kernel_host": "127.0.0.1",
        "kernel_port": port,
        "session": session,
    }
    return {**body, **changed}


async def token_of(api: str, port: int) -> str:
    return str((await ask(f"{api}/v2/conf", "POST", conf(port))).json["token"])


async def setup_of(api: str, token: str, query: str = "app=jupyter&protocol=http") -> str:
    """The URL that ``auth`` answers."""
    url = f"{api}/v2/proxy/auth?{query}&token={token}&session_id={SESSION_ID}"
    return str((await ask(url, Accept="application/json")).json["redirect_url"])


async def opened(api: str, port: int, query: str = "app=jupyter&protocol=http") -> tuple[str, str]:
    """(the app's URL, the cookie) of a new circuit."""
    answer = await ask(await setup_of(api, await token_of(api, port), query))
    cookie = (answer["set-cookie"] or "").split(";")[0]
    return answer["location"] or "", cookie
