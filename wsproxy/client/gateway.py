"""Asking a gateway, whatever it is, to close a session's circuits (protocol 2.5, 7.8).

Both dialects are asked at once. ``/conf`` is never sent: it would give a secret to an address that
may be wrong, and replace a live configuration (design 7).
"""

import asyncio
from collections.abc import Sequence
from urllib.parse import quote

from wsproxy.client.calls import Calls
from wsproxy.core.address import Malformed, parse, shown
from wsproxy.core.deletion import (
    OUT_OF_TIME,
    CircuitsPart,
    Word,
    circuits_part,
    malformed_gateway,
    of_gateway,
    of_gateway_failure,
)
from wsproxy.core.failure import Failure
from wsproxy.core.wire import Version

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

    async def clean_up(self, sessions: Sequence[str], token: str, deadline: float) -> CircuitsPart:
        """Close what is open for a session, under all its names, within ``deadline`` seconds."""
        if isinstance(self._parsed, Malformed):
            return malformed_gateway(self._parsed.why)
        questions = [
            self._ask(version, session, token, deadline)
            for session in sessions
            for version in Version
        ]
        return circuits_part(await asyncio.gather(*questions))

    async def _ask(self, version: Version, session: str, token: str, deadline: float) -> Word:
        if deadline <= 0:
            return of_gateway_failure(OUT_OF_TIME)
        path = f"{_PATHS[version]}/{quote(token, safe='')}/{quote(session, safe='')}/delete"
        said = await self._calls.get(self._address.rstrip("/") + path, deadline)
        if isinstance(said, Failure):
            return of_gateway_failure(said)
        return of_gateway(version, said.status, said.body)
