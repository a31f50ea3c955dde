"""``GET /stream/session/{session}/httpproxy|tcpproxy``: raw TCP in binary frames (protocol 3.4).

101, then connect:   refused → close 1013   other error → 1011   app's end → 1001
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from aiohttp import WSCloseCode, WSMessage, WSMsgType, web

from wsproxy.net.tasks import Tasks
from wsproxy.sim.record import Recorded
from wsproxy.sim.world import App, Session

LARGEST_FRAME_OUT = 256 * 1024
LARGEST_MESSAGE_IN = 16 * 1024 * 1024
CONNECT_DEADLINE = 10.0


async def serve(
    request: web.Request, session: Session, app: App, seen: Recorded, noted: Callable[[], None]
) -> web.WebSocketResponse:
    """Answer 101 and carry bytes until either side ends. ``noted`` is called on each ping."""
    socket = web.WebSocketResponse(
        compress=False, autoping=False, max_msg_size=LARGEST_MESSAGE_IN, timeout=2.0
    )
    await socket.prepare(request)
    try:
        async with asyncio.timeout(CONNECT_DEADLINE):
            reader, writer = await asyncio.open_connection(app.host, app.port)
    except ConnectionRefusedError:
        await socket.close(code=WSCloseCode.TRY_AGAIN_LATER)
        return socket
    except (OSError, TimeoutError):
        await socket.close(code=WSCloseCode.INTERNAL_ERROR)
        return socket
    # a container that ends takes its connections along: the app's end, so 1001
    session.closers.add(writer.transport.abort)
    try:
        await _carry(_Ends(socket, reader, writer, seen, noted))
    finally:
        session.closers.discard(writer.transport.abort)
        writer.transport.abort()
        with suppress(OSError):
            await writer.wait_closed()
    return socket


@dataclass(frozen=True, slots=True)
class _Ends:
    """Both ends of one stream."""

    socket: web.WebSocketResponse
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    seen: Recorded
    noted: Callable[[], None]


async def _carry(ends: _Ends) -> None:
    tasks = Tasks("sim-stream")
    directions = {
        tasks.start(_to_client(ends), "to-client"),
        tasks.start(_to_app(ends), "to-app"),
    }
    try:
        await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
        await ends.socket.close(code=WSCloseCode.GOING_AWAY)  # nothing to do if the client did
    finally:
        await tasks.close()


async def _to_client(ends: _Ends) -> None:
    """The app's bytes, until its end."""
    with suppress(OSError):
        while chunk := await ends.reader.read(LARGEST_FRAME_OUT):
            await ends.socket.send_bytes(chunk)


async def _to_app(ends: _Ends) -> None:
    """The client's bytes, until it closes or the app no longer takes them."""
    with suppress(OSError):
        async for message in ends.socket:
            await _deliver(ends, message)


async def _deliver(ends: _Ends, message: WSMessage) -> None:
    if message.type is WSMsgType.BINARY:
        ends.writer.write(message.data)
        await ends.writer.drain()
    elif message.type is WSMsgType.TEXT:
        ends.writer.write(message.data.encode())
        await ends.writer.drain()
    elif message.type is WSMsgType.PING:
        ends.seen.pings += 1
        ends.noted()
        await ends.socket.pong(message.data)
