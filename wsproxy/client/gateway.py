"""Asking a gateway, whatever it is, to close a session's circuits (protocol 2.3, 2.5, 7.8).

Both dialects are asked, as clients of all ages do: is there anything, and if so, close it.
``/conf`` is never sent: it would give a secret to an address that may be wrong (design 7).
"""

import asyncio
import ssl
from urllib.parse import quote

import aiohttp
from yarl import URL

from wsproxy.core.deletion import (
    OUT_OF_TIME,
    CircuitsPart,
    Told,
    Word,
    circuits_part,
    of_gateway,
    of_gateway_failure,
)
from wsproxy.core.failure import Failure
from wsproxy.core.wire import Version
from wsproxy.manager.requests import failure_of, read_answer

_PATHS = {Version.V1: "/proxy", Version.V2: "/v2/proxy"}


class GatewayClient:
    """One gateway address and the token to show there. Close it."""

    def __init__(self, address: str, token: str, *, verify_tls: bool = True) -> None:
        self._base = address.rstrip("/")
        self._token = token
        self._verify = verify_tls
        self._session: aiohttp.ClientSession | None = None

    def __repr__(self) -> str:
        return f"GatewayClient({self._base!r})"

    async def close(self) -> None:
        """Let go of the connections. Idempotent."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def clean_up(self, session: str, deadline: float) -> CircuitsPart:
        """Close what the gateway has open for ``session``; ends within ``deadline`` seconds."""
        words = await asyncio.gather(
            *(self._within(version, session, deadline) for version in Version)
        )
        return circuits_part(words)

    async def _within(self, version: Version, session: str, deadline: float) -> Word:
        try:
            async with asyncio.timeout(deadline):
                return await self._ask(version, session)
        except TimeoutError:
            return of_gateway_failure(OUT_OF_TIME)

    async def _ask(self, version: Version, session: str) -> Word:
        path = f"{_PATHS[version]}/{quote(self._token, safe='')}/{quote(session, safe='')}"
        checked = await self._get(version, path)
        if checked.told is not Told.YES:
            return checked
        return await self._get(version, f"{path}/delete")

    async def _get(self, version: Version, path: str) -> Word:
        try:
            url = URL(self._base + path, encoded=True)
            async with self._connections().get(url, allow_redirects=False) as response:
                body = await read_answer(response)
        except (aiohttp.ClientError, TimeoutError, ssl.SSLError, OSError, ValueError) as error:
            return of_gateway_failure(failure_of(error))
        if isinstance(body, Failure):
            return of_gateway_failure(body)
        return of_gateway(version, response.status, body)

    def _connections(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=self._verify),
                timeout=aiohttp.ClientTimeout(total=None),  # the caller's deadline covers all
                headers={"Accept": "application/json"},
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
            )
        return self._session
