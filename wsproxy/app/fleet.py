"""Several processes: this one listens, its workers carry the bytes.

    accept → choose the worker with the fewest connections → hand the socket over, as it is

What is told to a worker stays in order, so it knows a circuit before the circuit's first
connection, and nobody has to wait for an answer. Only closing does: a circuit is closed when every
worker has ended its connections. Why sockets are handed over: decision 0017.
"""

import asyncio
import logging
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from uuid import UUID

from wsproxy.app.gathering import Gathering
from wsproxy.app.messages import (
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
)
from wsproxy.app.workers import FAREWELL, WorkerProcess
from wsproxy.config.settings import Settings
from wsproxy.core.circuit import Circuit, CloseReason, PortListener, ThroughManager, Transport
from wsproxy.core.configuration import Configuration
from wsproxy.core.forwarded import plain_address
from wsproxy.core.heads import Peer
from wsproxy.core.problem import Problem
from wsproxy.core.routing import RouteTable
from wsproxy.core.setup import Places
from wsproxy.core.sharing import choose, ended_early, pause, remember
from wsproxy.core.targets import Listening
from wsproxy.core.told import Answered, Closed, Ready, Report, SessionGone, Told
from wsproxy.core.wire import Version
from wsproxy.data.accepted import Admit
from wsproxy.manager.configurations import MOST
from wsproxy.net.accepting import Acceptor
from wsproxy.net.binding import PortTaken, listen
from wsproxy.net.tasks import Tasks

log = logging.getLogger(__name__)

START = 60.0
"""Seconds for the first workers to be ready."""

CLOSING = 5.0
"""Seconds that closing a circuit waits for the workers."""

AGAIN = 0.05
"""Seconds between two looks whether a worker takes connections again."""

TICK = 0.5
"""Seconds between two looks at what is new about routes."""

FRESH = 1.0
"""Seconds that somebody who wants to see sums waits for the workers."""

DOMAIN = pack(Take(None))


@dataclass(frozen=True, slots=True)
class Home:
    """What the fleet asks in its own process."""

    table: Callable[[], RouteTable]
    find: Callable[[str], Configuration | None]
    admit_tcp: Admit
    gathering: Gathering


@dataclass(frozen=True, slots=True)
class _Port:
    circuit: Circuit
    acceptor: Acceptor
    take: bytes


class Fleet:
    """The workers of a node and the listeners of its circuits (a ``circuits.ListenerHost``)."""

    def __init__(self, settings: Settings, processes: int, home: Home) -> None:
        self._settings = settings
        self._processes = processes
        self._home = home
        self._workers: list[WorkerProcess] = []
        self._ports: dict[UUID, _Port] = {}
        self._domain: Acceptor | None = None
        self._held: list[tuple[bytes, socket.socket]] = []  # came back from a worker that died
        self._begin: Begin | None = None
        self._turn = 0
        self._again: asyncio.TimerHandle | None = None
        self._all_ready = asyncio.Event()
        self._failed = False
        self._ending = False
        self._tasks = Tasks("fleet")

    def __repr__(self) -> str:
        return f"Fleet({self._workers}, {len(self._ports)} ports)"

    @property
    def pids(self) -> list[int]:
        return [worker.pid for worker in self._workers if not worker.over]

    @property
    def connections(self) -> int:
        """Those of clients in all workers."""
        return sum(worker.open for worker in self._workers)

    # the beginning

    async def start(self, places: Places, sites: tuple[Listening, ...]) -> None:
        """Start the workers, wait until they serve. Raises ``OSError`` when they do not."""
        self._begin = Begin(self._settings, places, sites, self._processes)
        for number in range(self._processes):
            await self._start_one(number)
        try:
            async with asyncio.timeout(START):
                await self._all_ready.wait()
        except TimeoutError:
            self._failed = True
        if self._failed:
            raise OSError("a worker process does not start")
        self._tasks.start(self._tick(), "tick")

    async def _start_one(self, number: int, early: int = 0) -> None:
        worker = WorkerProcess(number, self._heard, self._lost, early)
        await worker.start()
        self._workers[number : number + 1] = [worker]
        worker.tell(self._begin)
        listening = tuple(port.circuit for port in self._ports.values())
        known = self._home.table().all()
        for circuit in (*listening, *known):
            self._introduce(worker, circuit)
        worker.tell(Listen(listening))
        worker.tell(Put(known))
        worker.tell(self._home.gathering.all_news())
        worker.tell(Serve())

    def _introduce(self, worker: WorkerProcess, circuit: Circuit) -> None:
        """Tell who signs for the circuit's ways through the manager, if that is news."""
        for route in circuit.routes:
            if isinstance(route, ThroughManager):
                name = route.configuration
                known = self._home.find(name)
                if known is not None and worker.configurations.get(name) is not known:
                    remember(worker.configurations, name, known, MOST)
                    worker.tell(Configured(name, known))

    # circuits

    def table_changed(self, before: RouteTable, after: RouteTable) -> None:
        """The route table was swapped (a listener of ``state.feed``)."""
        for circuit in before.gone_in(after):
            self._tell(Gone(circuit.id))
        new = before.new_in(after)
        for circuit in new:
            for worker in self._living():
                self._introduce(worker, circuit)
        if new:
            self._tell(Put(new))

    async def open(self, circuit: Circuit) -> Circuit | Problem:
        """Bind the port a circuit asks for; every worker will know it before its connections."""
        wanted = circuit.listener
        if not isinstance(wanted, PortListener):
            return circuit
        if self._ending:
            return Problem("shutting-down", retry_after=5)
        try:
            sockets = await listen(wanted.host, wanted.port)
        except PortTaken as taken:
            return Problem("appproxy/port-not-available", msg=str(taken))
        opened = replace(circuit, listener=replace(wanted, port=sockets[0].getsockname()[1]))
        for worker in self._living():
            self._introduce(worker, opened)
        self._tell(Listen((opened,)))
        take = partial(self._arrived, opened.id)
        acceptor = Acceptor(sockets, take, self._may_accept)
        self._ports[opened.id] = _Port(opened, acceptor, pack(Take(opened.id)))
        return opened

    async def close(self, circuit: Circuit, reason: CloseReason) -> None:
        """End a circuit's listener, and exactly its connections in all workers. Idempotent."""
        port = self._ports.pop(circuit.id, None)
        if port is not None:
            port.acceptor.close()
        loop = asyncio.get_running_loop()
        waiting = [
            worker.closing.setdefault(circuit.id, loop.create_future())
            for worker in self._living()
            if worker.ready
        ]
        self._tell(Close(circuit, reason))
        if waiting:
            _, late = await asyncio.wait(waiting, timeout=CLOSING)
            if late:
                log.warning("circuit %s: %d workers did not close it", circuit.id, len(late))
        self._home.gathering.forget(circuit.id)

    def alive(self, circuit: Circuit) -> bool:
        """Whether connections to the circuit are still accepted."""
        if isinstance(circuit.listener, PortListener):
            port = self._ports.get(circuit.id)
            return port is not None and port.acceptor.alive
        return self._domain is not None and self._domain.alive

    # the wildcard domain

    async def serve_domain(self, host: str, port: int) -> int | Problem:
        """Accept for the wildcard domain; the real port."""
        try:
            sockets = await listen(host, port)
        except PortTaken as taken:
            return Problem("appproxy/port-not-available", msg=str(taken))
        real: int = sockets[0].getsockname()[1]
        self._domain = Acceptor(sockets, partial(self._hand_over, DOMAIN), self._may_accept)
        return real

    def sites(self) -> list[tuple[str, int]]:
        """Where listeners that belong to no circuit are bound."""
        sockets = self._domain.sockets if self._domain is not None else ()
        return [sock.getsockname()[:2] for sock in sockets if sock.fileno() >= 0]

    # connections

    def _may_accept(self) -> bool:
        if self._choose() is not None:
            return True
        if self._again is None and not self._ending:
            self._again = asyncio.get_running_loop().call_later(AGAIN, self._go_on)
        return False

    def _go_on(self) -> None:
        """Somebody may take connections again."""
        self._again = None
        if self._choose() is None:
            self._may_accept()
            return
        held, self._held = self._held, []
        for take, sock in held:
            self._hand_over(take, sock)
        for acceptor in self._acceptors():
            acceptor.go_on()

    def _acceptors(self) -> list[Acceptor]:
        domain = [self._domain] if self._domain is not None else []
        return [*domain, *(port.acceptor for port in self._ports.values())]

    def _choose(self) -> int | None:
        return choose([worker.load for worker in self._workers], self._turn)

    def _arrived(self, circuit_id: UUID, sock: socket.socket) -> None:
        """A connection to a circuit's port. Who may use a raw app is known here alone."""
        port, known = self._ports[circuit_id], self._home.table().by_id(circuit_id)
        circuit = known or port.circuit
        raw = circuit.version is Version.V2 and circuit.transport is Transport.TCP
        if raw and not self._admitted(circuit, sock):
            sock.close()
            return
        if known is not None:
            self._home.gathering.arrived(circuit_id, time.time())
        self._hand_over(port.take, sock, circuit)

    def _admitted(self, circuit: Circuit, sock: socket.socket) -> bool:
        try:
            name = sock.getpeername()
        except OSError:  # gone already
            return False
        return self._home.admit_tcp(circuit, Peer(plain_address(str(name[0])), int(name[1])))

    def _hand_over(self, take: bytes, sock: socket.socket, circuit: Circuit | None = None) -> None:
        chosen = self._choose()
        if chosen is None:
            self._held.append((take, sock))
            self._may_accept()
            return
        self._turn = chosen + 1
        worker = self._workers[chosen]
        if circuit is not None:
            self._introduce(worker, circuit)
        worker.give(take, sock)

    # what workers say

    def _living(self) -> list[WorkerProcess]:
        return [worker for worker in self._workers if not worker.over]

    def _tell(self, message: object) -> None:
        data = pack(message)
        for worker in self._living():
            worker.tell_packed(data)

    def _heard(self, worker: WorkerProcess, told: Told) -> None:
        gathering = self._home.gathering
        match told:
            case Report():
                worker.reported(told)
                gathering.report(worker.connections, told)
                if told.routes:
                    self.tell_news()
            case Closed():
                gathering.closed(worker.connections, told)
                worker.closed(told.circuit_id)
            case SessionGone():
                gathering.session_gone(told)
            case Answered():
                worker.answered()
            case Ready():
                worker.ready = True
                if sum(one.ready for one in self._workers) == self._processes:
                    self._all_ready.set()
                self._go_on()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            self.tell_news()

    def tell_news(self) -> None:
        """Tell the workers what is new about routes."""
        news = self._home.gathering.news()
        if news:
            self._tell(news)

    async def refresh(self) -> None:
        """Hear what the workers have counted until now; a busy one is not waited for long."""
        asked = [worker.ask() for worker in self._living() if worker.ready]
        if asked:
            await asyncio.wait(asked, timeout=FRESH)

    # a worker has died

    def _lost(self, worker: WorkerProcess) -> None:
        self._home.gathering.lost(worker.connections, time.time())
        for take, sock in worker.channel.unsent():
            self._hand_over(take, sock)
        if not self._all_ready.is_set():
            self._failed = True  # the first ones must start, or the gateway does not
            self._all_ready.set()
        elif not self._ending:
            self._tasks.start(self._replace(worker), f"replace worker {worker.number}")

    async def _replace(self, worker: WorkerProcess) -> None:
        how = await worker.ended(FAREWELL)
        log.warning("worker process %d has ended (%s), another one starts", worker.pid, how)
        early = ended_early(worker.early, time.monotonic() - worker.started)
        while True:
            await asyncio.sleep(pause(early))
            try:
                await self._start_one(worker.number, early)
            except OSError as error:
                log.error("no worker process could be started: %s", error)
                early += 1
            else:
                return

    # the end

    async def drain(self, grace: float) -> None:
        """Accept no more, let requests finish within ``grace`` in all workers, end them."""
        self._accept_no_more()
        self._tell(Drain(grace))
        await self._all_ended(grace + FAREWELL)
        await self.close_all()

    async def close_all(self) -> None:
        """End all workers at once. Idempotent."""
        self._accept_no_more()
        self._tell(Stop())
        await self._tasks.close()
        await self._all_ended(FAREWELL)
        await self._home.gathering.close()

    def _accept_no_more(self) -> None:
        self._ending = True
        for acceptor in self._acceptors():
            acceptor.close()
        self._ports.clear()
        if self._again is not None:
            self._again.cancel()
        for _, sock in self._held:
            sock.close()
        self._held.clear()

    async def _all_ended(self, within: float) -> None:
        await asyncio.gather(*(worker.ended(within) for worker in self._workers))
