"""How a route is reached: straight to the container, or through the manager's stream.

Both give a transport and a protocol, so everything above treats them the same (design 2).
"""

import ssl
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from wsproxy.core.circuit import Direct, Route, ThroughManager
from wsproxy.core.failure import Failure, FailureKind, Side
from wsproxy.net.connect import Connected, ConnectRules, Factory, connect


class StreamOpener(Protocol):
    """Opens a tunnel through the manager (``manager.stream``)."""

    async def open(self, route: ThroughManager, factory: Factory) -> Connected | Failure: ...


@dataclass(frozen=True, slots=True)
class DialRules:
    """``connect``: seconds. ``allow``: whether a resolved address may be a target, with its port.

    ``own`` are routes of the settings, not of a request (the server behind a front): ``allow`` is
    not asked about them.

    ``tls`` makes the context for routes that speak TLS (the server behind a front); called once.
    """

    connect: float = 5.0
    allow: Callable[[str, int], bool] | None = None
    own: frozenset[Direct] = frozenset()
    tls: Callable[[], ssl.SSLContext] = ssl.create_default_context


class Dialer:
    """Opens routes. ``streams`` is None where no manager can be reached."""

    def __init__(self, rules: DialRules, streams: StreamOpener | None = None) -> None:
        self._streams = streams
        self._plain = ConnectRules(deadline=rules.connect)
        self._secure: ssl.SSLContext | None = None
        self._rules = rules

    async def dial(self, route: Route, factory: Factory) -> Connected | Failure:
        """A connection whose protocol ``factory`` made, or why there is none."""
        if isinstance(route, Direct):
            return await connect(route.host, route.port, factory, self._connect_rules(route))
        if self._streams is None:
            detail = "There is no way through the manager: its web server is not configured."
            return Failure(FailureKind.NO_ROUTE, Side.GATEWAY, detail)
        return await self._streams.open(route, factory)

    def _connect_rules(self, route: Direct) -> ConnectRules:
        rules, allow = self._plain, self._rules.allow
        if route in self._rules.own:
            rules = replace(rules, side=Side.MANAGER)
        elif allow is not None:
            rules = replace(rules, allow=lambda host: allow(host, route.port))
        if not route.tls:
            return rules
        if self._secure is None:
            self._secure = self._rules.tls()
        return replace(rules, tls=self._secure)
