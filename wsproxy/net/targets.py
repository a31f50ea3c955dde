"""Whether a route may lead somewhere, asked early, so that who announces it learns of it.

The address counts again when it is connected to (``net.connect``): a name may change.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from ipaddress import ip_address

from wsproxy.core.problem import Problem
from wsproxy.core.targets import Listening, TargetRules, check_target

Resolve = Callable[[str, int], Awaitable[tuple[str, ...]]]
"""The addresses of a name, as a connection would find them; empty when it has none (now)."""

RESOLVER_DEADLINE = 1.0
"""Seconds. A name that is not found in time is judged when it is connected to."""

Place = tuple[str, int]


async def resolve(host: str, port: int) -> tuple[str, ...]:
    """The system's resolver. It also knows spellings like ``127.1`` and ``0x7f000001``."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(RESOLVER_DEADLINE):
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return ()
    return tuple(dict.fromkeys(str(info[4][0]) for info in found))


@dataclass(frozen=True, slots=True)
class TargetCheck:
    """``listening`` gives our own listeners with a port, as of now."""

    rules: TargetRules
    listening: Callable[[int], Iterable[Listening]]
    resolve: Resolve = field(default=resolve)

    async def problem(self, host: str, port: int) -> Problem | None:
        """403 ``target-not-allowed``, or None."""
        addresses = _literal(host)
        if addresses is None:
            addresses = await self.resolve(host, port)
        return check_target(addresses, port, self.listening(port), self.rules)

    async def first_problem(self, places: Iterable[Place]) -> Problem | None:
        """Of several, asked at once; each place once."""
        asked = (self.problem(host, port) for host, port in dict.fromkeys(places))
        return next((one for one in await asyncio.gather(*asked) if one is not None), None)


def _literal(host: str) -> tuple[str, ...] | None:
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return (host,)
