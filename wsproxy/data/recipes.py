"""How requests went on that differ from the next one in their target only.

A browser sends the same fields with most of its requests, and so does every program. What was
found out about them (parsed fields, framing, admission, the fields for the app) is kept with the
bytes they were found in, and is good for the next request with exactly these bytes, of the same
client, while the site says that its plan still holds. Only the first line is read anew.
"""

from typing import NamedTuple

from wsproxy.core.framing import HeadLimits, Request, target_of
from wsproxy.core.headers import field_bytes
from wsproxy.core.heads import Peer
from wsproxy.data.connections import Use
from wsproxy.data.site import Again, Forward, Site

LIMIT = 1024
"""Recipes that are kept; when there are more, all are forgotten."""

LARGEST = 2048
"""Bytes of fields; larger ones are read anew each time."""


class Ready(NamedTuple):
    """A planned request. ``head``: as it goes to the app; b"": it is made when it is needed.

    ``request`` may be an earlier one with the same method and fields; ``target`` is this one's.
    """

    request: Request
    forward: Forward
    use: Use
    target: str
    head: bytes = b""


class _Recipe(NamedTuple):
    site: Site
    host: str
    tls: bool
    begin: bytes  # the method, a space and a slash
    request: Request
    again: Again
    use: Use
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
        if recipe.tls != peer.tls or end > limits.target_bytes or len(raw) > limits.head_bytes:
            return None
        target = target_of(raw, len(recipe.begin), end) if raw.startswith(recipe.begin) else None
        if target is None:
            return None
        forward = recipe.again(target)
        if forward is None:
            return None
        head = raw[: end + 2] + recipe.fields
        return Ready(recipe.request, forward, recipe.use, target, head)

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
            ready.use,
            field_bytes(head.http_version, forward.request_headers, request.body),
        )
