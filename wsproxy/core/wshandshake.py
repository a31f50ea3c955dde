"""The opening handshake of a WebSocket client, as bytes (RFC 6455 section 4, RFC 9110 9.3.6)."""

import base64
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from yarl import URL

HEAD_LIMIT = 64 * 1024
"""Bytes of an answer's head."""

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] (\d{3})(?: [^\r\n]*)?")
_UNSAFE = re.compile(r"[\r\n\0]")

Fields = Iterable[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and fields of an answer; names in lower case, of a repeated one the first."""

    status: int
    fields: dict[str, str]


def new_key(random: bytes) -> str:
    """Sec-WebSocket-Key from 16 random bytes."""
    return base64.b64encode(random).decode()


def upgrade_request(url: URL, host: str, key: str, fields: Fields) -> bytes:
    """The request head. The target is the exact text of ``url``, which may be signed."""
    lines = [
        f"GET {url.raw_path_qs} HTTP/1.1",
        f"Host: {host}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}",
        "Sec-WebSocket-Version: 13",
    ]
    return _head(lines, fields)


def connect_request(authority: str, fields: Fields) -> bytes:
    """CONNECT to ``host:port`` at an HTTP proxy."""
    return _head([f"CONNECT {authority} HTTP/1.1", f"Host: {authority}"], fields)


def _head(lines: list[str], fields: Fields) -> bytes:
    lines.extend(f"{name}: {value}" for name, value in fields)
    if any(_UNSAFE.search(line) for line in lines):
        raise ValueError("a line end in a header field")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def proxy_credentials(url: URL) -> tuple[tuple[str, str], ...]:
    """Proxy-Authorization for ``http://user:password@proxy``."""
    if url.user is None:
        return ()
    plain = f"{url.user}:{url.password or ''}".encode()
    return (("Proxy-Authorization", f"Basic {base64.b64encode(plain).decode()}"),)


def read_head(received: bytes) -> tuple[Answer, bytes] | None:
    """The answer and the bytes after its head; None while it is not complete.

    Raises ``ValueError`` when it is not HTTP/1 or its head has no end.
    """
    if not b"HTTP/1.".startswith(received[:7]) and not received.startswith(b"HTTP/1."):
        raise ValueError("the answer is not HTTP/1")
    head, ended, rest = received.partition(b"\r\n\r\n")
    if len(head) > HEAD_LIMIT:
        raise ValueError("the answer's head is too long")
    if not ended:
        return None
    status_line, *lines = head.split(b"\r\n")
    match = _STATUS_LINE.fullmatch(status_line)
    if match is None:
        raise ValueError("the answer has no valid status line")
    fields: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(b":")
        fields.setdefault(name.decode("latin-1").lower(), value.decode("latin-1").strip())
    return Answer(int(match[1]), fields), rest


def accepts(answer: Answer, key: str) -> bool:
    """Whether a 101 is the answer to our handshake, with nothing agreed that was not offered."""
    expected = base64.b64encode(hashlib.sha1(key.encode() + _GUID).digest()).decode()
    return (
        answer.fields.get("upgrade", "").lower() == "websocket"
        and "upgrade" in answer.fields.get("connection", "").lower()
        and answer.fields.get("sec-websocket-accept") == expected
        and not answer.fields.get("sec-websocket-extensions")
        and not answer.fields.get("sec-websocket-protocol")
    )
