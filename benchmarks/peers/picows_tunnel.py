"""A peer: the tunnel of v1 on picows, a WebSocket client in C. Argument: the manager's port."""

import asyncio
import sys
from typing import cast

from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from wsproxy.net.loops import loop_factory

HIGH_WATER = 256 * 1024
PATH = "/stream/session/bench/httpproxy?app=bench"


class Down(WSListener):
    """Frames of the manager go to the client."""

    def __init__(self, client: "Client") -> None:
        super().__init__()
        self._client = client

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.BINARY:
            self._client.transport.write(frame.get_payload_as_bytes())

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._client.transport.close()

    def pause_writing(self) -> None:
        self._client.transport.pause_reading()

    def resume_writing(self) -> None:
        self._client.transport.resume_reading()


class Client(asyncio.Protocol):
    """Bytes of the client go to the manager."""

    transport: asyncio.Transport

    def __init__(self, url: str) -> None:
        self._url = url
        self._tunnel: WSTransport | None = None
        self._early = b""  # uvloop reads although it was paused when the connection was made
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(high=HIGH_WATER)
        self.transport.pause_reading()
        self._task = asyncio.get_running_loop().create_task(self._open())

    async def _open(self) -> None:
        self._tunnel, _ = await ws_connect(lambda: Down(self), self._url, max_frame_size=1 << 26)
        self._tunnel.underlying_transport.set_write_buffer_limits(high=HIGH_WATER)
        if self._early:
            self._tunnel.send(WSMsgType.BINARY, self._early)
        self.transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        if self._tunnel is not None:
            self._tunnel.send(WSMsgType.BINARY, data)
        else:
            self._early += data

    def pause_writing(self) -> None:
        if self._tunnel is not None:
            self._tunnel.underlying_transport.pause_reading()

    def resume_writing(self) -> None:
        if self._tunnel is not None:
            self._tunnel.underlying_transport.resume_reading()

    def connection_lost(self, error: Exception | None) -> None:
        if self._tunnel is not None:
            self._tunnel.send_close()
            self._tunnel.disconnect()


async def serve(manager: int) -> None:
    url = f"ws://127.0.0.1:{manager}{PATH}"
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Client(url), "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(serve(int(sys.argv[1])))
