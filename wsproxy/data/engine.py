"""What all HTTP connections of a node share, and how an exchange gets a connection to its app."""

import logging
import time
from collections.abc import Callable, Hashable
from uuid import UUID

from wsproxy.core.circuit import Route, ThroughManager
from wsproxy.core.failure import Failure, FailureKind, Side
from wsproxy.data.activity import Activity
from wsproxy.data.connections import Connections, Use
from wsproxy.data.dial import Dialer
from wsproxy.data.lanes import key_of
from wsproxy.data.recipes import Recipes
from wsproxy.data.rules import EngineRules
from wsproxy.data.site import Outcome, Site
from wsproxy.net.http1 import AppConnection
from wsproxy.net.pool import Pool
from wsproxy.net.tasks import Tasks

log = logging.getLogger(__name__)


def record(site: Site, outcome: Outcome, now: float) -> None:
    """Tell the site; an error there is a bug, and must not harm the connection."""
    outcome.seconds = max(0.0, now - outcome.started)
    try:
        site.record(outcome)
    except Exception:
        log.exception("recording an exchange failed")


class Engine:
    """One per node. ``draining``: no connection is kept alive any more."""

    def __init__(
        self,
        dialer: Dialer,
        activity: Activity | None = None,
        rules: EngineRules | None = None,
        *,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.rules = rules or EngineRules()
        self.activity = activity or Activity()
        self.open = Connections()
        self.recipes = Recipes()
        self.pool: Pool[AppConnection] = Pool(self.rules.pool)
        self.tasks = Tasks("exchange")
        self.wall = wall
        self.draining = False
        self._dialer = dialer

    def use(self, circuit_id: UUID | None) -> Use:
        """What an exchange over a circuit counts in, and where it is known."""
        return Use(self.activity.meter(circuit_id), self.open.users(circuit_id))

    async def reach(self, route: Route, *, safe: bool, fresh: bool) -> AppConnection | Failure:
        """A connection to the app that nobody else uses. ``fresh``: not one that has rested."""
        key = key_of(route)
        lent = await self.pool.place(key, self.rules.slot_wait, safe=safe, fresh=fresh)
        if lent is not None:
            return lent
        try:
            dialled = await self._dialer.dial(route, AppConnection)
        except Exception:
            log.exception("connecting to an app failed")
            dialled = Failure(FailureKind.UNREACHABLE, Side.GATEWAY, "The gateway itself failed.")
        except BaseException:
            self.pool.leave(key)
            raise
        if isinstance(dialled, Failure):
            self.pool.leave(key)
            return dialled
        connection = dialled[1]
        assert isinstance(connection, AppConnection)
        connection.owned(self._lost(key))
        return connection

    def _lost(self, key: Hashable) -> Callable[[AppConnection], None]:
        return lambda connection: self.pool.lost(key, connection)

    def give_back(self, key: Hashable, connection: AppConnection) -> None:
        """An exchange is over and its connection is in order: let it rest, or close it."""
        if connection.paused:
            connection.resume()
        poolable = connection.reusable and not self.draining and not isinstance(key, ThroughManager)
        if not poolable or not self.pool.put_back(key, connection):
            connection.abort()

    async def close(self) -> None:
        """End what runs and what rests."""
        await self.tasks.close()
        self.pool.close()
