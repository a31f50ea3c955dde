"""Where a message begins and ends, decided strictly (RFC 9112 sections 2 to 7).

A gateway and the app behind it must never disagree about that, or one client's bytes become
another's request. So a head must match one strict grammar first, and only then the C parser reads
its fields; whatever is ambiguous is refused, never repaired. Nothing here does I/O.
"""

import re
from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache
from typing import Literal, NamedTuple

import httptools

from wsproxy.core.heads import RawHeaders, RequestHead

TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]++"
_REQUEST = re.compile(
    rb"(" + TOKEN + rb") ([\x21-\x7e]++) HTTP/1\.([01])\r\n"
    rb"(?:" + TOKEN + rb":[\t\x20-\x7e\x80-\xff]*+\r\n)*+\r\n"
)
# An app may send any byte in a value but those that end a line: it harms nobody but its own page.
# ``.`` is every byte but LF, and much quicker than a class; that every line ends with CRLF, and
# that there is no other CR, is looked at first (``_lines_end_well``).
_ANSWER = re.compile(
    rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: (.*+)|\r)\n(?:" + TOKEN + rb":.*+\n)*+\r\n"
)
_OF_THIS_HOP = re.compile(
    rb"\n(connection|keep-alive|proxy-[a-z]+|te|transfer-encoding|upgrade|content-length|"
    rb"x-backendai-wsproxy-version):[\t ]*+(.*+)",
    re.IGNORECASE,
)
"""Fields of an answer that framing depends on, or that do not pass as they are."""
_LENGTH = re.compile(rb"[0-9]{1,18}")
_HOST = re.compile(rb"(?:\[[0-9A-Fa-f:.%]+\]|[!$&'()*+;=A-Za-z0-9._~%-]*)(?::[0-9]{0,5})?")
_ABSOLUTE = re.compile(rb"https?://([^/?#]*)", re.IGNORECASE)

# Why a head does not match the grammar, for the person who reads the answer. First hit wins.
_REASONS: tuple[tuple[re.Pattern[bytes], str], ...] = (
    (re.compile(rb"\A\x16\x03"), "This port speaks HTTP, and this is TLS."),
    (re.compile(rb"\APRI \* HTTP/2"), "This port speaks HTTP/1.1, and this is HTTP/2."),
    (re.compile(rb"(?<!\r)\n"), "A line ends with a bare line feed."),
    (re.compile(rb"\r(?!\n|\Z)"), "There is a bare carriage return."),
    (re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"), "There is a control character."),
    (re.compile(rb"\A[^\r]*[\x80-\xff]"), "The target has bytes that must be percent-encoded."),
    (re.compile(rb"\n[ \t]"), "A header line is folded."),
    (re.compile(rb"\n[^:\r\n]*[ \t]+:"), "There is a space before a colon."),
    (
        re.compile(rb"\A[^\r]* HTTP/(?!1\.[01]\r)[^\r]*\r"),
        "The version is not HTTP/1.0 or HTTP/1.1.",
    ),
    (
        re.compile(rb"\A(?!" + TOKEN + rb" [^ \r]+ HTTP/1\.[01]\r)"),
        "The request line is not valid.",
    ),
)
_START = re.compile(TOKEN + rb"(?:\Z| )|\r\Z")  # one empty line may precede a request
_EARLY = re.compile(rb"(?<!\r)\n|\r(?!\n|\Z)|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_EARLY_IN_ANSWER = re.compile(rb"(?<!\r)\n|\r(?!\n|\Z)|\x00")

Code = Literal["malformed-request", "head-too-large", "uri-too-long", "method-not-allowed"]


class BodyKind(Enum):
    NONE = auto()
    LENGTH = auto()
    CHUNKED = auto()
    UNTIL_CLOSE = auto()  # answers only


@dataclass(frozen=True, slots=True)
class Body:
    """How a body is delimited. ``length`` counts for LENGTH only."""

    kind: BodyKind
    length: int = 0


NO_BODY = Body(BodyKind.NONE)
CHUNKED = Body(BodyKind.CHUNKED)
UNTIL_CLOSE = Body(BodyKind.UNTIL_CLOSE)


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a message is refused: a code of the problem catalogue, and words for a person."""

    code: Code
    detail: str


@dataclass(frozen=True, slots=True)
class HeadLimits:
    """Sizes of a request head."""

    head_bytes: int = 65536
    target_bytes: int = 32768
    fields: int = 200


class Request(NamedTuple):
    """A request head that may be passed on. (A tuple is made in a third of a dataclass's time.)"""

    head: RequestHead
    body: Body
    keep_alive: bool
    upgrade: bytes = b""  # the value of Upgrade when the client may switch protocols


class Answer(NamedTuple):
    """An answer head of an app, ``raw`` as it came. ``options``: the members of its Connection, in
    lower case. ``plain``: nothing in it belongs to this hop, so it passes as it is.
    """

    status: int
    reason: bytes
    raw: bytes
    body: Body
    keep_alive: bool  # of the connection to the app
    options: tuple[bytes, ...] = ()
    plain: bool = False

    @property
    def headers(self) -> RawHeaders:
        return _split_fields(self.raw)


class _Fields:
    """Collects what the C parser reports."""

    __slots__ = ("pairs",)

    def __init__(self) -> None:
        self.pairs: list[tuple[bytes, bytes]] = []

    def on_header(self, name: bytes, value: bytes) -> None:
        self.pairs.append((name, value.rstrip(b" \t")))


def _parse_fields(raw: bytes, method: bytes) -> list[tuple[bytes, bytes]] | None:
    """The fields of a request head, read by the C parser; None when it refuses the head."""
    fields = _Fields()
    parser = httptools.HttpRequestParser(fields)
    try:
        parser.feed_data(raw)
    except httptools.HttpParserUpgrade:
        pass
    except httptools.HttpParserInvalidMethodError:
        # A method the parser does not list is still a method (RFC 9110 section 9.1).
        return None if method == b"POST" else _parse_fields(b"POST" + raw[len(method) :], b"POST")
    except httptools.HttpParserError:
        return None
    return fields.pairs


def _split_fields(raw: bytes) -> RawHeaders:
    """The fields of a head that matches the grammar."""
    lines = (line.partition(b":") for line in raw.split(b"\r\n")[1:-2])
    return tuple((name, value.strip(b" \t")) for name, _, value in lines)


def tokens(values: list[bytes]) -> list[bytes]:
    """The members of a comma list over all fields of that name, in lower case."""
    return [part.strip(b" \t").lower() for part in b",".join(values).split(b",") if part.strip()]


_NOTICED = frozenset({b"host", b"content-length", b"transfer-encoding", b"connection", b"upgrade"})


def _noticed(headers: RawHeaders) -> dict[bytes, list[bytes]]:
    """The values of the fields that framing depends on."""
    found: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        key = name.lower()
        if key in _NOTICED:
            found.setdefault(key, []).append(value)
    return found


def too_large(raw: bytes, limits: HeadLimits) -> Fault | None:
    """Whether a head, or the part of it that has arrived, is over a limit."""
    line = raw.find(b"\r\n")
    first = len(raw) if line < 0 else line
    if first > limits.target_bytes + 64:
        return Fault("uri-too-long", f"The target is longer than {limits.target_bytes} bytes.")
    if len(raw) > limits.head_bytes:
        return Fault("head-too-large", f"The head is longer than {limits.head_bytes} bytes.")
    if raw.count(b"\r\n") > limits.fields + 2:
        return Fault("head-too-large", f"There are more than {limits.fields} header fields.")
    return None


def early_fault(raw: bytes, seen: int = 0) -> Fault | None:
    """What is already wrong with a head whose end has not arrived.

    ``seen``: so many bytes were looked at before; a slow client must not cost a full scan a byte.
    """
    found = _EARLY.search(raw, max(0, seen - 1)) or (raw and not _START.match(raw))
    return malformed(explain(raw)) if found else None


def explain(raw: bytes) -> str:
    """The first reason why a head is not valid."""
    for pattern, reason in _REASONS:
        if pattern.search(raw):
            return reason
    return "A header line is not valid."


def malformed(detail: str) -> Fault:
    return Fault("malformed-request", detail)


_ENDING = b" HTTP/1.1"


def target_of(raw: bytes, start: int, end: int) -> str | None:
    """The target of a request line that begins with a method, a space and a slash and ends at
    ``end``; ``start`` is after the slash. None if it is no ordinary line of HTTP/1.1.

    With the same fields below it, such a line never changes how a request is framed.
    """
    if not raw.endswith(_ENDING, start, end):
        return None
    try:
        target = raw[start - 1 : end - len(_ENDING)].decode("ascii")
    except UnicodeDecodeError:
        return None
    return target if target.isprintable() and " " not in target else None


def read_request(raw: bytes) -> Request | Fault:
    """A complete request head, blank line included, as a value; or why it is refused."""
    match = _REQUEST.fullmatch(raw)
    if match is None:
        return malformed(explain(raw))
    method, target, minor = match.groups()
    parsed = _parse_fields(raw, method)
    headers = _split_fields(raw) if parsed is None else tuple(parsed)
    seen = _noticed(headers)
    old = minor == b"0"
    if fault := _authority_fault(method, target, seen.get(b"host", []), old):
        return fault
    body = _request_body(seen, old)
    if isinstance(body, Fault):
        return body
    if parsed is None:
        return malformed("The head is not valid.")
    head = RequestHead(
        method=method.decode("ascii"),
        target=target.decode("latin-1"),
        headers=headers,
        http_version="1.0" if old else "1.1",
    )
    if old:
        return Request(head, body, keep_alive=False)
    connection = tokens(seen[b"connection"]) if b"connection" in seen else []
    return Request(
        head,
        body,
        keep_alive=b"close" not in connection,
        upgrade=_upgrade(seen, connection, body),
    )


def _authority_fault(method: bytes, target: bytes, hosts: list[bytes], old: bool) -> Fault | None:
    """RFC 9112 section 3.2: one valid Host, and a target of a form that this server takes."""
    if len(hosts) > 1 or (not hosts and not old):
        return malformed("There must be exactly one Host header.")
    host = hosts[0] if hosts else b""
    if not _HOST.fullmatch(host):
        return malformed("The Host header is not valid.")
    if target.startswith(b"/"):
        return None
    if method == b"CONNECT":
        return Fault("method-not-allowed", "This gateway is no forward proxy.")
    absolute = _ABSOLUTE.match(target)
    if absolute and absolute[1].lower() == host.lower():
        return None
    if target == b"*" and method == b"OPTIONS":
        return None
    return malformed("The request target is not valid here.")


def _request_body(seen: dict[bytes, list[bytes]], old: bool) -> Body | Fault:
    """RFC 9112 section 6.3, with every doubtful case refused."""
    lengths = seen.get(b"content-length")
    codings = seen.get(b"transfer-encoding")
    if codings is None:
        return NO_BODY if lengths is None else _length(lengths)
    if lengths is not None:
        return malformed("Content-Length and Transfer-Encoding exclude each other.")
    if old:
        return malformed("HTTP/1.0 has no Transfer-Encoding.")
    if len(codings) != 1 or codings[0].lower() != b"chunked":
        return malformed("The only Transfer-Encoding taken is a single chunked.")
    return CHUNKED


def _length(values: list[bytes]) -> Body | Fault:
    if len(values) != 1:
        return malformed("There is more than one Content-Length.")
    if not _LENGTH.fullmatch(values[0]):
        return malformed("Content-Length is not a number.")
    return _counted(int(values[0]))


@lru_cache(maxsize=1024)
def _counted(length: int) -> Body:
    return Body(BodyKind.LENGTH, length) if length else NO_BODY


def _upgrade(seen: dict[bytes, list[bytes]], connection: list[bytes], body: Body) -> bytes:
    """The protocols to switch to, or b"": then Upgrade is ignored, as RFC 9110 7.8 allows.

    ``h2c`` is never passed: its tunnel would carry further requests past every check of ours.
    """
    if b"upgrade" not in connection or body is not NO_BODY:
        return b""
    wanted = seen.get(b"upgrade", [])
    return b"" if b"h2c" in tokens(wanted) else b", ".join(wanted)


def read_answer(raw: bytes, method: str) -> Answer | str:
    """An app's answer head to a request with ``method``; a text says why it is not valid."""
    match = _ANSWER.fullmatch(raw) if _lines_end_well(raw) else None
    if match is None:
        return "the head of the answer is not valid HTTP/1"
    minor, code, reason = match.groups()
    found = _OF_THIS_HOP.findall(raw)
    if len(found) == 1 and minor == b"1" and found[0][0].lower() == b"content-length":
        counted = _length([found[0][1].strip(b" \t\r")])
        status = int(code)
        if isinstance(counted, Body) and status >= 200:  # nearly every answer
            bodyless = method == "HEAD" or status in (204, 304)
            said = reason[:-1] if reason else b""  # without its CR
            return Answer(status, said, raw, NO_BODY if bodyless else counted, True, (), plain=True)
    seen: dict[bytes, list[bytes]] = {}
    for name, value in found:
        seen.setdefault(name.lower(), []).append(value.strip(b" \t\r"))
    status = int(code)
    body = _answer_body(seen, status, method, minor == b"0")
    if isinstance(body, str):
        return body
    reason = reason[:-1] if reason else b""  # without its CR
    if minor == b"1" and seen.keys() <= _KEPT and not _names_more(seen):
        raw = _KEEP_ALIVE_LINES.sub(b"", raw)
        return Answer(status, reason, raw, body, body is not UNTIL_CLOSE, (), plain=True)
    options = tuple(tokens(seen[b"connection"])) if b"connection" in seen else ()
    keep = minor == b"1" and body is not UNTIL_CLOSE and b"close" not in options
    return Answer(status, reason, raw, body, keep, options)


_KEPT = frozenset({b"connection", b"keep-alive", b"content-length"})
_KEEP_ALIVE_LINES = re.compile(rb"(?<=\n)(?:connection|keep-alive):.*+\n", re.IGNORECASE)


def _names_more(seen: dict[bytes, list[bytes]]) -> bool:
    """Whether Connection says more than what HTTP/1.1 means anyway."""
    return any(value.lower() != b"keep-alive" for value in seen.get(b"connection", ()))


def _lines_end_well(raw: bytes) -> bool:
    """Whether every CR and LF is part of a CRLF, and there is no NUL."""
    lines = raw.count(b"\r\n")
    return raw.count(b"\n") == lines == raw.count(b"\r") and b"\0" not in raw


def begins_badly(raw: bytes, seen: int = 0) -> bool:
    """Whether an answer's head whose end has not arrived cannot become a valid one.

    ``seen``: so many bytes were looked at before.
    """
    if not b"HTTP/1.".startswith(raw[:7]):
        return True
    return _EARLY_IN_ANSWER.search(raw, max(0, seen - 1)) is not None


def _answer_body(seen: dict[bytes, list[bytes]], status: int, method: str, old: bool) -> Body | str:
    """RFC 9112 section 6.3 for answers."""
    lengths = seen.get(b"content-length")
    codings = seen.get(b"transfer-encoding")
    if lengths and codings:
        return "the answer has Content-Length and Transfer-Encoding"
    if lengths and isinstance(counted := _length(lengths), Fault):
        return "the Content-Length of the answer is not valid"
    if codings and (old or len(codings) != 1 or codings[0].lower() != b"chunked"):
        return "the Transfer-Encoding of the answer is not chunked"
    if method == "HEAD" or status < 200 or status in (204, 304):
        return NO_BODY
    if codings:
        return CHUNKED
    return counted if lengths and isinstance(counted, Body) else UNTIL_CLOSE
