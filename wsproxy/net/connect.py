"""Opening a connection: resolve, check the address, connect, under one deadline.

The only place where errors of the operating system become failures of ours.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from ipaddress import ip_address
from itertools import chain, zip_longest
from typing import Any

from wsproxy.core.failure import Failure, FailureKind, Side
from wsproxy.net.sockets import tune
from wsproxy.net.tasks import Tasks

UNIX = "unix:"
"""Prefix of a host that is the path of a UNIX socket."""

Factory = Callable[[], asyncio.Protocol]
Connected = tuple[asyncio.Transport, asyncio.Protocol]


@dataclass(frozen=True, slots=True)
class ConnectRules:
    """How to connect.

    ``deadline``: seconds for everything, name and TLS included. ``allow``: asked with each resolved
    address; the address that was checked is the one connected to. ``tls``: the context, or None for
    plain TCP; ``server_name``: the name in the certificate when it is not the host. ``side``: whose
    fault a failure is.
    """

    deadline: float = 5.0
    allow: Callable[[str], bool] | None = None
    tls: ssl.SSLContext | None = None
    server_name: str = ""
    side: Side = Side.APP
    stagger: float = 0.25


async def connect(
    host: str, port: int, factory: Factory, rules: ConnectRules
) -> Connected | Failure:
    """Connect to ``host`` (name, address, ``unix:/path``, or "" for this machine)."""
    attempt = _Attempt(host or "localhost", port, factory, rules)
    try:
        async with asyncio.timeout(rules.deadline):
            return await attempt.run()
    except (OSError, ValueError, OverflowError) as error:
        return _failure(error, attempt, rules)


class _Attempt:
    """One call of ``connect``."""

    def __init__(self, host: str, port: int, factory: Factory, rules: ConnectRules) -> None:
        self._host = host
        self._port = port
        self._factory = factory
        self._rules = rules
        self._loop = asyncio.get_running_loop()
        self.resolved = False

    def __str__(self) -> str:
        host = f"[{self._host}]" if ":" in self._host else self._host
        return self._host if self._host.startswith(UNIX) else f"{host}:{self._port}"

    async def run(self) -> Connected | Failure:
        if self._host.startswith(UNIX):
            self.resolved = True
            return await self._loop.create_unix_connection(
                self._factory, self._host.removeprefix(UNIX)
            )
        addresses = await self._addresses()
        self.resolved = True
        allow = self._rules.allow
        allowed = addresses if allow is None else [one for one in addresses if allow(one)]
        if not allowed:
            detail = f"The address of {self._host} is not allowed as a target."
            return Failure(FailureKind.TARGET_NOT_ALLOWED, Side.GATEWAY, detail)
        if len(allowed) == 1:
            return await self._open(allowed[0])
        return await self._race(_interleaved(allowed))

    async def _addresses(self) -> list[str]:
        try:
            return [str(ip_address(self._host))]
        except ValueError:
            pass
        found = await self._loop.getaddrinfo(
            self._host, self._port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP
        )
        return list(dict.fromkeys(str(info[4][0]) for info in found))

    async def _open(self, address: str) -> Connected:
        tls = self._rules.tls
        name = (self._rules.server_name or self._host) if tls else None
        transport, protocol = await self._loop.create_connection(
            self._factory, address, self._port, ssl=tls, server_hostname=name
        )
        tune(transport)
        return transport, protocol

    async def _race(self, addresses: list[str]) -> Connected:
        """Each address gets a head start before the next is tried too (RFC 8305 section 5)."""
        tasks = Tasks("connect")
        started: list[asyncio.Task[Connected | OSError]] = []
        winner: Connected | None = None
        try:
            for number, address in enumerate(addresses, start=1):
                started.append(tasks.start(_quietly(self._open(address)), address))
                last = number == len(addresses)
                if winner := await _first(started, None if last else self._rules.stagger):
                    return winner
            raise _errors(started)[-1]
        finally:
            await tasks.close()
            for task in started:
                _discard(task, winner)


async def _quietly(opening: Coroutine[Any, Any, Connected]) -> Connected | OSError:
    """The error as a value: it is only told when every address has failed."""
    try:
        return await opening
    except OSError as error:
        return error


async def _first(
    started: list[asyncio.Task[Connected | OSError]], wait: float | None
) -> Connected | None:
    """The first connection; None when the time is over, or when all that was started failed."""
    loop = asyncio.get_running_loop()
    until = None if wait is None else loop.time() + wait
    while running := [task for task in started if not task.done()]:
        left = None if until is None else max(0.0, until - loop.time())
        done, _ = await asyncio.wait(running, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        if not done:
            break
        for task in done:
            outcome = task.result()
            if not isinstance(outcome, OSError):
                return outcome
    return None


def _errors(started: list[asyncio.Task[Connected | OSError]]) -> list[OSError]:
    outcomes = (task.result() for task in started)
    return [outcome for outcome in outcomes if isinstance(outcome, OSError)]


def _discard(task: asyncio.Task[Connected | OSError], winner: Connected | None) -> None:
    """Close a connection that came too late."""
    if task.cancelled():
        return
    outcome = task.result()
    if not isinstance(outcome, OSError) and outcome is not winner:
        outcome[0].abort()


def _interleaved(addresses: list[str]) -> list[str]:
    """Families by turns, starting with the one the resolver put first (RFC 8305 section 4)."""
    first = [one for one in addresses if (":" in one) == (":" in addresses[0])]
    other = [one for one in addresses if (":" in one) != (":" in addresses[0])]
    pairs = zip_longest(first, other)
    return [one for one in chain.from_iterable(pairs) if one is not None]


_KINDS: tuple[tuple[type[Exception], FailureKind, str], ...] = (
    (ssl.SSLError, FailureKind.TLS, "TLS with {} failed."),
    (socket.gaierror, FailureKind.UNRESOLVABLE, "{} has no address."),
    (UnicodeError, FailureKind.UNRESOLVABLE, "{} is not a valid name."),
    (ConnectionRefusedError, FailureKind.REFUSED, "{} refuses connections."),
    (FileNotFoundError, FailureKind.REFUSED, "{} does not exist."),
    (ConnectionError, FailureKind.REFUSED, "{} closed the connection at once."),
    (TimeoutError, FailureKind.CONNECT_TIMEOUT, "{} did not accept a connection in time."),
    (OSError, FailureKind.UNREACHABLE, "{} cannot be reached."),
)


def _failure(error: Exception, attempt: _Attempt, rules: ConnectRules) -> Failure:
    """The one mapping from errors of the system to failures of ours."""
    if isinstance(error, TimeoutError) and not attempt.resolved:
        error = socket.gaierror("the resolver did not answer in time")
    for kind, failure, detail in _KINDS:
        if isinstance(error, kind):
            return Failure(failure, rules.side, detail.format(attempt))
    return Failure(FailureKind.UNREACHABLE, rules.side, f"{attempt} is not a valid address.")
