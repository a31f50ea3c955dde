"""What a browser sends and lets a page read across origins (Fetch sections 3.2 and 4.9).

Decisions only. An origin is text: ``http://host:port``, ``null``, ``es6://app``.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from yarl import URL

ALLOW_ORIGIN = "Access-Control-Allow-Origin"
ALLOW_CREDENTIALS = "Access-Control-Allow-Credentials"
ALLOW_METHODS = "Access-Control-Allow-Methods"
ALLOW_HEADERS = "Access-Control-Allow-Headers"
MAX_AGE = "Access-Control-Max-Age"

NULL = "null"
"""The origin of a page without one, and of a request that was redirected between strangers."""

SIMPLE_METHODS = frozenset({"GET", "HEAD", "POST"})
ALWAYS_SENT = frozenset({"accept", "accept-language", "content-language", "range"})
SIMPLE_TYPES = frozenset({"application/x-www-form-urlencoded", "multipart/form-data", "text/plain"})


class Mode(StrEnum):
    """How a page asks; ``Sec-Fetch-Mode``."""

    CORS = "cors"
    NO_CORS = "no-cors"
    NAVIGATE = "navigate"


@dataclass(frozen=True, slots=True)
class Asking:
    """A page's request as far as its browser cares. ``fields`` are those the page itself set."""

    method: str
    origin: str
    credentials: bool
    fields: Mapping[str, str]

    def unusual(self) -> tuple[str, ...]:
        """The header names a preflight has to ask for: lower case, in order."""
        return tuple(sorted(name.lower() for name in self.fields if self._is_unusual(name)))

    def _is_unusual(self, name: str) -> bool:
        if name.lower() != "content-type":
            return name.lower() not in ALWAYS_SENT
        return self.fields[name].partition(";")[0].strip().lower() not in SIMPLE_TYPES

    def needs_preflight(self) -> bool:
        return self.method not in SIMPLE_METHODS or bool(self.unusual())


def origin_of(url: URL) -> str:
    """``scheme://host`` with the port where it is not the scheme's own."""
    return str(url.origin())


def site(origin: str, url: URL) -> str:
    """``Sec-Fetch-Site``: ports do not make another site."""
    if origin == origin_of(url):
        return "same-origin"
    page = URL(origin) if "://" in origin else URL()
    return "same-site" if (page.scheme, page.host) == (url.scheme, url.host) else "cross-site"


def unreadable(asking: Asking, fields: Mapping[str, str]) -> str:
    """Why the page may not read an answer of another origin; "" when it may."""
    allowed = fields.get(ALLOW_ORIGIN)
    if allowed is None:
        return f"no {ALLOW_ORIGIN}"
    if allowed == "*" and not asking.credentials:
        return ""
    if allowed != asking.origin:
        return f"{ALLOW_ORIGIN} is {allowed!r}, the page {asking.origin!r}"
    if asking.credentials and fields.get(ALLOW_CREDENTIALS) != "true":
        return f"no {ALLOW_CREDENTIALS}"
    return ""


def preflight_refused(asking: Asking, status: int, fields: Mapping[str, str]) -> str:
    """Why the real request is not sent after this answer to its preflight; "" when it is."""
    if why := unreadable(asking, fields):
        return why
    if not 200 <= status < 300:
        return f"the preflight was answered {status}"
    methods = _listed(fields, ALLOW_METHODS)
    if asking.method not in SIMPLE_METHODS and not _names(asking, methods, {asking.method}):
        return f"{asking.method} is not in {ALLOW_METHODS}"
    headers = {name.lower() for name in _listed(fields, ALLOW_HEADERS)}
    if not _names(asking, headers, asking.unusual()):
        return f"{', '.join(asking.unusual())}: not all in {ALLOW_HEADERS}"
    return ""


def _listed(fields: Mapping[str, str], name: str) -> set[str]:
    return {part.strip() for part in fields.get(name, "").split(",")}


def _names(asking: Asking, allowed: set[str], wanted: Iterable[str]) -> bool:
    """``*`` is everything only without credentials."""
    return ("*" in allowed and not asking.credentials) or set(wanted) <= allowed


def remembered(fields: Mapping[str, str]) -> bool:
    """Whether the answer to a preflight lasts longer than the pause between two steps of a person:
    without ``Access-Control-Max-Age`` it lasts five seconds."""
    age = fields.get(MAX_AGE, "")
    return age.isdigit() and int(age) > 60


def redirected_origin(origin: str, url: URL, target: URL) -> str:
    """The origin a request goes on with: two strangers in a row make it nobody's."""
    if origin_of(url) in (origin, origin_of(target)):
        return origin
    return NULL
