"""Following a body of any framing: how many of the bytes that arrived belong to it."""

from wsproxy.core.chunks import ChunkScanner
from wsproxy.core.framing import Body, BodyKind


class CountedBody:
    """A body with a Content-Length."""

    __slots__ = ("_remaining",)

    faulty = False

    def __init__(self, length: int) -> None:
        self._remaining = length

    @property
    def rest(self) -> int:
        """Bytes still to come."""
        return self._remaining

    def skip(self, count: int) -> None:
        """So many of them passed elsewhere."""
        self._remaining -= count

    @property
    def done(self) -> bool:
        return self._remaining == 0

    def feed(self, data: bytes) -> int:
        taken = min(self._remaining, len(data))
        self._remaining -= taken
        return taken


class EndlessBody:
    """An answer that ends with its connection."""

    __slots__ = ()

    faulty = False
    done = False

    def feed(self, data: bytes) -> int:
        return len(data)


Tracker = CountedBody | ChunkScanner | EndlessBody


def follow(body: Body) -> Tracker | None:
    """A tracker for ``body``; None when there is nothing to follow."""
    if body.kind is BodyKind.NONE:
        return None
    if body.kind is BodyKind.LENGTH:
        return CountedBody(body.length)
    return ChunkScanner() if body.kind is BodyKind.CHUNKED else EndlessBody()
