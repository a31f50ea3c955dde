"""A real gRPC app without generated code: every message is bytes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import grpc

ECHO, CHAT, WAIT = "/test.App/Echo", "/test.App/Chat", "/test.App/Wait"
SIZES = [("grpc.max_receive_message_length", 8 << 20)]
ONE_CHANNEL = [*SIZES, ("grpc.use_local_subchannel_pool", 1)]  # a connection of its own


class RpcApp:
    """``waiting``: a call has arrived at Wait; ``cancelled``: it was told that nobody waits."""

    def __init__(self) -> None:
        self.port = 0
        self.calls: list[str] = []
        self.metadata: list[dict[str, Any]] = []
        self.waiting = asyncio.Event()
        self.cancelled = asyncio.Event()

    async def echo(self, request: bytes, context: Any) -> bytes:
        self.calls.append(ECHO)
        self.metadata.append(dict(context.invocation_metadata()))
        context.set_trailing_metadata((("from-app", "yes"),))
        if request == b"fail":
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "as asked")
        return request

    async def chat(self, requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        self.calls.append(CHAT)
        async for request in requests:
            yield request[::-1]
        yield b"bye"

    async def wait(self, request: bytes, context: Any) -> bytes:
        self.calls.append(WAIT)
        self.waiting.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return b""


@contextlib.asynccontextmanager
async def rpc_app() -> AsyncIterator[RpcApp]:
    """A plaintext gRPC server on a port of its own."""
    app = RpcApp()
    handlers = {
        "Echo": grpc.unary_unary_rpc_method_handler(app.echo),
        "Chat": grpc.stream_stream_rpc_method_handler(app.chat),
        "Wait": grpc.unary_unary_rpc_method_handler(app.wait),
    }
    server = grpc.aio.server(options=SIZES)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.App", handlers),))
    app.port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield app
    finally:
        await server.stop(None)


@contextlib.asynccontextmanager
async def channel(port: int, roots: bytes = b"") -> AsyncIterator[Any]:
    """A client's connection; with ``roots`` over TLS."""
    place = f"127.0.0.1:{port}"
    if roots:
        credentials = grpc.ssl_channel_credentials(root_certificates=roots)
        made = grpc.aio.secure_channel(place, credentials, options=ONE_CHANNEL)
    else:
        made = grpc.aio.insecure_channel(place, options=ONE_CHANNEL)
    async with made:
        yield made
