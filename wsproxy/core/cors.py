"""Cross-origin answers of the control API (design 9, CORS; protocol 2.7, 5.5; Fetch section 3.2).

Every answer says something, errors included: a browser that may not read an error shows its user
"Failed to fetch" and nothing else. ``*`` is never combined with credentials.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from yarl import URL

from wsproxy.core import hosts

Pairs = tuple[tuple[str, str], ...]

MAX_AGE = "86400"
"""Seconds a preflight may be remembered; browsers cap it themselves."""

_VARY: Pairs = (("Vary", "Origin"),)


@dataclass(frozen=True, slots=True)
class Preflight:
    """What an OPTIONS request with ``Access-Control-Request-Method`` asks.

    ``headers`` is the raw Access-Control-Request-Headers field; ``private`` whether the page wants
    to reach a more private network than its own.
    """

    methods: Sequence[str]  # of the endpoint
    headers: str = ""
    private: bool = False


@dataclass(frozen=True, slots=True)
class Origins:
    """Origins by the settings, exact strings. ``loopback``: pages of this machine count too."""

    listed: frozenset[str] = frozenset()
    loopback: bool = False

    def allow(self, origin: str) -> bool:
        """Whether the page of this origin may use credentials. ``null`` only if it is listed."""
        return origin in self.listed or (self.loopback and is_loopback(origin))


def is_loopback(origin: str) -> bool:
    """A page of this machine, or of the desktop app (protocol 2.7).

    >>> is_loopback("https://x.localhost:1355"), is_loopback("https://localhost.evil.example")
    (True, False)
    """
    if origin == "es6://app":
        return True
    try:
        host = URL(origin).host or ""
    except ValueError:
        return False
    return hosts.is_loopback(host)


def cors_headers(
    kind: str, origin: str | None, origins: Origins, preflight: Preflight | None = None
) -> Pairs:
    """The fields of one answer. ``kind`` is a name of ``api.endpoint.Cors``.

    ``admin`` has none: no page of another origin has business there.
    """
    if kind == "open":
        return _open(preflight)
    if kind == "admin":
        return ()
    if origin is not None and origins.allow(origin):
        return _credentialed(origin, preflight)
    return _VARY if kind == "v1" else (*_open(preflight), *_VARY)


def _open(preflight: Preflight | None) -> Pairs:
    allow: Pairs = (("Access-Control-Allow-Origin", "*"),)
    if preflight is None:
        return (*allow, ("Access-Control-Expose-Headers", "*"))
    asked = (("Access-Control-Allow-Headers", _named(preflight.headers)),)
    return (*allow, *asked, *_asked_first(preflight))


def _credentialed(origin: str, preflight: Preflight | None) -> Pairs:
    allow: Pairs = (
        ("Access-Control-Allow-Origin", origin),
        ("Access-Control-Allow-Credentials", "true"),
        *_VARY,
    )
    if preflight is None:
        return allow
    asked = (("Access-Control-Allow-Headers", _named(preflight.headers)),)
    return (*allow, *asked, *_asked_first(preflight))


def _asked_first(preflight: Preflight) -> Pairs:
    pairs: Pairs = (
        ("Access-Control-Allow-Methods", ", ".join(preflight.methods)),
        ("Access-Control-Max-Age", MAX_AGE),
        ("Vary", "Access-Control-Request-Headers"),
    )
    if not preflight.private:
        return pairs
    return (*pairs, ("Access-Control-Allow-Private-Network", "true"))


_ALWAYS = ("Content-Type", "Accept", "Authorization")


def _named(asked: str) -> str:
    """The request headers a page may send: those it asks for, if they are names, and the usual."""
    names = [name.strip() for name in asked.split(",")]
    wanted = [name for name in names if name and all(_is_token_char(char) for char in name)]
    known = {name.lower() for name in wanted}
    return ", ".join([*wanted, *(name for name in _ALWAYS if name.lower() not in known)])


def _is_token_char(char: str) -> bool:
    return char.isascii() and (char.isalnum() or char in "!#$%&'*+-.^_`|~")
