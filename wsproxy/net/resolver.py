"""Names for aiohttp's clients, looked up in threads that nobody has to wait for.

aiohttp's own resolver uses the loop's executor, and a loop does not end before its executor is
idle: one name server that is silent would hold a command for half a minute after its work is done,
and take the threads that other names need.
"""

import socket

from aiohttp.abc import AbstractResolver, ResolveResult

from wsproxy.net.asking import Resolver, resolve


class LooseResolver(AbstractResolver):
    """Raises ``OSError`` for a name without an address; leaving while it works costs nothing."""

    def __init__(self, lookup: Resolver = resolve) -> None:
        self._lookup = lookup

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of ``host``, those of ``family`` alone unless it is ``AF_UNSPEC``."""
        found = [
            ResolveResult(
                hostname=host,
                host=_numeric(where),
                port=port,
                family=kind,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for kind, where in await self._lookup(host, port)
            if family in (socket.AF_UNSPEC, kind)
        ]
        if not found:
            raise OSError(None, "the name has no address")
        return found

    async def close(self) -> None:
        """Nothing to close: threads end with their answers."""


def _numeric(where: tuple[str, int] | tuple[str, int, int, int]) -> str:
    """The address as text; a link-local one of IPv6 needs its interface (RFC 4007 section 11)."""
    scope = where[3] if len(where) == 4 else 0
    return f"{where[0]}%{scope}" if scope else where[0]
