"""A parsed HTTP/1 request head as a plain value: what decisions look at.

Header lists stay lists (design 5.1): repeated fields survive, in order, with the bytes the client
sent. Names keep their spelling; look-ups ignore case.
"""

from dataclasses import dataclass
from typing import NamedTuple

RawHeaders = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is at the other end of an accepted socket. ``host`` is an IP address, or "" (UNIX)."""

    host: str
    port: int = 0
    tls: bool = False


class RequestHead(NamedTuple):
    """Request line and fields. ``target`` is exactly what was sent (RFC 9112 section 3.2).

    (One is made for every request; a tuple costs a third of a frozen dataclass.)
    """

    method: str
    target: str
    headers: RawHeaders
    http_version: str = "1.1"

    def values(self, name: bytes) -> list[str]:
        """All values of a field, in order; ``name`` in lower case."""
        return [v.decode("latin-1") for k, v in self.headers if k.lower() == name]

    def first(self, name: bytes, default: str = "") -> str:
        """The first value of a field, or ``default``; ``name`` in lower case."""
        for key, value in self.headers:
            if key.lower() == name:
                return value.decode("latin-1")
        return default

    @property
    def path(self) -> str:
        """Without the query; of a target in absolute form what follows the authority."""
        path = self.target.partition("?")[0]
        if path.startswith("/"):
            return path
        scheme, found, rest = path.partition("://")
        return "/" + rest.partition("/")[2] if found else scheme

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]
