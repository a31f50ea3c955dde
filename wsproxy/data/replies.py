"""Answers the gateway gives itself on app ports: who spoke, which version, no caching (design 5.4).

The app's own answers never come from here.
"""

from collections.abc import Callable
from http import HTTPStatus

from wsproxy.core.heads import RawHeaders
from wsproxy.core.negotiate import Form, app_form
from wsproxy.core.page import problem_document
from wsproxy.core.problem import Problem
from wsproxy.core.wire import SPEAKER_HEADER, VERSION_HEADER, Speaker, Version


def reply_bytes(
    status: int,
    headers: RawHeaders,
    body: bytes,
    version: Version,
    *,
    close: bool,
    bodyless: bool = False,
) -> bytes:
    """A complete answer. ``bodyless``: the request was HEAD, only the length is told."""
    parts = [b"HTTP/1.1 %d %s\r\n" % (status, _phrase(status))]
    sent = set()
    for name, value in headers:
        sent.add(name.lower())
        parts += (name, b": ", value, b"\r\n")
    if b"cache-control" not in sent:
        parts.append(b"Cache-Control: no-store\r\n")
    if status not in (204, 304):
        parts.append(b"Content-Length: %d\r\n" % len(body))
    parts.append(f"{VERSION_HEADER}: {version.value}\r\n".encode())
    parts.append(f"{SPEAKER_HEADER}: {Speaker.GATEWAY.value}\r\n".encode())
    if close:
        parts.append(b"Connection: close\r\n")
    parts.append(b"\r\n")
    if not bodyless and status not in (204, 304):
        parts.append(body)
    return b"".join(parts)


def problem_bytes(
    problem: Problem,
    version: Version,
    form: Form,
    headers: RawHeaders = (),
    *,
    close: bool,
    bodyless: bool = False,
) -> bytes:
    """A problem as a complete answer, JSON or an escaped HTML page (protocol 7.9)."""
    content_type, body = problem_document(problem, form, version)
    own: list[tuple[bytes, bytes]] = [(b"Content-Type", content_type.encode())]
    if problem.retry_after is not None:
        own.append((b"Retry-After", b"%d" % problem.retry_after))
    return reply_bytes(
        problem.status, (*own, *headers), body, version, close=close, bodyless=bodyless
    )


def form_for(accept: list[str], form_of: Callable[[str | None], Form] = app_form) -> Form:
    """The form that the Accept fields of a request ask for; on app ports HTML without any."""
    return form_of(",".join(accept) if accept else None)


def _phrase(status: int) -> bytes:
    try:
        return HTTPStatus(status).phrase.encode()
    except ValueError:
        return b""
