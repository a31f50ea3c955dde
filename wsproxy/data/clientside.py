"""What an exchange needs of the client's connection that carries it."""

import asyncio
from dataclasses import dataclass
from typing import Protocol

from wsproxy.net.stall import Stall
from wsproxy.net.timer import Timer


@dataclass(frozen=True, slots=True)
class Given:
    """What a client's connection hands over to a tunnel; the tunnel counts ``address`` down."""

    transport: asyncio.Transport
    unread: bytes
    address: str


class Underway(Protocol):
    """One exchange, as the client's connection sees it."""

    over: bool

    @property
    def complete(self) -> bool: ...

    def feed(self, data: bytes) -> bytes: ...
    def client_gone(self) -> None: ...
    def client_stalled(self) -> None: ...
    def client_full(self) -> None: ...
    def client_ready(self) -> None: ...


class Client(Protocol):
    """The client's connection, as an exchange sees it."""

    timer: Timer

    @property
    def transport(self) -> asyncio.Transport | None:
        """None when it is gone."""
        ...

    @property
    def stall(self) -> Stall | None:
        """For who writes past the transport: to begin when the client takes no more."""
        ...

    held: bool
    """It is not read, because the app takes no more."""

    @property
    def full(self) -> bool:
        """It takes no more at the moment."""
        ...

    @property
    def has_unread(self) -> bool:
        """Bytes after this request have arrived."""
        ...

    def write(self, data: bytes) -> None: ...

    def hold_app(self, hold: bool) -> None:
        """Read no more from the client (or again): the app takes no more."""
        ...

    def goes_on(self, exchange: "Underway") -> None:
        """Another one carries the request from here on."""
        ...

    def answered(self) -> None:
        """A whole request got a whole answer, and the connection stays."""
        ...

    def finished(self, *, keep: bool) -> None:
        """The answer is complete."""
        ...

    def cut(self, *, hard: bool) -> None:
        """The answer breaks off here. ``hard``: only a reset tells that from its end."""
        ...

    def hand_over(self) -> Given:
        """Give up the transport: the connection is a tunnel now."""
        ...
