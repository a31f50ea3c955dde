"""Listening sockets: which addresses a host stands for, and why a port cannot be had.

The sockets are made by hand so that their protocol number is TCP's: asyncio leaves Nagle's
algorithm on for connections accepted from any other.
"""

import asyncio
import errno
import socket
import sys
from ipaddress import ip_address

LOOPBACK = ("127.0.0.1", "::1")

BACKLOG = 1024
"""Connections that may wait to be accepted."""

_TRIES = 16
"""How often another free port is tried when the first address has it and the second has not."""


class PortTaken(Exception):
    """Nobody can listen there; the text says why."""


async def addresses_of(host: str) -> tuple[str, ...]:
    """The addresses to listen on: a list with commas, "localhost" for both loopbacks, "" for all.

    >>> import asyncio; asyncio.run(addresses_of("127.0.0.1,::1"))
    ('127.0.0.1', '::1')
    """
    if "," in host:
        return tuple(one.strip() for one in host.split(","))
    if host in ("", "localhost"):
        return LOOPBACK if host else ("::",)
    try:
        return (str(ip_address(host.strip("[]"))),)
    except ValueError:
        pass
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        raise PortTaken(f"{host} has no address.") from error
    return tuple(dict.fromkeys(str(info[4][0]) for info in found))


async def listen(host: str, port: int) -> list[socket.socket]:
    """Bound sockets, the same port on every address of ``host``; port 0 takes any free one.

    On a machine without IPv6 what stands for both families is its IPv4 part. Raises
    ``PortTaken``.
    """
    addresses = await addresses_of(host)
    for attempt in range(_TRIES):
        try:
            return _bind_all(addresses, port, optional=not host or addresses == LOOPBACK)
        except PortTaken:
            if port or len(addresses) == 1 or attempt == _TRIES - 1:
                raise
    raise AssertionError("the last attempt raises")


def _bind_all(addresses: tuple[str, ...], port: int, *, optional: bool) -> list[socket.socket]:
    sockets: list[socket.socket] = []
    try:
        for address in addresses:
            if optional and ":" in address and not has_ipv6():
                address = "0.0.0.0" if address == "::" else ""
            if address:
                sockets.append(_bind(address, port))
                port = sockets[0].getsockname()[1]
    except BaseException:
        for sock in sockets:
            sock.close()
        raise
    return sockets


def has_ipv6() -> bool:
    """Whether this machine can bind the IPv6 loopback address."""
    if not socket.has_ipv6:
        return False
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return False
    return True


_WHY = {
    errno.EADDRINUSE: "Port {port} on {address} is in use.",
    errno.EACCES: "Port {port} needs rights that this process does not have.",
    errno.EADDRNOTAVAIL: "{address} is no address of this machine.",
}


def _bind(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if sys.platform != "win32":  # there the option would let two processes share a port
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, address != "::")
        sock.bind((address, port))
        sock.listen(BACKLOG)
        sock.setblocking(False)
    except (OSError, OverflowError) as error:
        sock.close()
        reason = _WHY.get(getattr(error, "errno", 0) or 0, "Port {port} on {address}: {error}.")
        raise PortTaken(reason.format(port=port, address=address, error=error)) from error
    return sock
