"""Which addresses a route may lead to (design 9, Targets).

Whoever may call ``/v2/conf`` chooses the address that the gateway then connects to, from its own
place in the network. So the machine itself and the services that every cloud machine trusts are no
targets unless the settings name them. Checked on the resolved address, the one connected to.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_network

from wsproxy.core.clientip import Address, Networks, parse_address, within
from wsproxy.core.problem import Problem

_METADATA: Networks = tuple(
    ip_network(text)
    for text in (
        "100.100.100.200/32",  # Alibaba Cloud
        "168.63.129.16/32",  # Azure
        "192.0.0.192/32",  # Oracle Cloud
        "fd00:ec2::254/128",  # AWS
        "fd20:ce::254/128",  # Google Cloud
    )
)
"""Metadata services outside the link-local networks (169.254.169.254 is inside)."""

_NAT64 = ip_network("64:ff9b::/96")  # RFC 6052: an IPv4 address in an IPv6 one


@dataclass(frozen=True, slots=True)
class Listening:
    """An address of our own; ``host`` as bound, so ``0.0.0.0`` or ``::`` for every address."""

    host: str
    port: int


def _elsewhere(address: Address) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class TargetRules:
    """``allowed``: only these networks, loopback too if one says so; empty: the default above.

    ``is_local`` knows the machine's own addresses: a listener bound to every address is found at
    each of them.
    """

    allowed: Networks = ()
    is_local: Callable[[Address], bool] = _elsewhere


def allowed_address(host: str, rules: TargetRules) -> bool:
    """Whether a route may lead to this IP address; what is no IP address may not."""
    address = parse_address(host)
    if address is None:
        return False
    address = _inside(address)
    if address.is_unspecified or address.is_multicast:
        return False
    if rules.allowed:
        return within(address, rules.allowed)
    return not (address.is_loopback or address.is_link_local or within(address, _METADATA))


def _inside(address: Address) -> Address:
    """The IPv4 address that a NAT64 address stands for."""
    if isinstance(address, IPv6Address) and address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def ours(host: str, port: int, listening: Iterable[Listening], rules: TargetRules) -> bool:
    """Whether ``host:port`` is one of our own listeners: a route to it would go in a circle."""
    address = parse_address(host)
    return address is not None and any(
        port == own.port and _reaches(_inside(address), own.host, rules) for own in listening
    )


def _reaches(address: Address, bound: str, rules: TargetRules) -> bool:
    own = parse_address(bound)
    if own is None:  # a name: most likely the machine's own
        return address.is_loopback or rules.is_local(address)
    if own.is_unspecified:
        return address.is_loopback or address.is_unspecified or rules.is_local(address)
    return address == own


def may_connect(host: str, port: int, listening: Iterable[Listening], rules: TargetRules) -> bool:
    """Whether a connection to this resolved address may be made, now."""
    return allowed_address(host, rules) and not ours(host, port, listening, rules)


def check_target(
    addresses: Iterable[str], port: int, listening: Iterable[Listening], rules: TargetRules
) -> Problem | None:
    """Whether a route may lead to a name with these addresses: each of them must be allowed.

    A name with one good and one bad address would be a way around the check, chosen at random.
    """
    own = tuple(listening)
    for host in addresses:
        if not allowed_address(host, rules):
            return Problem(
                "target-not-allowed",
                msg=f"{host} may not be the target of a route."
                " Add its network to `targets` in [v2] if it should be.",
            )
        if ours(host, port, own, rules):
            return Problem("target-not-allowed", msg=f"{host}:{port} is the gateway itself.")
    return None
