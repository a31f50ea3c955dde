"""What is seen of a node from outside: the management API, health, and the private admin port."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from uuid import UUID

from aiohttp import web

from wsproxy.api import admin, health
from wsproxy.api.endpoint import Endpoint, Handler
from wsproxy.api.guard import by_secret
from wsproxy.api.v2 import management
from wsproxy.app import rules
from wsproxy.app.traffic import Traffic
from wsproxy.config.settings import Settings
from wsproxy.core.documents import NodeFacts
from wsproxy.core.setup import Places

Ready = Callable[[], bool]
"""Whether the node takes new work: its state was read, and it does not drain."""


class Oversight:
    """Made once the gateway knows where it listens; ``base`` is its advertised address."""

    def __init__(
        self, settings: Settings, traffic: Traffic, ready: Ready, base: str, places: Places
    ) -> None:
        self._settings = settings
        self._traffic = traffic
        self._ready = ready
        node_id = UUID(hex=traffic.feed.node)
        self._node = rules.node_facts(settings, base, places, node_id, time.time())

    @property
    def node(self) -> NodeFacts:
        return self._node

    def api(self) -> list[Endpoint]:
        """For the control API: health for everybody, all else for who has the api-secret.

        Without v2 there is no secret, so a v1 gateway shows its circuits at the admin port only.
        """
        guard = by_secret(self._settings.v2.api_secret.get_secret_value())
        rows = health.endpoints(self._health(), guard)
        if self._settings.v2.enabled:
            part = self._management()
            fresh = management.endpoints(part, lambda handler: guard(self._fresh(handler)))
            return [*rows, *fresh]
        return rows

    def admin(self) -> list[Endpoint]:
        """For the admin port: metrics, health in detail, circuits."""
        metrics = self._traffic.metrics.text
        rows = [
            *admin.endpoints(metrics, self._detail),
            *management.admin_endpoints(self._management()),
        ]
        return [replace(row, handler=self._fresh(row.handler)) for row in rows]

    def _fresh(self, handler: Handler) -> Handler:
        """The same; worker processes are asked first what they have counted."""
        fleet = self._traffic.fleet
        return handler if fleet is None else _after(fleet.refresh, handler)

    def _management(self) -> management.ManagementPart:
        traffic = self._traffic
        return management.ManagementPart(
            self._node, traffic.circuits, traffic.collector, traffic.activity.meters.get
        )

    def _health(self) -> health.HealthPart:
        traffic = self._traffic
        return health.HealthPart(
            self._node,
            traffic.circuits,
            traffic.collector,
            ready=self._ready,
            degraded=lambda: traffic.feed.degraded,
            standing_in=traffic.routes.standing_in,
        )

    def _detail(self) -> dict[str, object]:
        return {
            "ok": self._ready(),
            "degraded": self._traffic.feed.degraded,
            "version": rules.own_version(self._settings).value,
            "circuits": len(self._traffic.table()),
        }


def _after(first: Callable[[], Awaitable[None]], handler: Handler) -> Handler:
    async def both(request: web.Request) -> web.StreamResponse:
        await first()
        return await handler(request)

    return both
