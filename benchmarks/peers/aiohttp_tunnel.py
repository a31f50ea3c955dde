"""A peer: the tunnel of v1 on aiohttp's WebSocket client. Argument: the manager's port."""

import asyncio
import sys

from aiohttp import ClientSession, WSMsgType

from wsproxy.cli.serve import loop_factory

CHUNK = 256 * 1024
PATH = "/stream/session/bench/httpproxy?app=bench"


class Tunnels:
    """A listener; each connection gets a WebSocket."""

    def __init__(self, session: ClientSession, manager: int) -> None:
        self._session = session
        self._url = f"http://127.0.0.1:{manager}{PATH}"

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with self._session.ws_connect(self._url, max_msg_size=0) as socket:

            async def up() -> None:
                while data := await reader.read(CHUNK):
                    await socket.send_bytes(data)
                await socket.close()

            async def down() -> None:
                async for message in socket:
                    if message.type is WSMsgType.BINARY:
                        writer.write(message.data)
                        await writer.drain()
                writer.close()

            async with asyncio.TaskGroup() as group:
                group.create_task(up())
                group.create_task(down())


async def serve(manager: int) -> None:
    async with ClientSession() as session:
        tunnels = Tunnels(session, manager)
        server = await asyncio.start_server(tunnels, "127.0.0.1", 0, limit=CHUNK)
        sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
        sys.stdout.flush()
        await server.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(serve(int(sys.argv[1])))
