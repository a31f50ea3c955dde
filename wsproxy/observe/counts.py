"""What one of several processes counts, until it hands that to the process that shows it."""

from wsproxy.core.counted import Counted
from wsproxy.observe.tally import Tally


class Counts:
    """Stands for ``observe.metrics`` where traffic is carried; ``drain`` empties it."""

    def __init__(self) -> None:
        self._tally = Tally()
        self._tunnels: dict[str, int] = {}
        self._failures: dict[tuple[str, str], int] = {}
        self.exchange = self._tally.exchange

    def tunnel(self, version: str) -> None:
        self._tunnels[version] = self._tunnels.get(version, 0) + 1

    def failure(self, kind: str, side: str) -> None:
        self._failures[kind, side] = self._failures.get((kind, side), 0) + 1

    def drain(self) -> Counted:
        """What was counted since the last time."""
        counted = Counted(
            self._tally.drain(),
            tuple(self._tunnels.items()),
            tuple((*which, count) for which, count in self._failures.items()),
        )
        self._tunnels.clear()
        self._failures.clear()
        return counted
