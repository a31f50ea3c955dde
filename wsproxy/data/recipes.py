"""How requests went on that differ from the next one in their target only.

A browser sends the same fields with most of its requests, and so does every program. What was
found out about them (parsed fields, framing, admission, the fields for the app) is kept with the
bytes they were found in, and is good for the next request with exactly these bytes, of the same
client, while the site says that its plan still holds. Only the first line is read anew.
"""

from typing import NamedTuple

from wsproxy.core.framing import Body, HeadLimits, Request, ordinary_line
from wsproxy.core.headers import field_bytes
from wsproxy.core.heads import Peer, RawHeaders, RequestHead
from wsproxy.data.site import Again, Forward, Site

LIMIT = 1024
"""Recipes that are kept; when there are more, all are forgotten."""

LARGEST = 2048
"""Bytes of fields; larger ones are read anew each time."""


class Ready(NamedTuple):
    """A request that needs no more thought, and its head as it goes to the app."""

    request: Request
    forward: Forward
    head: bytes


class _Recipe(NamedTuple):
    site: Site
    host: str
    tls: bool
    method: str
    headers: RawHeaders
    body: Body
    keep_alive: bool
    again: Again
    fields: bytes


class Recipes:
    """One cookbook for all connections of a node. Mutable state: ``_known``."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._known: dict[bytes, _Recipe] = {}

    def __repr__(self) -> str:
        return f"Recipes({len(self._known)})"

    def __len__(self) -> int:
        return len(self._known)

    def find(self, raw: bytes, site: Site, peer: Peer, limits: HeadLimits) -> Ready | None:
        """The whole plan for the head ``raw``, or None: then it must be read."""
        end = raw.find(b"\r\n")
        recipe = self._known.get(raw[end:])
        if recipe is None or recipe.site is not site or recipe.host != peer.host:
            return None
        line = ordinary_line(raw[:end])
        if line is None or line[0] != recipe.method or recipe.tls != peer.tls:
            return None
        if end > limits.target_bytes or len(raw) > limits.head_bytes:
            return None
        forward = recipe.again(line[1])
        if forward is None:
            return None
        head = RequestHead(line[0], line[1], recipe.headers)
        request = Request(head, recipe.body, recipe.keep_alive)
        return Ready(request, forward, raw[: end + 2] + recipe.fields)

    def learn(self, raw: bytes, site: Site, peer: Peer, request: Request, forward: Forward) -> None:
        """Remember how a request went on, if that may say something about others."""
        end = raw.find(b"\r\n")
        head = request.head
        if forward.again is None or request.upgrade or len(raw) - end > LARGEST:
            return
        if forward.target or ordinary_line(raw[:end]) is None:
            return
        if len(self._known) >= self._limit:
            self._known.clear()
        self._known[raw[end:]] = _Recipe(
            site,
            peer.host,
            peer.tls,
            head.method,
            head.headers,
            request.body,
            request.keep_alive,
            forward.again,
            field_bytes(head.http_version, forward.request_headers, request.body),
        )
