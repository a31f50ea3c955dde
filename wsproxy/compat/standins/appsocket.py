"""WebSockets of an app port (protocol 7.3; observed 5, 6).

The client is accepted first and the app asked afterwards, without the client's own fields; what
fails then the client hears of as an end without a reason, or not at all. A client that leaves is
not told to the app.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress

from aiohttp import (
    ClientConnectorError,
    ClientError,
    ClientSession,
    ClientWebSocketResponse,
    WSMessage,
    WSMsgType,
    hdrs,
    web,
)

from wsproxy.compat.standins.circuits import Start
from wsproxy.net.tasks import Tasks

LARGEST_MESSAGE = 4 * 1024 * 1024


def is_upgrade(request: web.BaseRequest) -> bool:
    wanted = request.headers.get(hdrs.UPGRADE, "").lower() == "websocket"
    return wanted and "upgrade" in request.headers.get(hdrs.CONNECTION, "").lower()


async def alive(start: Start) -> bool:
    """Whether the app accepts connections."""
    try:
        async with asyncio.timeout(10):
            _, writer = await asyncio.open_connection(start.kernel_host, start.kernel_port)
    except (OSError, TimeoutError):
        return False
    writer.transport.abort()
    return True


class Sockets:
    """WebSockets of one port. Those to the app outlive their clients, until ``close``."""

    def __init__(self) -> None:
        self._left: list[ClientWebSocketResponse] = []

    async def close(self) -> None:
        for socket in self._left:
            with suppress(OSError, ClientError):
                await socket.close()
        self._left.clear()

    async def carry(
        self,
        request: web.BaseRequest,
        start: Start,
        http: ClientSession,
        fields: Mapping[str, str],
        *,
        tells: bool,
    ) -> web.WebSocketResponse:
        """Until the client leaves. ``tells``: it hears of the app's end."""
        offered = request.headers.get(hdrs.SEC_WEBSOCKET_PROTOCOL, "")
        protocols = [one.strip() for one in offered.split(",") if one.strip()]
        client = web.WebSocketResponse(
            protocols=protocols, max_msg_size=LARGEST_MESSAGE, timeout=1.0
        )
        client.headers.update(fields)
        await client.prepare(request)
        url = f"http://{start.kernel_host}:{start.kernel_port}{request.raw_path}"
        try:
            app = await http.ws_connect(url, protocols=protocols, max_msg_size=LARGEST_MESSAGE)
        except (ClientError, OSError) as error:
            await _given_up(client, error, tells)
            return client
        self._left.append(app)
        await _relay(client, app, tells)
        return client


async def _given_up(client: web.WebSocketResponse, error: Exception, tells: bool) -> None:
    """No app: the older proxy ends, the later one says nothing until the client leaves."""
    if isinstance(error, ClientConnectorError) or not tells:
        await client.close()
        return
    async for _ in client:
        pass


async def _relay(client: web.WebSocketResponse, app: ClientWebSocketResponse, tells: bool) -> None:
    tasks = Tasks("standin-websocket")
    leaving = tasks.start(_up(client, app), "up")
    ending = tasks.start(_down(client, app), "down")
    try:
        await asyncio.wait({leaving, ending}, return_when=asyncio.FIRST_COMPLETED)
        if not leaving.done() and tells:
            await client.close(code=app.close_code or 1000)
        await asyncio.wait({leaving})
    finally:
        await tasks.close()


async def _up(client: web.WebSocketResponse, app: ClientWebSocketResponse) -> None:
    with suppress(OSError, ClientError):
        async for message in client:
            if message.type is WSMsgType.TEXT:
                await app.send_str(message.data)
            elif message.type is WSMsgType.BINARY:
                await app.send_bytes(message.data)


async def _down(client: web.WebSocketResponse, app: ClientWebSocketResponse) -> None:
    with suppress(OSError, ClientError):
        async for message in app:
            await _given(client, message)


async def _given(client: web.WebSocketResponse, message: WSMessage) -> None:
    if message.type is WSMsgType.TEXT:
        await client.send_str(message.data)
    elif message.type is WSMsgType.BINARY:
        await client.send_bytes(message.data)
