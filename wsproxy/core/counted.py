"""What a process counted of its traffic since it last told: values that can be added up."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Exchanges:
    """HTTP exchanges: how many per version and class of status, per bucket of their duration, and
    how long they took together.
    """

    ended: tuple[tuple[str, int, int], ...] = ()  # version, status // 100, count
    buckets: tuple[int, ...] = ()
    microseconds: int = 0

    def __bool__(self) -> bool:
        return bool(self.ended)


NO_EXCHANGES = Exchanges()


@dataclass(frozen=True, slots=True)
class Counted:
    """``tunnels``: version and count; ``failures``: kind, side and count."""

    exchanges: Exchanges = NO_EXCHANGES
    tunnels: tuple[tuple[str, int], ...] = ()
    failures: tuple[tuple[str, str, int], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.exchanges or self.tunnels or self.failures)


NOTHING = Counted()
