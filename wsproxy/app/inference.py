"""Inference endpoints of one node: their API, and the follower of the manager's Redis."""

from wsproxy.api.endpoint import Endpoint
from wsproxy.api.guard import by_secret
from wsproxy.api.v2 import endpoints as api
from wsproxy.app import rules
from wsproxy.app.traffic import Traffic
from wsproxy.config.settings import Settings
from wsproxy.core.circuit import Circuit, Direct
from wsproxy.core.documents import NodeFacts
from wsproxy.core.selection import Standing
from wsproxy.core.setup import Places
from wsproxy.endpoints import EndpointRules, Endpoints
from wsproxy.follower import EndpointFollower
from wsproxy.manager.redis import ManagerRedis
from wsproxy.net.targets import TargetCheck


class InferencePart:
    """Made once the gateway knows where it listens. ``start`` once; ``close`` ends it."""

    def __init__(
        self, settings: Settings, traffic: Traffic, places: Places, node: NodeFacts
    ) -> None:
        self._settings = settings
        self._traffic = traffic
        self._places = places
        self._node = node
        targets = TargetCheck(rules.target_rules(settings), traffic.listening)
        endpoint_rules = EndpointRules(rules.slot_rules(settings), places, targets)
        self._endpoints = Endpoints(traffic.circuits, endpoint_rules)
        self._follower = self._new_follower()

    def api(self) -> list[Endpoint]:
        """For who has the api-secret; nothing without v2."""
        if not self._settings.v2.enabled:
            return []
        v2 = self._settings.v2
        part = api.EndpointsPart(
            self._endpoints, self._node, self._places, v2.jwt_secret.get_secret_value()
        )
        return api.endpoints(part, by_secret(v2.api_secret.get_secret_value()))

    def start(self) -> None:
        if self._follower is not None:
            self._traffic.feed.on_change(self._follower.table_changed)
            self._follower.start()

    async def close(self) -> None:
        """Idempotent."""
        if self._follower is not None:
            await self._follower.close()

    def _new_follower(self) -> EndpointFollower | None:
        url = self._settings.manager.redis.get_secret_value()
        if not url or not self._settings.v2.enabled:
            return None
        return EndpointFollower(self._endpoints, ManagerRedis(url), self._ready)

    def _ready(self, circuit: Circuit, route: Direct) -> bool:
        return self._traffic.routes.standing(circuit, route) is Standing.GOOD
