"""The body of a request on its way: what belongs to it, and what may still be sent (again)."""

from wsproxy.core.bodies import CountedBody, follow
from wsproxy.core.framing import NO_BODY, Body


class NoUpload:
    """A request without a body: complete from the start, and nothing to hold."""

    __slots__ = ()

    complete = True
    faulty = False
    rest = 0
    size = 0
    held: list[bytes] | None = []

    def take(self, data: bytes) -> int:
        return 0

    def hold(self, part: bytes) -> None:
        """There are no parts."""

    def first(self) -> bytes:
        return b""

    def passed_on(self) -> None:
        """There are no parts."""

    def passed_by(self, count: int) -> None:
        """There are no parts."""


_NOTHING = NoUpload()


def upload_of(body: Body) -> "Upload | NoUpload":
    """Follows ``body``; most requests have none."""
    return _NOTHING if body is NO_BODY else Upload(body)


class Upload:
    """Follows the body as it arrives, and holds it until it has been sent.

    ``held`` is what another connection would need; None once some of the body was passed on and
    forgotten: then there can be no other try.
    """

    __slots__ = ("_tracker", "faulty", "held", "size")

    def __init__(self, body: Body) -> None:
        self._tracker = follow(body)
        self.faulty = False
        self.held: list[bytes] | None = []
        self.size = 0

    @property
    def complete(self) -> bool:
        """The whole request has arrived."""
        return self._tracker is None

    @property
    def rest(self) -> int:
        """Bytes of a counted body that are still to come."""
        return self._tracker.rest if isinstance(self._tracker, CountedBody) else 0

    def passed_by(self, count: int) -> None:
        """Bytes that went to the app without being read here."""
        assert isinstance(self._tracker, CountedBody)
        self._tracker.skip(count)
        if self._tracker.done:
            self._tracker = None

    def take(self, data: bytes) -> int:
        """How many bytes of ``data`` belong to the body."""
        if self._tracker is None:
            return 0
        count = self._tracker.feed(data)
        self.faulty = self._tracker.faulty
        if self._tracker.done:
            self._tracker = None
        return count

    def hold(self, part: bytes) -> None:
        """Keep a part until there is a connection."""
        if self.held is not None and part:
            self.held.append(part)
            self.size += len(part)

    def first(self) -> bytes:
        """All that has arrived. What is not the whole can be sent only once."""
        held = b"".join(self.held or ())
        if not self.complete:
            self.held = None
        return held

    def passed_on(self) -> None:
        """A later part was sent without being held."""
        self.held = None
