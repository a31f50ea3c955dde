"""Ports of apps that speak HTTP/2 alone: the bytes pass, once it is certain that they are HTTP/2.

Without TLS there is nothing to choose: whoever connects knows what the app speaks. With TLS the
client says so in ALPN. One that did not choose ``h2`` would speak HTTP/1 to an app that knows no
word of it; it gets an answer in its own language instead.
"""

import asyncio
from typing import cast

from wsproxy.core.circuit import Alpn
from wsproxy.core.heads import Peer, RequestHead
from wsproxy.core.problem import Problem
from wsproxy.core.wire import Version
from wsproxy.data.site import Forward, Outcome, Plan, Refuse
from wsproxy.net.connect import Factory


def only_h2(raw: Factory, others: Factory) -> Factory:
    """A protocol factory: ``raw`` for plain connections and for those that chose ``h2``."""
    return lambda: _Chosen(raw, others)


class _Chosen(asyncio.Protocol):
    """Looks at what was negotiated, and gives the connection away at once."""

    def __init__(self, raw: Factory, others: Factory) -> None:
        self._raw = raw
        self._others = others

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        stream = cast(asyncio.Transport, transport)  # uvloop's is no subclass
        tls = stream.get_extra_info("ssl_object")
        chosen = tls is None or tls.selected_alpn_protocol() == Alpn.H2
        protocol = self._raw() if chosen else self._others()
        stream.set_protocol(protocol)
        protocol.connection_made(stream)


class Http2Only:
    """The site for clients that did not choose HTTP/2."""

    def plan(self, head: RequestHead, peer: Peer) -> Plan:
        msg = "This app speaks HTTP/2 alone: the client must offer h2 in ALPN."
        return Refuse(Problem("http-version", msg=msg), Version.V2)

    def passed(self, forward: Forward, status: int, seconds: float) -> bool:
        return False

    def record(self, outcome: Outcome) -> None:
        raise AssertionError("this site never forwards")
