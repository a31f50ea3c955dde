"""A peer: what a proxy made of aiohttp's server and client costs. Arguments: the app's port."""

import asyncio
import sys

from aiohttp import ClientSession, DummyCookieJar, TCPConnector, web

from wsproxy.cli.serve import loop_factory

HOP_BY_HOP = frozenset({"connection", "keep-alive", "te", "transfer-encoding", "upgrade"})
CHUNK = 256 * 1024


class Handler:
    def __init__(self, session: ClientSession, base: str) -> None:
        self._session = session
        self._base = base

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        fields = [(n, v) for n, v in request.headers.items() if n.lower() not in HOP_BY_HOP]
        body = request.content if request.body_exists else None
        url = self._base + request.raw_path
        async with self._session.request(
            request.method, url, headers=fields, data=body, allow_redirects=False
        ) as answer:
            response = web.StreamResponse(status=answer.status, reason=answer.reason)
            for name, value in answer.headers.items():
                if name.lower() not in HOP_BY_HOP:
                    response.headers.add(name, value)
            await response.prepare(request)
            async for chunk in answer.content.iter_any():
                await response.write(chunk)
            await response.write_eof()
            return response


async def serve(app_port: int) -> None:
    connector = TCPConnector(limit=0)
    async with ClientSession(
        connector=connector, cookie_jar=DummyCookieJar(), auto_decompress=False
    ) as session:
        server = web.Server(Handler(session, f"http://127.0.0.1:{app_port}"))
        listening = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
        sys.stdout.write(f"{listening.sockets[0].getsockname()[1]}\n")
        sys.stdout.flush()
        await listening.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(serve(int(sys.argv[1])))
