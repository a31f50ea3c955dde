"""Which header fields pass, in both directions (design 5.3, RFC 9110 section 7.6.1).

Lists go in, lists come out: order, spelling and repetition stay. What is set anew about the client
(``X-Forwarded-*``) is in ``core.forwarded``; how the body is framed is the engine's.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from wsproxy.core.forwarded import FORWARDED, SPELLINGS, Networks, is_trusted, seen_by_client
from wsproxy.core.framing import Answer, Body, BodyKind, tokens
from wsproxy.core.heads import Peer, RawHeaders, RequestHead
from wsproxy.core.wire import PERMIT_COOKIE_PREFIX, VERSION_HEADER, Version

HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"transfer-encoding",
        b"upgrade",
    }
)
"""Fields that belong to one connection. ``Trailer`` is not one: trailers pass through."""

_NEVER_NAMED = frozenset({b"host", b"content-length", b"cookie", b"authorization", b"date"})
"""Fields that naming them in Connection does not remove: it would change the message."""

_PERMIT = PERMIT_COOKIE_PREFIX.encode()
_VERSION = VERSION_HEADER.encode()


@dataclass(frozen=True, slots=True)
class HeaderRules:
    """What one circuit takes out of its requests, and what its app needs besides.

    ``login_cookies``: names of cookies that are the web server's, not the app's (design 5.3).
    ``strip_authorization``: the gateway's own bearer token was in it (inference circuits).
    ``app``: the app's name; some need fields of their own (``APP_FIELDS``).
    """

    trusted: Networks = ()
    login_cookies: frozenset[bytes] = frozenset()
    strip_authorization: bool = False
    app: str = ""

    @property
    def looks_at_target(self) -> bool:
        """Whether the fields for the app depend on the target of the request."""
        return self.app in APP_FIELDS


@dataclass(frozen=True, slots=True)
class AppField:
    """A field that one app wants; ``template`` knows ``{proto}``, ``{host}`` and ``{path}``."""

    name: bytes
    template: str


APP_FIELDS: Mapping[str, tuple[AppField, ...]] = {
    "rstudio": (  # protocol 7.2
        AppField(b"X-RStudio-Proto", "{proto}"),
        AppField(b"X-RStudio-Request", "{proto}://{host}{path}"),
    )
}


def upstream_headers(head: RequestHead, peer: Peer, rules: HeaderRules) -> RawHeaders:
    """The fields of a request as the app shall see them."""
    trusted = is_trusted(peer.host, rules.trusted)
    dropped = _dropped(head.headers)
    if rules.strip_authorization:
        dropped = dropped | {b"authorization"}
    extra = APP_FIELDS.get(rules.app, ())
    own = {one.name.lower() for one in extra}
    kept: list[tuple[bytes, bytes]] = []
    for pair in head.headers:
        name = pair[0].lower()
        if name in dropped or name in own or name.startswith(SPELLINGS) or name == FORWARDED:
            continue
        if name == b"cookie":
            rest = without_cookies(pair[1], rules.login_cookies)
            if rest:
                kept.append((pair[0], rest))
            continue
        kept.append(pair)
    client = seen_by_client(head, peer, trusted)
    kept.extend(client.fields)
    for one in extra:
        value = one.template.format(proto=client.proto, host=client.host, path=head.path)
        kept.append((one.name, value.encode("latin-1")))
    return tuple(kept)


def _dropped(headers: RawHeaders) -> frozenset[bytes]:
    """The hop-by-hop fields of a message, those that its Connection names included."""
    named = [value for name, value in headers if name.lower() == b"connection"]
    return _with_named(tokens(named)) if named else HOP_BY_HOP


def _with_named(options: Iterable[bytes]) -> frozenset[bytes]:
    return HOP_BY_HOP.union(option for option in options if option not in _NEVER_NAMED)


def without_cookies(value: bytes, names: frozenset[bytes]) -> bytes:
    """A Cookie field without the gateway's permits and the named cookies; untouched if none."""
    if _PERMIT not in value and not any(name in value for name in names):
        return value
    kept = [
        part
        for part in value.split(b";")
        if not (name := part.partition(b"=")[0].strip()).startswith(_PERMIT) and name not in names
    ]
    return b";".join(kept).strip()


def request_bytes(
    method: str, target: str, version: str, headers: RawHeaders, body: Body, upgrade: bytes
) -> bytes:
    """The head as it goes to the app: the site's fields, and the framing that is the engine's."""
    line = f"{method} {target} HTTP/{version}\r\n".encode("latin-1")
    return line + field_bytes(version, headers, body, upgrade)


def field_bytes(version: str, headers: RawHeaders, body: Body, upgrade: bytes = b"") -> bytes:
    """All of that head but its first line."""
    parts: list[bytes] = []
    dropped = _dropped(headers)
    counted = False
    for name, value in headers:
        key = name.lower()
        if key in dropped:
            continue
        if key == b"content-length":
            if body.kind is BodyKind.CHUNKED:
                continue
            counted = True
        parts += (name, b": ", value, b"\r\n")
    if body.kind is BodyKind.CHUNKED:
        parts.append(b"Transfer-Encoding: chunked\r\n")
    elif body.length and not counted:
        parts.append(b"Content-Length: %d\r\n" % body.length)
    if upgrade:
        parts.append(b"Connection: Upgrade\r\nUpgrade: " + upgrade + b"\r\n")
    elif version == "1.0":
        parts.append(b"Connection: close\r\n")
    parts.append(b"\r\n")
    return b"".join(parts)


class AnswerExtras(NamedTuple):
    """What the engine adds to an app's answer."""

    version: Version
    close: bool = False
    headers: RawHeaders = ()


_STATUS_LINE = b"HTTP/1.1 %d %s\r\n"
_VERSION_LINES = {
    version: _VERSION + b": " + version.value.encode() + b"\r\n\r\n" for version in Version
}
"""The last field of an answer's head, and its end."""


def plain_bytes(answer: Answer, version: Version) -> bytes:
    """The head of a final answer that is ``plain``, when nothing but the version is added."""
    return answer.raw[:-2] + _VERSION_LINES[version]


def answer_bytes(answer: Answer, extras: AnswerExtras) -> bytes:
    """The head of an app's answer as it goes to the client, interim answers and 101 included."""
    dropped = _with_named(answer.options) if answer.options else HOP_BY_HOP
    parts = [_STATUS_LINE % (answer.status, answer.reason)]
    for name, value in answer.headers:
        key = name.lower()
        if key in dropped or key == b"x-backendai-wsproxy-version":
            continue
        parts += (name, b": ", value, b"\r\n")
    parts += _hop_fields(answer, extras.close)
    if answer.status >= 200 or answer.status == 101:
        for name, value in extras.headers:
            parts += (name, b": ", value, b"\r\n")
        parts += (_VERSION, b": ", extras.version.encode(), b"\r\n")
    parts.append(b"\r\n")
    return b"".join(parts)


def _hop_fields(answer: Answer, close: bool) -> list[bytes]:
    """The fields of our own connection to the client."""
    parts: list[bytes] = []
    options: list[bytes] = []
    if answer.body.kind is BodyKind.CHUNKED:
        parts.append(b"Transfer-Encoding: chunked\r\n")
    if answer.status in (101, 426):  # RFC 9110 section 15.5.22
        upgrade = [value for name, value in answer.headers if name.lower() == b"upgrade"]
        if upgrade:
            parts.append(b"Upgrade: " + b", ".join(upgrade) + b"\r\n")
            options.append(b"Upgrade")
    if close:
        options.append(b"close")
    if options:
        parts.append(b"Connection: " + b", ".join(options) + b"\r\n")
    return parts
