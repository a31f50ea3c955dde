"""Kept connections to apps, per route, and the places for more (design 5.7).

A *place* is one connection that may be open to a route: resting, busy, or being dialled. Tunnels
give their place back. Waiting for a place has its own deadline; it is no part of connecting.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from wsproxy.core.failure import Failure, FailureKind, Side
from wsproxy.core.pooling import Advice, PoolRules, advice, keep, next_look, tired, usable


class Poolable(Protocol):
    """A connection that can rest. When it is gone its owner calls ``Pool.lost``, once."""

    @property
    def closed(self) -> bool: ...

    def abort(self) -> None: ...


C = TypeVar("C", bound=Poolable)
Key = Hashable


@dataclass(slots=True)
class _Lane(Generic[C]):
    """One route: connections that rest (oldest first), places taken, and who waits for one."""

    resting: list[tuple[C, float]] = field(default_factory=list)
    taken: int = 0
    waiting: deque[asyncio.Future[None]] = field(default_factory=deque)


class Pool(Generic[C]):
    """Lends connections. Mutable state: ``_lanes`` and the sweep timer, nothing else."""

    def __init__(self, rules: PoolRules, now: Callable[[], float] | None = None) -> None:
        self._rules = rules
        self._now = now
        self._lanes: dict[Key, _Lane[C]] = {}
        self._sweep: asyncio.TimerHandle | None = None
        self._soon = False  # the next sweep looks for surplus

    def __repr__(self) -> str:
        taken = sum(lane.taken for lane in self._lanes.values())
        resting = sum(len(lane.resting) for lane in self._lanes.values())
        return f"Pool(routes={len(self._lanes)}, open={taken}, resting={resting})"

    def _time(self) -> float:
        if self._now is None:
            self._now = asyncio.get_running_loop().time
        return self._now()

    def open(self, key: Key) -> int:
        """Places taken on a route."""
        lane = self._lanes.get(key)
        return lane.taken if lane else 0

    def take(self, key: Key, *, safe: bool) -> C | None:
        """A resting connection that may carry a request of this kind, the youngest one."""
        lane = self._lanes.get(key)
        while lane is not None and lane.resting:
            connection, since = lane.resting[-1]
            if not usable(self._time() - since, safe, self._rules):
                return None
            lane.resting.pop()
            if not connection.closed:
                return connection
        return None

    async def place(
        self, key: Key, deadline: float, *, safe: bool, fresh: bool = False
    ) -> C | Failure | None:
        """A resting connection (not if ``fresh``), or None: the caller owns a place and dials.

        A failure when no place became free within ``deadline`` seconds.
        """
        try:
            async with asyncio.timeout(deadline):
                while fresh or (connection := self.take(key, safe=safe)) is None:
                    lane = self._lanes.setdefault(key, _Lane())  # while we waited it may have gone
                    self._evict(lane)
                    if advice(0, lane.taken, self._rules) is Advice.DIAL:
                        lane.taken += 1
                        return None
                    await self._wait(lane)
                return connection
        except TimeoutError:
            detail = "All connections to the app are in use."
            return Failure(FailureKind.SLOT_TIMEOUT, Side.GATEWAY, detail)

    def _evict(self, lane: _Lane[C]) -> None:
        """Close a connection that rests but may not be used, when it has the last place.

        Its place is free when it is gone; ``lost`` then wakes who waits.
        """
        if lane.taken >= self._rules.total and lane.resting:
            lane.resting.pop(0)[0].abort()

    async def _wait(self, lane: _Lane[C]) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        lane.waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._wake(lane)  # the turn was ours and is not used: pass it on
            raise
        finally:
            if turn in lane.waiting:
                lane.waiting.remove(turn)

    def _wake(self, lane: _Lane[C]) -> None:
        while lane.waiting:
            turn = lane.waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return

    def put_back(self, key: Key, connection: C) -> bool:
        """Let a connection rest. False: there is no room, the caller closes it."""
        lane = self._lanes[key]
        if not keep(len(lane.resting), len(lane.waiting), self._rules):
            return False
        lane.resting.append((connection, self._time()))
        if lane.waiting:
            self._wake(lane)
        if self._sweep is None or (len(lane.resting) > self._rules.lasting and not self._soon):
            self._plan_sweep(len(lane.resting))
        return True

    def leave(self, key: Key) -> None:
        """Give a place back: dialling failed, the connection ended, or it became a tunnel."""
        lane = self._lanes[key]
        lane.taken -= 1
        self._wake(lane)
        if not lane.taken and not lane.waiting:
            del self._lanes[key]

    def lost(self, key: Key, connection: C) -> None:
        """A connection of the pool is gone, resting or not."""
        lane = self._lanes.get(key)
        if lane is None:
            return
        lane.resting = [one for one in lane.resting if one[0] is not connection]
        self.leave(key)

    def forget(self, key: Key) -> None:
        """Close what rests on a route: its circuit has ended."""
        lane = self._lanes.get(key)
        if lane is not None:
            resting, lane.resting = lane.resting, []
            for connection, _ in resting:
                connection.abort()

    def close(self) -> None:
        """Close everything that rests."""
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        for key in list(self._lanes):
            self.forget(key)

    def _plan_sweep(self, most: int) -> None:
        if self._sweep is not None:
            self._sweep.cancel()
        loop = asyncio.get_running_loop()
        self._soon = most > self._rules.lasting
        self._sweep = loop.call_later(next_look(most, self._rules) + 0.01, self.sweep)

    def sweep(self) -> None:
        """Close what has rested too long; runs by itself while anything rests."""
        now, most = self._time(), 0
        for lane in self._lanes.values():
            most = max(most, self._let_go(lane, now))
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        if most:
            self._plan_sweep(most)

    def _let_go(self, lane: _Lane[C], now: float) -> int:
        """How many still rest. The oldest come first: who follows one that stays, stays too."""
        count = len(lane.resting)
        gone = 0
        while gone < count and tired(count - gone - 1, now - lane.resting[gone][1], self._rules):
            gone += 1
        tired_ones, lane.resting = lane.resting[:gone], lane.resting[gone:]
        for connection, _ in tired_ones:
            connection.abort()
        return len(lane.resting)
