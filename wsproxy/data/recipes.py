"""How requests went on that differ from the next one in their target only.

A browser sends the same fields with most of its requests, and so does every program. What was
found out about them (parsed fields, framing, admission, the fields for the app) is kept with the
bytes they were found in, and is good for the next request with exactly these bytes, of the same
client, while the site says that its plan still holds. Only the first line is read anew.
"""

from collections.abc import Hashable
from typing import NamedTuple

from wsproxy.core.circuit import Direct
from wsproxy.core.failure import SAFE_METHODS
from wsproxy.core.framing import NO_BODY, HeadLimits, Request, target_of
from wsproxy.core.headers import field_bytes
from wsproxy.core.heads import Peer
from wsproxy.data.connections import Use
from wsproxy.data.lanes import key_of
from wsproxy.data.site import Again, Forward, Site

LIMIT = 1024
"""Recipes that are kept; when there are more, all are forgotten."""

LARGEST = 2048
"""Bytes of fields; larger ones are read anew each time."""


class Ready(NamedTuple):
    """A planned request. ``head``: as it goes to the app; b"": it is made when it is needed.

    ``request`` may be an earlier one with the same method and fields; ``target`` is this one's.
    ``key``: of the pool's lane, if nothing but a safe request without a body to one app is asked
    for (``data.quick``).
    """

    request: Request
    forward: Forward
    use: Use
    target: str
    head: bytes = b""
    key: Hashable = None


class _Recipe(NamedTuple):
    site: Site
    host: str
    tls: bool
    begin: bytes  # the method, a space and a slash
    request: Request
    again: Again
    forward: Forward
    use: Use
    fields: bytes
    key: Hashable


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
        if recipe is None:
            return None
        planner, host, tls, begin, request, again, known, use, fields, key = recipe
        if planner is not site or host != peer.host or tls != peer.tls:
            return None
        if end > limits.target_bytes or len(raw) > limits.head_bytes or not raw.startswith(begin):
            return None
        target = target_of(raw, len(begin), end)
        forward = again(target, known) if target is not None else None
        if target is None or forward is None:
            return None
        head = raw[: end + 2] + fields
        return Ready(request, forward, use, target, head, key if forward is known else None)

    def learn(self, raw: bytes, site: Site, peer: Peer, ready: Ready) -> None:
        """Remember how a request went on, if that may say something about others."""
        end = raw.find(b"\r\n")
        request, forward = ready.request, ready.forward
        head = request.head
        if forward.again is None or request.upgrade or len(raw) - end > LARGEST:
            return
        begin = head.method.encode() + b" /"
        if forward.target or not raw.startswith(begin) or target_of(raw, len(begin), end) is None:
            return
        if len(self._known) >= self._limit:
            self._known.clear()
        self._known[raw[end:]] = _Recipe(
            site,
            peer.host,
            peer.tls,
            begin,
            request,
            forward.again,
            forward,
            ready.use,
            field_bytes(head.http_version, forward.request_headers, request.body),
            _key(request, forward),
        )


def _key(request: Request, forward: Forward) -> Hashable:
    """The only lane that such requests can take, if they are of the simplest kind."""
    plain = request.body is NO_BODY and request.keep_alive and not forward.response_headers
    if not plain or request.head.method not in SAFE_METHODS or len(forward.routes) != 1:
        return None
    route = forward.routes[0]
    return key_of(route) if isinstance(route, Direct) else None
