"""What an app is told about the client: ``X-Forwarded-*`` and ``Forwarded`` (design 5.3).

A peer that is a trusted proxy is believed about those before it, and its list is appended to. From
anybody else these fields are dropped and written anew: they would let a client choose its address.
"""

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address

from wsproxy.core.heads import Peer, RawHeaders, RequestHead

Networks = tuple[IPv4Network | IPv6Network, ...]

PREFIX = b"x-forwarded-"
FORWARDED = b"forwarded"
"""How fields that claim something about the client are named, in lower case."""

SPELLINGS = (PREFIX, b"x_forwarded_", b"x-forwarded_", b"x_forwarded-")
"""Gateway interfaces of the CGI kind read ``-`` and ``_`` as one."""

_SET_HERE = frozenset({"for", "proto", "host", "port"})

LONGEST_NAME = 261
"""A name of 255 bytes and a port. What is longer is not remembered: strangers choose the Host."""


def claims_about_client(name: bytes) -> bool:
    """Whether a field (name in lower case) is of this family."""
    return name.startswith(SPELLINGS) or name == FORWARDED


def plain_address(host: str) -> str:
    """An IP address as people write it: without zone, and IPv4 where IPv6 only wraps it."""
    bare = host.partition("%")[0]
    if not bare.lower().startswith("::ffff:"):
        return bare
    mapped = IPv6Address(bare).ipv4_mapped
    return str(mapped) if mapped else bare


@lru_cache(maxsize=4096)
def is_trusted(host: str, networks: Networks) -> bool:
    """Whether the peer at ``host`` is one of the trusted proxies."""
    if not networks or not host:
        return False
    address = ip_address(plain_address(host))
    return any(address in network for network in networks)


@dataclass(frozen=True, slots=True)
class Seen:
    """How the client reached us, and the fields that say so."""

    proto: str
    host: str
    fields: RawHeaders


def seen_by_client(head: RequestHead, peer: Peer, trusted: bool) -> Seen:
    """The fields about the client, complete, for one request."""
    host = head.first(b"host")
    if not trusted:
        return (_remembered if len(host) <= LONGEST_NAME else _direct)(peer.host, peer.tls, host)
    proto = head.first(b"x-forwarded-proto").split(",")[0].strip().lower()
    proto = proto if proto in ("http", "https") else _proto(peer.tls)
    named = head.first(b"x-forwarded-host").split(",")[0].strip() or host
    port = head.first(b"x-forwarded-port").split(",")[0].strip()
    port = port if port.isdecimal() else _port(named, proto)
    chain = ", ".join([*head.values(b"x-forwarded-for"), plain_address(peer.host)])
    elements = ", ".join([*head.values(b"forwarded"), _element(peer.host, named, proto)])
    return Seen(proto, named, _fields(chain, proto, named, port, elements) + _others(head))


def _direct(peer_host: str, tls: bool, host: str) -> Seen:
    proto = _proto(tls)
    chain = plain_address(peer_host)
    element = _element(peer_host, host, proto)
    return Seen(proto, host, _fields(chain, proto, host, _port(host, proto), element))


_remembered = lru_cache(maxsize=4096)(_direct)


def _fields(chain: str, proto: str, host: str, port: str, elements: str) -> RawHeaders:
    named = (
        (b"X-Forwarded-For", chain),
        (b"X-Forwarded-Proto", proto),
        (b"X-Forwarded-Host", host),
        (b"X-Forwarded-Port", port),
        (b"Forwarded", elements),
    )
    return tuple((name, value.encode("latin-1")) for name, value in named if value)


def _others(head: RequestHead) -> RawHeaders:
    """Further fields of the family that a trusted proxy set, for example ``-Prefix``."""
    return tuple(
        pair
        for pair in head.headers
        if (name := pair[0].lower()).startswith(PREFIX)
        and name[len(PREFIX) :].decode("latin-1") not in _SET_HERE
    )


def _proto(tls: bool) -> str:
    return "https" if tls else "http"


def _port(host: str, proto: str) -> str:
    port = host.rpartition(":")[2] if ":" in host.rpartition("]")[2] else ""
    return port if port.isdecimal() else {"https": "443", "http": "80"}[proto]


def _element(peer_host: str, host: str, proto: str) -> str:
    """One element of ``Forwarded`` (RFC 7239 sections 4 and 6)."""
    address = plain_address(peer_host)
    node = f'"[{address}]"' if ":" in address else address or "unknown"
    named = f'host="{host}";' if ":" in host else f"host={host};" if host else ""
    return f"for={node};{named}proto={proto}"
