"""A worker process: carries the bytes of connections that the main process accepted.

It knows the circuits from the main process, and nothing of the control API. It ends when it is
told to, or when the main process is gone; then its requests may still finish.
"""

import asyncio
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

from wsproxy.app.carrying import Carrying, Surroundings, anyone
from wsproxy.app.messages import (
    Ask,
    Begin,
    Close,
    Configured,
    Drain,
    Gone,
    Listen,
    Put,
    Serve,
    Stop,
    Take,
    pack,
    unpack,
)
from wsproxy.app.witness import OutcomeWitness
from wsproxy.core.circuit import Circuit, CloseReason, PortListener
from wsproxy.core.configuration import Configuration
from wsproxy.core.routing import EMPTY, RouteTable
from wsproxy.core.sharing import remember
from wsproxy.core.targets import Listening
from wsproxy.core.told import Answered, Closed, Ready, Report, SessionGone, Told
from wsproxy.data.handed import Handed
from wsproxy.data.health import News
from wsproxy.data.ledger import Ledger, Signs, TellingRoutes
from wsproxy.manager.configurations import MOST
from wsproxy.net.channel import Channel
from wsproxy.net.loops import loop_factory, search_less
from wsproxy.net.tasks import Tasks
from wsproxy.observe import logs
from wsproxy.observe.counts import Counts

log = logging.getLogger(__name__)

TICK = 0.5
"""Seconds between two reports."""

LAST_WORDS = 2.0
"""Seconds for the last report to leave."""


class Worker:
    """One worker. ``run`` serves until it is told to stop."""

    def __init__(self, sock: socket.socket) -> None:
        self._channel = Channel(sock, self._hear, self._alone)
        self._table = EMPTY
        self._configurations: dict[str, Configuration] = {}
        self._part: _Part | None = None
        self._draining = False
        self._over = asyncio.Event()
        self._tasks = Tasks("worker")

    async def run(self) -> None:
        await self._over.wait()
        await self._tasks.close()
        if self._part is not None:
            await self._part.close()
        self._channel.close()

    # what main says

    def _hear(self, data: bytes, sock: socket.socket | None) -> None:
        try:
            message = unpack(data)
            if isinstance(message, Take):
                self._working.handed.take(sock, message.circuit_id)
            else:
                _HEARD[type(message)](self, message)
        except Exception:
            log.exception("a message of the main process was not understood")
            if self._part is None:
                self._over.set()

    @property
    def _working(self) -> "_Part":
        assert self._part is not None, "the first message begins"
        return self._part

    def _begin(self, begin: Begin) -> None:
        gateway = begin.settings.gateway
        logs.setup(gateway.log_level, gateway.log_format)
        around = Surroundings(
            lambda: self._table,
            lambda port: _listening(port, begin.sites, self._table),
            self._configurations.get,
            TellingRoutes(time.monotonic),
            anyone,  # main has looked
            self._gone_session,
        )
        self._part = _Part(begin, around)

    def _configured(self, message: Configured) -> None:
        remember(self._configurations, message.id, message.configuration, MOST)

    def _listen(self, message: Listen) -> None:
        for circuit in message.circuits:
            self._working.handed.listen(circuit)

    def _put(self, message: Put) -> None:
        if not len(self._table):
            self._table = RouteTable.of((circuit, True) for circuit in message.circuits)
            return
        for circuit in message.circuits:
            self._table = self._table.with_circuit(circuit)

    def _gone(self, message: Gone) -> None:
        self._table = self._table.without(message.circuit_id)

    def _close(self, message: Close) -> None:
        circuit = message.circuit
        self._working.handed.close(circuit, message.reason)
        self._tell(Closed(circuit.id, self._working.ledger.last(circuit.id)))

    def _learn(self, news: News) -> None:
        self._working.routes.learn(news)

    def _serve(self, message: Serve) -> None:
        self._tell(Ready())
        self._tasks.start(self._report(), "report")

    def _ask(self, message: Ask) -> None:
        self._tell(self._working.report())
        self._tell(Answered())

    def _drain(self, message: Drain) -> None:
        self._tasks.start(self._drained(message.grace), "drain")

    def _stop(self, message: Stop) -> None:
        self._over.set()

    def _alone(self) -> None:
        """The main process is gone."""
        if self._part is None:
            self._over.set()
        if self._part is None or self._draining:
            return
        log.warning("the main process has ended: running requests may finish")
        self._tasks.start(self._drained(self._part.grace), "drain")

    # what main is told

    def _tell(self, told: Told) -> None:
        self._channel.send(pack(told))

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            self._tell(self._working.report())

    async def _drained(self, grace: float) -> None:
        part = self._working
        self._draining = True
        await part.handed.drain(grace)
        self._tell(part.report())
        try:
            async with asyncio.timeout(LAST_WORDS):
                await self._channel.flushed()
        except TimeoutError:
            pass
        self._over.set()

    async def _gone_session(self, circuit: Circuit, reason: CloseReason) -> None:
        self._tell(SessionGone(circuit.id, reason))


_HEARD: dict[type, Callable[[Worker, Any], None]] = {
    Begin: Worker._begin,
    Configured: Worker._configured,
    Listen: Worker._listen,
    Put: Worker._put,
    Gone: Worker._gone,
    Close: Worker._close,
    News: Worker._learn,
    Ask: Worker._ask,
    Serve: Worker._serve,
    Drain: Worker._drain,
    Stop: Worker._stop,
}


class _Part:
    """The data plane of one worker, and what it counts."""

    def __init__(self, begin: Begin, around: Surroundings) -> None:
        assert isinstance(around.routes, TellingRoutes)
        self.grace = begin.settings.gateway.grace
        self.routes = around.routes
        self._counts = Counts()
        self._signs = Signs()
        self._carrying = carrying = Carrying(begin.settings, around, begin.processes)
        carrying.begin(begin.places, OutcomeWitness(self._counts, self._signs))
        domain = carrying.wildcard() if begin.places.domain else None
        self.handed = Handed(carrying.engine, carrying.factories, domain, carrying.tls)
        self.ledger = Ledger(carrying.activity)

    def report(self) -> Report:
        return Report(
            self.handed.taken,
            self.handed.open,
            self.ledger.changes(),
            self._counts.drain(),
            self._signs.drain(),
            self.routes.drain(),
        )

    async def close(self) -> None:
        await self.handed.close_all()
        await self._carrying.streams.close()


def _listening(port: int, sites: tuple[Listening, ...], table: RouteTable) -> Iterable[Listening]:
    """Our own listeners with a port, as ``app.traffic`` knows them."""
    yield from (site for site in sites if site.port == port)
    circuit = table.by_port(port)
    if circuit is not None and isinstance(circuit.listener, PortListener):
        for host in circuit.listener.host.split(","):
            yield Listening(host, port)


def main() -> None:
    """The process: its one argument is the number of its end of the channel.

    Signals are the main process's affair: a terminal and a service manager send them to all.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    sock = socket.socket(fileno=int(sys.argv[1]))
    os.set_inheritable(sock.fileno(), False)
    search_less()
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(_run(sock))


async def _run(sock: socket.socket) -> None:
    await Worker(sock).run()


if __name__ == "__main__":
    main()
