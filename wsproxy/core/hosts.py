"""Which Host fields are ours: the guard against DNS rebinding (design 9, Host).

A page of evil.example can make its own name resolve to 127.0.0.1; the browser then sends the page's
requests to us with ``Host: evil.example``. Names that can only mean us are let in, others are not.
"""

import re
from collections.abc import Iterable
from ipaddress import ip_address

_HOST = re.compile(r"(?:\[([0-9a-fA-F:.%]+)\]|([^:\[\]\s]+))(?::(\d{1,5}))?")


def host_name(field: str) -> str | None:
    """The name or address in a Host field, lower case, no brackets, no port; None: malformed.

    >>> host_name("LOCALHOST:5050"), host_name("[::1]:80"), host_name("a b")
    ('localhost', '::1', None)
    """
    match = _HOST.fullmatch(field.strip())
    if match is None:
        return None
    return (match[1] or match[2]).lower().rstrip(".")


def is_loopback(name: str) -> bool:
    """``localhost``, names below it (RFC 6761 section 6.3), and loopback addresses."""
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


class HostGuard:
    """``names`` are those of bind, advertise and ``hosts``; ``everywhere`` is true on loopback."""

    def __init__(self, names: Iterable[str], everywhere: bool) -> None:
        self._names = frozenset(name.lower() for name in names if name)
        self._everywhere = everywhere

    def allows(self, field: str, insists: bool) -> bool:
        """Whether to serve a request with this Host field; ``insists`` is true on v1 routes."""
        if not (insists or self._everywhere):
            return True
        name = host_name(field)
        return name is not None and (is_loopback(name) or name in self._names)
