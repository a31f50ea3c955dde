"""A manager's stream routes with scripted behaviour, on a real socket.

async with stream_manager() as manager:
    manager.script(status(500), close(1013), echo)     # one a handshake; the last one stays
"""

import asyncio
import contextlib
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from aiohttp import WSMsgType, web

from wsproxy.core.signing import verify

KEYS = {"AKIAIOSFODNN7EXAMPLE": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}

Step = Callable[["StreamManager", web.Request], Awaitable[web.StreamResponse]]


@dataclass
class StreamManager:
    """What arrived, and what to do with the next handshake."""

    url: str = ""
    requests: list[web.Request] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    received: bytearray = field(default_factory=bytearray)
    largest_frame: int = 0
    close_codes: list[int | None] = field(default_factory=list)
    pings: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))
    ended: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))
    counts: Counter[str] = field(default_factory=Counter)

    def script(self, *steps: Step) -> None:
        self.steps = list(steps)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        step = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
        return await step(self, request)

    def signer(self, request: web.Request) -> str:
        """The access key that signed exactly this request, or why the signature is wrong."""
        return str(
            verify(KEYS, request.method, request.raw_path, request.headers, datetime.now(UTC))
        )


def status(code: int, headers: dict[str, str] | None = None) -> Step:
    """Refuse the handshake."""

    async def step(manager: StreamManager, request: web.Request) -> web.StreamResponse:
        return web.json_response({"type": "x"}, status=code, headers=headers)

    return step


async def _open(manager: StreamManager, request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse(autoping=False, max_msg_size=16 << 20, timeout=2.0)
    await socket.prepare(request)
    return socket


def close(code: int) -> Step:
    """101, then a close frame at once."""

    async def step(manager: StreamManager, request: web.Request) -> web.StreamResponse:
        socket = await _open(manager, request)
        await socket.close(code=code)
        return socket

    return step


def drop() -> Step:
    """101, then the connection is cut without a close frame."""

    async def step(manager: StreamManager, request: web.Request) -> web.StreamResponse:
        socket = await _open(manager, request)
        assert request.transport is not None
        request.transport.abort()
        return socket

    return step


async def silent(manager: StreamManager, request: web.Request) -> web.StreamResponse:
    """101, then nothing: what a web server makes of a dead app (observed 2). Pings get no pong."""
    socket = await _open(manager, request)
    await _listen(manager, socket, answer_pings=False)
    return socket


async def echo(manager: StreamManager, request: web.Request) -> web.StreamResponse:
    """An app that sends back what it gets, in frames of at most 256 KiB."""
    socket = await _open(manager, request)

    async def back(data: bytes) -> None:
        for start in range(0, len(data), 1 << 18):
            await socket.send_bytes(data[start : start + (1 << 18)])

    await _listen(manager, socket, back)
    return socket


def answering(data: bytes, then: int | None = None) -> Step:
    """An app that answers the first bytes with ``data``, and then may close with a code."""

    async def step(manager: StreamManager, request: web.Request) -> web.StreamResponse:
        socket = await _open(manager, request)

        async def answer(received: bytes) -> None:
            await socket.send_bytes(data)
            if then is not None:
                await socket.close(code=then)

        await _listen(manager, socket, answer)
        return socket

    return step


def greeting(data: bytes) -> Step:
    """An app that speaks first, then echoes."""

    async def step(manager: StreamManager, request: web.Request) -> web.StreamResponse:
        socket = await _open(manager, request)
        await socket.send_bytes(data)
        await _listen(manager, socket, socket.send_bytes)
        return socket

    return step


async def _listen(
    manager: StreamManager,
    socket: web.WebSocketResponse,
    each: Callable[[bytes], Awaitable[None]] | None = None,
    answer_pings: bool = True,
) -> None:
    async for message in socket:
        if message.type is WSMsgType.PING:
            manager.pings.release()
            if answer_pings:
                await socket.pong(message.data)
        elif message.type is WSMsgType.BINARY:
            manager.received += message.data
            manager.largest_frame = max(manager.largest_frame, len(message.data))
            if each is not None:
                await each(message.data)
    manager.close_codes.append(socket.close_code)
    manager.ended.release()


@contextlib.asynccontextmanager
async def stream_manager(tls: ssl.SSLContext | None = None) -> AsyncIterator[StreamManager]:
    """Serve on a free port of 127.0.0.1; with ``tls`` as ``https://localhost``."""
    manager = StreamManager(steps=[echo])
    app = web.Application()
    for prefix in ("", "/func"):
        for kind in ("kernel", "session"):
            app.router.add_get(f"{prefix}/stream/{kind}/{{session}}/{{how}}", manager.serve)
    runner = web.AppRunner(app, shutdown_timeout=0.1, auto_decompress=False)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    base = "https://localhost" if tls else "http://127.0.0.1"
    manager.url = f"{base}:{runner.addresses[0][1]}"
    try:
        yield manager
    finally:
        await runner.cleanup()
