"""Asks an address once, under one deadline, and says what was seen there (design 3).

Resolve, connect, TLS, head and body share the deadline; which of them it caught is part of the
result. Nothing is raised but cancellation, and nothing stays open. This is not ``net.connect``:
that one serves traffic and needs one outcome, here each step must be told from the others, and a
resolver that hangs must not be waited for when the command ends.
"""

import asyncio
import os
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from wsproxy import __version__
from wsproxy.core.address import Address
from wsproxy.core.version import Fault, Trouble
from wsproxy.net.listening import Heard, Listener, tls_reason

SECOND_LOOK = 0.25
"""Part of the deadline for the question whether the address means the other of HTTP and HTTPS."""

UNFINISHED = Fault(Trouble.SILENT, "it accepts the connection, and no answer is complete")
UNGREETED = Fault(Trouble.SILENT, "it accepts the connection, and no TLS handshake is complete")

Where = tuple[int, Any]
"""Address family and socket address."""

Resolver = Callable[[str, int], Awaitable[Sequence[Where]]]
"""Raises ``OSError`` when the name has no address."""


async def resolve(host: str, port: int) -> Sequence[Where]:
    """The system's resolver, in a thread that nobody has to wait for: it cannot be interrupted."""
    with suppress(OSError, UnicodeError):
        return _lookup(host, port, socket.AI_NUMERICHOST)
    loop = asyncio.get_running_loop()
    found: asyncio.Future[Sequence[Where]] = loop.create_future()

    def settle(result: Sequence[Where] | OSError) -> None:
        if found.done():
            return
        if isinstance(result, OSError):
            found.set_exception(result)
        else:
            found.set_result(result)

    def work() -> None:
        try:
            result: Sequence[Where] | OSError = _lookup(host, port)
        except (OSError, UnicodeError) as error:
            result = error if isinstance(error, OSError) else OSError(str(error))
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(settle, result)

    threading.Thread(target=work, name=f"resolve {host}", daemon=True).start()
    return await found


def _lookup(host: str, port: int, flags: int = 0) -> Sequence[Where]:
    infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    return [(family, where) for family, _, _, _, where in infos]


@dataclass(frozen=True, slots=True)
class AskRules:
    """``deadline`` in seconds, for everything. ``trust``: None is the system's authorities."""

    deadline: float = 2.0
    resolver: Resolver = resolve
    trust: ssl.SSLContext | None = None


class Asker:
    """Sends ``GET`` to addresses. Holds no connection between two questions."""

    def __init__(self, rules: AskRules | None = None) -> None:
        self._rules = rules or AskRules()
        self._trust = self._rules.trust
        self._reserve = self._rules.deadline * SECOND_LOOK

    async def ask(self, address: Address, path: str = "/status", whole: bool = False) -> Heard:
        """What is heard below ``address`` at ``path``; redirects are not followed.

        ``whole``: the bodies of error answers are wanted too.
        """
        ends = asyncio.get_running_loop().time() + self._rules.deadline
        where = await self._resolved(address, ends)
        if isinstance(where, Fault):
            return where
        heard = await self._question(where, address, path, ends, whole)
        if address.tls:
            return await self._or_plain(heard, where, address, path, ends)
        soon = min(ends, asyncio.get_running_loop().time() + self._reserve)
        if _hung_up(heard) and await _speaks_tls(where, soon):
            return Fault(Trouble.TLS, "a TLS server listens there")
        return heard

    async def _question(
        self,
        where: Sequence[Where],
        address: Address,
        path: str,
        ends: float,
        whole: bool = False,
    ) -> Heard:
        sock = await _connected(where, ends)
        if isinstance(sock, Fault):
            return sock
        listener = Listener(whole)
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_connection(lambda: listener, sock=sock)
        try:
            if address.tls:
                greeted = await self._greeted(transport, listener, address.host, ends)
                if isinstance(greeted, Fault):
                    return greeted
                transport = greeted
            async with asyncio.timeout_at(ends):
                transport.write(self._request(address, path))
                return await listener.heard
        except TimeoutError:
            return UNFINISHED
        finally:
            await _hang_up(transport)

    async def _greeted(
        self, transport: asyncio.Transport, listener: Listener, host: str, ends: float
    ) -> asyncio.Transport | Fault:
        """The TLS handshake; it ends early enough for a second look."""
        try:
            async with asyncio.timeout_at(ends - self._reserve):
                return await _secured(transport, listener, self._context(), host)
        except TimeoutError:
            return UNGREETED
        except (OSError, ValueError) as error:  # ValueError: a name that no certificate can have
            return Fault(Trouble.TLS, tls_reason(error))

    async def _or_plain(
        self, heard: Heard, where: Sequence[Where], address: Address, path: str, ends: float
    ) -> Heard:
        """Plain servers may wait for the end of what TLS sent them: ask those in plain text."""
        if heard != UNGREETED:
            return heard
        plain = replace(address, scheme="http", userinfo="")
        if isinstance(await self._question(where, plain, path, ends), Fault):
            return heard
        return Fault(Trouble.TLS, "a plain HTTP server listens there")

    async def _resolved(self, address: Address, ends: float) -> Sequence[Where] | Fault:
        try:
            async with asyncio.timeout_at(ends):
                found = await self._rules.resolver(address.host, address.port)
        except TimeoutError:
            return Fault(Trouble.UNRESOLVABLE, "the resolver gives no answer in time")
        except OSError as error:
            return Fault(Trouble.UNRESOLVABLE, (error.strerror or str(error)).lower())
        return found or Fault(Trouble.UNRESOLVABLE, "the name has no address")

    def _context(self) -> ssl.SSLContext:
        """Loaded once, when first needed: reading the system's authorities takes a moment."""
        if self._trust is None:
            self._trust = ssl.create_default_context()
        return self._trust

    def _request(self, address: Address, path: str) -> bytes:
        fields = [
            ("Host", address.authority),
            ("Accept", "application/json"),
            ("User-Agent", f"wsproxy/{__version__}"),
            ("Connection", "close"),
        ]
        if address.credentials:
            fields.append(("Authorization", address.credentials))
        lines = [f"GET {address.path}{path} HTTP/1.1", *(f"{k}: {v}" for k, v in fields), "", ""]
        return "\r\n".join(lines).encode("latin-1")


def _hung_up(heard: Heard) -> bool:
    """Somebody accepted the connection and ended it without a word."""
    return isinstance(heard, Fault) and heard.connected


async def _speaks_tls(where: Sequence[Where], ends: float) -> bool:
    """Many TLS servers close without a word when they get plain HTTP: greet them in TLS."""
    sock = await _connected(where, ends)
    if isinstance(sock, Fault):
        return False
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # who it is does not matter here
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_connection(asyncio.Protocol, sock=sock)
    try:
        async with asyncio.timeout_at(ends):
            transport = await _secured(transport, protocol, context, None)
        return True
    except ssl.SSLError as error:
        return "ALERT" in (getattr(error, "reason", None) or "")
    except (OSError, TimeoutError):
        return False
    finally:
        await _hang_up(transport)


async def _secured(
    transport: asyncio.Transport,
    protocol: asyncio.BaseProtocol,
    context: ssl.SSLContext,
    name: str | None,
) -> asyncio.Transport:
    loop = asyncio.get_running_loop()
    secured = await loop.start_tls(transport, protocol, context, server_hostname=name)
    if secured is None:  # the peer left at once
        raise ConnectionResetError("the connection was closed during the handshake")
    return secured


async def _connected(where: Sequence[Where], ends: float) -> socket.socket | Fault:
    """A connection to one of the addresses, in their order; each gets its part of the time."""
    loop = asyncio.get_running_loop()
    faults: list[Fault] = []
    for position, (family, target) in enumerate(where):
        now = loop.time()
        try:
            async with asyncio.timeout_at(now + (ends - now) / (len(where) - position)):
                return await _attempt(family, target)
        except TimeoutError:
            faults.append(Fault(Trouble.SILENT, "the connection attempt gets no answer"))
        except OSError as error:
            words = os.strerror(error.errno) if error.errno else str(error)
            faults.append(Fault(Trouble.REFUSED, words.lower()))
    return next((fault for fault in faults if fault.trouble is Trouble.SILENT), faults[0])


async def _attempt(family: int, target: Any) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, target)
    except BaseException:
        sock.close()
        raise
    return sock


async def _hang_up(transport: asyncio.Transport) -> None:
    """Close at once; the transport lets go of its socket in the next round of the loop."""
    transport.abort()
    await asyncio.sleep(0)
