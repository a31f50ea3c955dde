"""The control API as a protocol factory: the listener hands it connections (data.site.HandOver).

The listener has already read and checked the first head strictly; what aiohttp itself refuses on a
later request of the same connection must still be a problem document with the version header.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import hdrs, web
from aiohttp.http_exceptions import LineTooLong

from wsproxy.api.answers import problem_response
from wsproxy.core.framing import HeadLimits
from wsproxy.core.problem import Problem
from wsproxy.core.wire import SPEAKER_HEADER, VERSION_HEADER, Speaker, Version

KEEP_ALIVE = 30.0
"""Seconds an idle connection stays open (protocol 4.1)."""

LINGER = 2.0
"""Seconds in which the rest of a request is thrown away, so that its answer is not reset."""

STOPPING = 5.0
"""Seconds running handlers get when the API is closed."""


Handle = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class ApiServer:
    """Runs one application without a listener of its own.

    ``limits`` are the listener's: what passes its check of the first head passes here too.
    """

    def __init__(
        self, app: web.Application, version: Version, limits: HeadLimits | None = None
    ) -> None:
        self._runner = web.AppRunner(
            app,
            handle_signals=False,
            access_log=None,
            keepalive_timeout=KEEP_ALIVE,
            shutdown_timeout=STOPPING,
        )
        self._version = version
        self._limits = limits or HeadLimits()

    async def start(self) -> None:
        await self._runner.setup()
        server = self._runner.server
        assert server is not None
        server.request_handler = _unexpecting(server.request_handler)

    def protocol(self) -> asyncio.Protocol:
        """A protocol for one connection."""
        server = self._runner.server
        assert server is not None, "the API was not started"
        loop = asyncio.get_running_loop()
        return _Handler(self._version, self._limits, server, loop)

    async def close(self) -> None:
        """Let running requests finish for a moment, then end every connection."""
        await self._runner.cleanup()


def _unexpecting(handle: Handle) -> Handle:
    """Ignore what a client expects, but ``100-continue`` (RFC 9110 section 10.1.1 allows it).

    aiohttp answers it with 417 before any middleware, so without the version and CORS headers.
    """

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        expected = request.headers.get(hdrs.EXPECT, "100-continue")
        if expected.lower() != "100-continue":
            fields = request.headers.copy()
            fields.popall(hdrs.EXPECT)
            request = request.clone(headers=fields)
        return await handle(request)

    return answer


class _Handler(web.RequestHandler):
    __slots__ = ("_version",)

    def __init__(
        self,
        version: Version,
        limits: HeadLimits,
        server: web.Server,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        super().__init__(
            server,
            loop=loop,
            access_log=None,  # type: ignore[arg-type]  # None is how aiohttp's own runner says "off"
            keepalive_timeout=KEEP_ALIVE,
            lingering_time=LINGER,
            max_line_size=limits.head_bytes,
            max_field_size=limits.head_bytes,
            max_headers=limits.fields,
            auto_decompress=False,  # nobody compresses a few bytes of JSON, but for mischief
        )
        self._version = version

    def log_exception(self, *words: Any, **more: Any) -> None:
        """What aiohttp reports; an unread body that is framed wrongly is nobody's fault here."""
        if not isinstance(more.get("exc_info"), web.RequestPayloadError):
            super().log_exception(*words, **more)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """What aiohttp's parser refuses: a problem, and the connection is closed after it."""
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has begun; the client must see it cut")
        if status >= 500:
            self.log_exception("the control API failed", exc_info=exc)
            problem = Problem("internal-server-error")
        else:
            long = isinstance(exc, LineTooLong)
            problem = Problem("head-too-large" if long else "malformed-request")
        response = problem_response(problem, None, self._version)
        response.headers[VERSION_HEADER] = self._version.value
        response.headers[SPEAKER_HEADER] = Speaker.GATEWAY.value
        response.force_close()
        return response
