"""Who the client is, and whether a list of addresses names it (protocol 7.1, design 5.3).

Addresses are compared in one form: an IPv4 address that arrives mapped into IPv6 (RFC 4291 section
2.5.5.2, on sockets that serve both) is the IPv4 address.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Networks = tuple[Network, ...]

LONGEST_LIST = 255
"""Characters of an ``allowed_client_ips`` list (protocol 5.3)."""

LOOPBACK = "127.0.0.1"
"""Stands for the peer of a UNIX socket: the file's permissions say who that may be."""

_FORWARDING = frozenset(
    {
        "forwarded",
        "via",
        "x-real-ip",
        "x-client-ip",
        "x-cluster-client-ip",
        "x-original-forwarded-for",
        "x-original-host",
        "x-envoy-external-address",
        "x-arr-clientip",
        "true-client-ip",
        "cf-connecting-ip",
        "fastly-client-ip",
    }
)


def passed_on(names: Iterable[str]) -> bool:
    """Whether a request with fields of these names came through somebody, whoever the peer is."""
    return any(
        name in _FORWARDING or name.startswith("x-forwarded") for name in map(str.lower, names)
    )


def parse_address(text: str) -> Address | None:
    """An address without port, zone or brackets; None when it is not one."""
    try:
        found = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return plain(found)


def plain(address: Address) -> Address:
    """An IPv4 address mapped into IPv6 as the IPv4 address; others as they are."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


@lru_cache(maxsize=4096)
def parse_network(text: str) -> Network:
    """``10.0.0.0/8``, ``::1``, ``192.168.1.5``; bits below the mask are ignored. ValueError."""
    network = ip_network(text, strict=False)
    if isinstance(network, IPv6Network) and network.prefixlen >= 96:
        mapped = network.network_address.ipv4_mapped
        if mapped is not None:
            return ip_network((mapped, network.prefixlen - 96), strict=False)
    return network


def parse_list(text: str) -> tuple[str, ...]:
    """The entries of an ``allowed_client_ips`` list, each checked; ValueError names a wrong one.

    An empty list means everybody. Upstream drops wrong entries, so that a list of nothing but
    mistakes lets everybody in (protocol 12); here the mistake is told.
    """
    if len(text) > LONGEST_LIST:
        raise ValueError(f"the list is longer than {LONGEST_LIST} characters")
    entries = tuple(entry.strip() for entry in text.split(",") if entry.strip())
    if text.strip() and not entries:
        raise ValueError("the list has no entry")
    for entry in entries:
        try:
            parse_network(entry)
        except ValueError:
            raise ValueError(f"{entry!r} is neither an IP address nor a network") from None
    return entries


def within(address: Address | None, networks: Iterable[Network]) -> bool:
    """Whether one of the networks contains the address; an unknown address is in none."""
    return address is not None and any(
        address.version == network.version and address in network for network in networks
    )


def may_use(client: Address | None, allowed: Sequence[str]) -> bool:
    """Whether a circuit's list admits the client; an empty list admits everybody."""
    return not allowed or within(client, map(parse_network, allowed))


def client_address(
    peer: str, forwarded_for: Sequence[str], trusted: Iterable[Network]
) -> Address | None:
    """The address of the client: the nearest hop that is not a trusted proxy.

    ``forwarded_for`` are the values of X-Forwarded-For in order. Entries are believed from the
    right, each only because the hop after it is trusted; if all are, the first one is the client.
    A trusted proxy that names something that is no address leaves the client unknown (None), and
    an unknown client is on no list.
    """
    networks = tuple(trusted)
    here = parse_address(peer or LOOPBACK)
    hops = [hop.strip() for value in forwarded_for for hop in value.split(",") if hop.strip()]
    while hops and within(here, networks):
        here = parse_address(_without_port(hops.pop()))
    return here


def _without_port(hop: str) -> str:
    """``1.2.3.4:56``, ``[::1]:56`` and ``"[::1]"`` without what is not the address."""
    hop = hop.strip('"')
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop
