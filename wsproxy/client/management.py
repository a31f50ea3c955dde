"""A gateway's open circuits, seen and closed from outside (protocol 6.1)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import aiohttp
from yarl import URL

from wsproxy.core.strangers import line, parsed, problem_slug

DEADLINE = 10.0
"""Seconds for one question."""

LIMIT = 64 << 20
"""Bytes of an answer that are read: about fifty thousand circuits."""

Row = Mapping[str, Any]


class Unreachable(Exception):
    """Nothing answers there; the message says what happened."""


@dataclass(frozen=True, slots=True)
class NotAnswered(Exception):
    """Something answers, but not what was asked for. ``code`` is the problem's, or ""."""

    status: int
    code: str
    title: str

    def __str__(self) -> str:
        return self.title or f"the answer was {self.status}"


class GatewayCircuits:
    """Asks one gateway: its admin port, or its control API with the api-secret as ``token``."""

    def __init__(self, gateway: URL, token: str = "") -> None:
        self._gateway = gateway
        self._headers = {"Accept": "application/json"}
        if token:
            self._headers["X-BackendAI-Token"] = token
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            headers=self._headers,
            timeout=aiohttp.ClientTimeout(total=DEADLINE),
            trust_env=False,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def listing(self) -> list[Row]:
        """All open circuits with what they carry; raises ``Unreachable`` or ``NotAnswered``."""
        document = await self._ask("GET", "/api/circuits")
        rows = document.get("circuits") if isinstance(document, dict) else None
        if not isinstance(rows, list):
            raise NotAnswered(200, "", "this is no list of circuits; is it a wsproxy?")
        return [row for row in rows if isinstance(row, dict)]

    async def close(self, circuit_id: str) -> bool:
        """Close one; False when it was gone already. Raises as ``listing`` does."""
        try:
            await self._ask("DELETE", f"/api/circuit/{circuit_id}")
        except NotAnswered as answer:
            if answer.code != "object-not-found":
                raise
            return False
        return True

    async def _ask(self, method: str, path: str) -> object:
        assert self._session is not None, "use it as an async context manager"
        url = self._gateway / path.lstrip("/")
        try:
            async with self._session.request(method, url, allow_redirects=False) as response:
                body = await _body(response)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unreachable(line(error) or type(error).__name__) from None
        document = parsed(body)
        if response.status != 200:
            raise NotAnswered(response.status, problem_slug(document), _title(document))
        return document


async def _body(response: aiohttp.ClientResponse) -> bytes:
    """The body, up to a limit: what answers there may be anything."""
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > LIMIT:
            raise NotAnswered(response.status, "", "the answer has no end; is it a wsproxy?")
    return bytes(body)


def _title(document: object) -> str:
    if not isinstance(document, dict):
        return ""
    return line(document.get("title") or "")
