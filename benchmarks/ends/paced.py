"""Small requests that arrive by the clock, whether or not earlier ones were answered.

Requests of people do not come in step. A load generator that pauses for whole milliseconds sends
its requests in bursts, and the last one of a burst waits for all others: that measures the burst.
Here the gaps between arrivals are random, as fine as the system's clock, and the same in every run.
A request that is due while all connections are busy waits, and its wait counts.
"""

import select
import socket
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from random import Random

from benchmarks.ends.calls import Wrong, connected
from benchmarks.process import Running

SEED = 1
ANSWERED = b"HTTP/1.1 200 "
LATE = 10.0
"""Seconds in which the last answers must be there."""


def arrivals(rate: float, seconds: float) -> list[float]:
    """Moments in seconds from the start: ``rate`` each second, independent of each other."""
    drawn = Random(SEED)
    gaps = (drawn.expovariate(rate) for _ in range(round(rate * seconds)))
    return list(accumulate(gaps))


def percentile(values: list[float], share: float) -> float:
    """The smallest value that ``share`` of them do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


@dataclass(slots=True)
class _Call:
    peer: socket.socket
    due: float = 0.0
    got: bytes = b""


class Paced:
    """The load: one request at a time on each connection. ``body``: what every answer ends with."""

    def __init__(self, target: Running, path: str, body: bytes, connections: int) -> None:
        self._name = target.name
        self._request = target.request(path)
        self._body = body
        self._idle = deque(_Call(connected(target)) for _ in range(connections))
        self._calls: dict[int, _Call] = {}
        self._poll = select.epoll()
        for call in self._idle:
            call.peer.setblocking(False)
            self._calls[call.peer.fileno()] = call
            self._poll.register(call.peer.fileno(), select.EPOLLIN)

    def run(self, rate: float, seconds: float) -> list[float]:
        """Seconds from when a request was due to when its answer was there, for each of them."""
        took: list[float] = []
        began = time.perf_counter()
        limit = began + seconds + LATE
        waiting = iter(arrivals(rate, seconds))
        due = next(waiting, None)
        while due is not None or len(self._idle) < len(self._calls):
            now = time.perf_counter()
            if now > limit:
                raise Wrong(f"{self._name}: {len(self._calls) - len(self._idle)} answers missing")
            while due is not None and began + due <= now and self._idle:
                self._send(began + due)
                due = next(waiting, None)
            self._wait(began + due - now if due is not None and self._idle else 1.0)
            took += self._answers()
        return took

    def close(self) -> None:
        for call in self._calls.values():
            call.peer.close()
        self._poll.close()

    def _wait(self, seconds: float) -> None:
        """Until something arrives. ``epoll`` itself only knows whole milliseconds."""
        if seconds > 0:
            select.select((self._poll,), (), (), seconds)

    def _send(self, due: float) -> None:
        call = self._idle.popleft()
        call.due = due
        call.peer.send(self._request)  # far below what the socket takes

    def _answers(self) -> Iterator[float]:
        for number, _ in self._poll.poll(0):
            call = self._calls[number]
            data = call.peer.recv(65536)
            call.got += data
            if not data or not call.got.startswith(ANSWERED[: len(call.got)]):
                raise Wrong(f"{self._name}: {call.got[:400]!r}")
            if call.got.endswith(self._body):
                yield time.perf_counter() - call.due
                call.got = b""
                self._idle.append(call)
