"""One HTTP question to a gateway or coordinator; whatever happens, the result is a value."""

import asyncio
import ssl

import aiohttp
from aiohttp import hdrs
from yarl import URL

from wsproxy.core.failure import Failure
from wsproxy.manager.requests import CONNECT, Said, failure_of, read_answer, said_by
from wsproxy.net.resolver import LooseResolver

PARALLEL = 64
"""Connections at once to one address."""


class Calls:
    """Asks in JSON, follows no redirect, keeps no cookie. Close it."""

    def __init__(self, *, verify_tls: bool = True) -> None:
        self._verify = verify_tls
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Let go of the connections. Idempotent."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def get(self, url: str, deadline: float) -> Said | Failure:
        """``url`` is percent-encoded already; ``deadline`` in seconds covers everything."""
        return await self._ask(hdrs.METH_GET, url, deadline)

    async def put(self, url: str, document: object, deadline: float) -> Said | Failure:
        return await self._ask(hdrs.METH_PUT, url, deadline, document)

    async def _ask(
        self, method: str, url: str, deadline: float, document: object = None
    ) -> Said | Failure:
        try:
            async with (
                asyncio.timeout(deadline),
                self._connections().request(
                    method, URL(url, encoded=True), json=document, allow_redirects=False
                ) as response,
            ):
                body = await read_answer(response)
                return body if isinstance(body, Failure) else said_by(response, body)
        except (aiohttp.ClientError, TimeoutError, ssl.SSLError, OSError, ValueError) as error:
            return failure_of(error)

    def _connections(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    ssl=self._verify, limit_per_host=PARALLEL, resolver=LooseResolver()
                ),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT),
                headers={"Accept": "application/json"},
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
            )
        return self._session
