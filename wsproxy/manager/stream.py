"""Opens tunnels through the manager: ``/stream/session/…/httpproxy|tcpproxy`` (protocol 3).

One WebSocket per connection of a client, each signed with its own date. The result is a transport
like any other, so what carries bytes does not know that a manager is in between.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from yarl import URL

from wsproxy import __version__
from wsproxy.core.circuit import ThroughManager
from wsproxy.core.configuration import Configuration
from wsproxy.core.failure import Failure, FailureKind, Side
from wsproxy.core.streamfields import explain_refusal, stream_fields
from wsproxy.core.tunnel import host_field, newer_path, stream_url
from wsproxy.core.wshandshake import Answer
from wsproxy.manager.handshake import HandshakeRules, Upgraded, upgrade
from wsproxy.manager.tunnel import Tunnel, TunnelRules

log = logging.getLogger(__name__)

Factory = Callable[[], asyncio.Protocol]
Opened = tuple[asyncio.Transport, asyncio.Protocol]


@dataclass(frozen=True, slots=True)
class StreamRules:
    """How tunnels are opened and kept. ``http_proxy``: an HTTP CONNECT proxy, "" for none.

    It is used in both modes, for plain and TLS managers alike (protocol 1, EXT_HTTP_PROXY). It
    may hold a password, so it is not in the ``repr``.
    """

    handshake: HandshakeRules = field(default_factory=HandshakeRules)
    tunnel: TunnelRules = field(default_factory=TunnelRules)
    http_proxy: str = field(default="", repr=False)


class ManagerStreams:
    """All tunnels of the process. ``find`` resolves the id in a route to its configuration."""

    def __init__(
        self,
        find: Callable[[str], Configuration | None],
        rules: StreamRules | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._find = find
        self._rules = rules or StreamRules()
        self._proxy = URL(self._rules.http_proxy) if self._rules.http_proxy else None
        self._now = now
        self._open: set[Tunnel] = set()
        self._none_open = asyncio.Event()
        self._none_open.set()
        self._closed = False

    def __len__(self) -> int:
        return len(self._open)

    async def open(self, route: ThroughManager, factory: Factory) -> Opened | Failure:
        """A tunnel to the app, or why there is none; never raises for what the manager does.

        A handshake that was refused is ``MANAGER_REFUSED`` with the status.
        """
        configuration = self._find(route.configuration)
        if configuration is None:
            said = "The configuration of this app is gone. Open the app again."
            return Failure(FailureKind.NO_ROUTE, Side.GATEWAY, said)
        if self._closed:
            return Failure(FailureKind.SHUTTING_DOWN, Side.GATEWAY)
        outcome = await self._handshake(configuration, route)
        if isinstance(outcome, Failure):
            newer = newer_path(configuration, outcome.status)
            outcome = outcome if newer is None else await self._handshake(newer, route)
        if isinstance(outcome, Failure):
            log.info("no tunnel for app %s: %s %s", route.app, outcome.kind, outcome.status or "")
            return outcome
        protocol = factory()
        tunnel = Tunnel(
            outcome.socket, configuration.mode, protocol, self._rules.tunnel, self._ended
        )
        self._open.add(tunnel)
        self._none_open.clear()
        tunnel.attach(outcome.rest)
        return tunnel, protocol

    async def _handshake(
        self, configuration: Configuration, route: ThroughManager
    ) -> Upgraded | Failure:
        url = stream_url(configuration, route)
        host, now = host_field(url), self._now()
        fields = [
            ("User-Agent", f"wsproxy/{__version__}"),
            *stream_fields(configuration, url.raw_path_qs, host, now),
        ]

        def explain(answer: Answer) -> str:
            return explain_refusal(answer.status, answer.fields.get("date", ""), now)

        return await upgrade(url, host, fields, self._rules.handshake, self._proxy, explain)

    def _ended(self, tunnel: Tunnel) -> None:
        self._open.discard(tunnel)
        if not self._open:
            self._none_open.set()

    async def close(self) -> None:
        """Close every tunnel with a goodbye, and wait until all are gone."""
        self._closed = True
        for tunnel in tuple(self._open):
            tunnel.close()
        try:
            async with asyncio.timeout(self._rules.tunnel.farewell):
                await self._none_open.wait()
        except TimeoutError:
            for tunnel in tuple(self._open):
                tunnel.abort()
            await self._none_open.wait()
