"""The open connections of one listener: so that its end ends them, and nobody else's."""

import asyncio
from collections.abc import Iterable
from typing import cast

from wsproxy.net.connect import Factory
from wsproxy.net.sockets import abort, close

FLUSH = 5.0
"""Seconds that a closed connection gets to take what was written to it."""


class Arrivals:
    """Connections that were accepted. Closed ones are dropped now and then.

    ``over``: the listener has ended; who arrives now (after a long TLS handshake) is turned away.
    """

    def __init__(self) -> None:
        self.over = False
        self._transports: set[asyncio.Transport] = set()
        self._look_at = 64

    def add(self, transport: asyncio.Transport) -> None:
        if len(self._transports) >= self._look_at:
            self._transports = {one for one in self._transports if not one.is_closing()}
            self._look_at = 2 * len(self._transports) + 64
        self._transports.add(transport)

    def close(self) -> None:
        """What was written still leaves, but nobody is waited for longer than ``FLUSH``."""
        self.over = True
        closing = list(self._transports)
        for transport in closing:
            close(transport)
        if closing:
            asyncio.get_running_loop().call_later(FLUSH, _abort_all, closing)

    def abort(self) -> None:
        self.over = True
        _abort_all(self._transports)


def _abort_all(transports: Iterable[asyncio.Transport]) -> None:
    for transport in transports:
        abort(transport)


class Arrival(asyncio.Protocol):
    """Notes an accepted connection, and gives it to its protocol at once."""

    def __init__(self, arrivals: Arrivals, factory: Factory) -> None:
        self._arrivals = arrivals
        self._factory = factory

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        stream = cast(asyncio.Transport, transport)
        if self._arrivals.over:
            stream.abort()
            return
        self._arrivals.add(stream)
        protocol = self._factory()
        stream.set_protocol(protocol)
        protocol.connection_made(stream)
