"""Every request that reached the simulated installation, for tests to look at."""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from aiohttp import hdrs, web
from multidict import CIMultiDictProxy


@dataclass(slots=True)
class Recorded:
    """One request. ``pings``: WebSocket pings received; ``status`` 0 until it was answered."""

    server: str
    method: str
    target: str  # path and query exactly as sent
    headers: CIMultiDictProxy[str]
    body: bytes = b""
    status: int = 0
    pings: int = 0

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]


class Record:
    """All requests, oldest first."""

    def __init__(self) -> None:
        self.requests: list[Recorded] = []
        self._waiting: set[asyncio.Event] = set()

    def of(self, method: str, path_part: str, server: str = "manager") -> list[Recorded]:
        """Those of a server with that method whose path contains ``path_part``."""
        return [
            request
            for request in self.requests
            if request.server == server and request.method == method and path_part in request.path
        ]

    def changed(self) -> None:
        """Wake up whoever waits in ``until``."""
        for event in self._waiting:
            event.set()

    async def until(self, condition: Callable[[], bool], deadline: float = 10.0) -> None:
        """Wait until ``condition`` holds; looked at whenever something was recorded."""
        event = asyncio.Event()
        self._waiting.add(event)
        try:
            async with asyncio.timeout(deadline):
                while not condition():
                    event.clear()
                    await event.wait()
        finally:
            self._waiting.discard(event)


_current: ContextVar[Recorded] = ContextVar("recorded")


def current() -> Recorded:
    """What was recorded of the request that is being served."""
    return _current.get()


def recording(record: Record, server: str) -> Callable[..., Awaitable[web.StreamResponse]]:
    """A middleware that records; the outermost one."""

    @web.middleware
    async def middleware(request: web.Request, handler: Any) -> web.StreamResponse:
        body = b"" if hdrs.UPGRADE in request.headers else await request.read()
        seen = Recorded(server, request.method, request.raw_path, request.headers, body)
        record.requests.append(seen)
        _current.set(seen)
        record.changed()
        response = await handler(request)
        assert isinstance(response, web.StreamResponse)
        seen.status = response.status
        record.changed()
        return response

    return middleware
