"""Asking a gateway, whatever it is, to close a session's circuits (protocol 2.5, 7.8).

Both dialects are asked at once. ``/conf`` is never sent: it would give a secret to an address that
may be wrong, and replace a live configuration (design 7).
"""

import asyncio
from collections.abc import Iterable
from urllib.parse import quote

from wsproxy.client.calls import Calls
from wsproxy.core.address import Malformed, parse, shown
from wsproxy.core.deletion import (
    OUT_OF_TIME,
    Word,
    malformed_gateway,
    of_gateway,
    of_gateway_failure,
)
from wsproxy.core.failure import Failure
from wsproxy.core.wire import Version

Question = tuple[str, Version]
"""A session, by id or name, and the dialect in which to ask."""

_PATHS = {Version.V1: "/proxy", Version.V2: "/v2/proxy"}


class GatewayClient:
    """One gateway's address. Close it."""

    def __init__(self, address: str, *, verify_tls: bool = True) -> None:
        self._address = address.strip()
        self._parsed = parse(self._address)
        self._calls = Calls(verify_tls=verify_tls)

    def __repr__(self) -> str:
        return f"GatewayClient({shown(self._address)!r})"

    async def close(self) -> None:
        """Let go of the connections. Idempotent."""
        await self._calls.close()

    async def clean_up(
        self, questions: Iterable[Question], token: str, deadline: float
    ) -> dict[Question, Word]:
        """Close what is open; ends within ``deadline`` seconds. Each question has its answer."""
        asked = list(questions)
        if isinstance(self._parsed, Malformed):
            return dict.fromkeys(asked, malformed_gateway(self._parsed.why))
        words = await asyncio.gather(*(self._ask(one, token, deadline) for one in asked))
        return dict(zip(asked, words, strict=True))

    async def _ask(self, question: Question, token: str, deadline: float) -> Word:
        if deadline <= 0:
            return of_gateway_failure(OUT_OF_TIME)
        session, version = question
        path = f"{_PATHS[version]}/{quote(token, safe='')}/{quote(session, safe='')}/delete"
        said = await self._calls.get(self._address.rstrip("/") + path, deadline)
        if isinstance(said, Failure):
            return of_gateway_failure(said)
        return of_gateway(version, said.status, said.body)
