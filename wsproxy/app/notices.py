"""What goes between a node and the manager's Redis beside routes: use of sessions, their ends."""

from collections.abc import Awaitable, Callable

from wsproxy.app.traffic import Traffic
from wsproxy.config.settings import Settings
from wsproxy.core.usage import Clock
from wsproxy.endings import SessionEndings
from wsproxy.manager.redis import ManagerRedis
from wsproxy.usage import UsageTeller


class NoticesPart:
    """Nothing without ``manager.redis``. ``start`` once; ``close`` ends it.

    ``missed`` asks the manager which sessions have ended.
    """

    def __init__(
        self, settings: Settings, traffic: Traffic, missed: Callable[[], Awaitable[object]]
    ) -> None:
        self._parts: list[UsageTeller | SessionEndings] = []
        manager = settings.manager
        url = manager.redis.get_secret_value()
        if not url:
            return
        self._parts.append(SessionEndings(traffic.circuits, ManagerRedis(url), missed))
        if manager.activity != "none":
            self._parts.append(
                UsageTeller(
                    lambda: traffic.table().all(),
                    traffic.activity.meters.get,
                    ManagerRedis(url),
                    Clock(manager.activity),
                )
            )

    def start(self) -> None:
        for part in self._parts:
            part.start()

    async def close(self) -> None:
        """Idempotent."""
        for part in self._parts:
            await part.close()
