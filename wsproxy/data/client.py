"""A client's HTTP connection: accept, read head, plan; then one exchange after the other.

Requests of one connection are answered in order, one at a time; bytes of later ones wait unread.
A client that ends its side while a request is under way has left (as nginx and Go see it too): a
quiet stream would otherwise never notice (observed 6 D21).
"""

import asyncio
import logging
from collections.abc import Callable
from typing import cast

from wsproxy.core.bodies import follow
from wsproxy.core.forwarded import is_trusted, plain_address
from wsproxy.core.framing import Fault, Request, early_fault, read_request, too_large
from wsproxy.core.heads import Peer
from wsproxy.core.negotiate import Form
from wsproxy.core.problem import Problem
from wsproxy.core.wire import Version
from wsproxy.data.clientside import Given, Underway
from wsproxy.data.engine import Engine
from wsproxy.data.exchange import Exchange
from wsproxy.data.quick import quick
from wsproxy.data.recipes import Ready
from wsproxy.data.replies import form_for, problem_bytes, reply_bytes
from wsproxy.data.site import Forward, HandOver, Refuse, Reply, Site
from wsproxy.net.http1 import HIGH_WATER
from wsproxy.net.sockets import close, finish, reset, tune, undelivered
from wsproxy.net.stall import Stall
from wsproxy.net.timer import Timer

log = logging.getLogger(__name__)

UNREAD = 64 * 1024
"""Bytes of later requests that are kept before the client is not read any more."""


def serve(
    engine: Engine, site: Site, version: Version = Version.V2, scope: str = ""
) -> Callable[[], asyncio.Protocol]:
    """A protocol factory for a listener. ``version``: told when a request cannot even be read.

    ``scope``: connections of one client are counted for each scope, so that apps cannot use up
    those of the API.
    """
    return lambda: ClientConnection(engine, site, version, scope)


class ClientConnection(asyncio.Protocol):
    """One accepted connection. States: reading a head, in an exchange, lingering, gone."""

    timer: Timer
    _stall: Stall | None = None  # most clients take all that they are given

    def __init__(self, engine: Engine, site: Site, version: Version, scope: str = "") -> None:
        self._engine = engine
        self._scope = scope
        self._site = site
        self._version = version
        self._transport: asyncio.Transport | None = None
        self._peer = Peer("")
        self._unread = b""
        self._exchange: Underway | None = None
        self._lingering = False
        self._head_begun = False
        self.held = False  # the app takes no more
        self._swamped = False  # by unread bytes
        self._unheard = False  # our transport does not read
        self._counted = False
        self._waiting = 0
        self.full = False

    def __repr__(self) -> str:
        return f"ClientConnection({self._peer}, {self._exchange!r}, unread={len(self._unread)})"

    # -- accept

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass
        self._transport = transport
        self._peer = peer_of(transport)
        self.timer = Timer(self._engine.open.wheel)
        tune(transport)
        transport.set_write_buffer_limits(high=HIGH_WATER)
        self._engine.open.clients.add(self)
        if self._too_many():
            self._refuse(Problem("too-many-requests", msg="Too many connections at once."))
        else:
            self.timer.set(self._engine.rules.head_seconds, self._head_late)

    def _too_many(self) -> bool:
        rules, host = self._engine.rules, self._peer.host
        if not rules.per_client or not host or is_trusted(host, rules.trusted):
            return False
        self._counted = True
        return self._engine.open.arrived(self._counted_as) > rules.per_client

    @property
    def _counted_as(self) -> str:
        return f"{self._scope} {self._peer.host}".lstrip()

    def _end_timers(self) -> None:
        self.timer.close()
        if self._stall is not None:
            self._stall.close()

    # -- what the transport says

    def data_received(self, data: bytes) -> None:
        exchange = self._exchange
        if exchange is not None:
            data = exchange.feed(data)
            if data and self._exchange is not None:
                self._keep_unread(self._unread + data)
        elif not self._lingering and (self._unread or not self._known(data)):
            self._read_head(data)

    def _known(self, data: bytes) -> bool:
        """Whether it is one head, of a kind that was planned before."""
        engine = self._engine
        ready = engine.recipes.find(data, self._site, self._peer, engine.rules.head)
        if ready is None:
            return False
        self._begin(ready, b"")
        return True

    def eof_received(self) -> None:
        """The client ends its side; the transport closes when this returns."""
        if self._exchange is not None:
            self._exchange.client_gone()
        self._close()

    def connection_lost(self, error: Exception | None) -> None:
        self._leave()
        self._transport = None
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.client_gone()
        self._end_timers()  # the exchange may have set it once more

    def pause_writing(self) -> None:
        self.full = True
        if self._exchange is not None:
            self._exchange.client_full()
        if (stall := self.stall) is not None:
            stall.begin()

    def resume_writing(self) -> None:
        self.full = False
        if self._stall is not None:
            self._stall.end()
        if self._exchange is not None:
            self._exchange.client_ready()

    # -- read head

    def _read_head(self, data: bytes) -> None:
        begun = len(self._unread) if self._head_begun else 0  # else nobody has looked at it yet
        if self._unread:
            data = self._unread + data
        if data.startswith(b"\r\n"):
            data, begun = data[2:], 0  # one empty line before a request is forgiven (RFC 9112 2.2)
        end = data.find(b"\r\n\r\n", max(0, begun - 3))
        if end < 0:
            self._head_incomplete(data, begun)
            return
        raw, rest = data[: end + 4], data[end + 4 :]
        self._unread = b""
        engine = self._engine
        ready = engine.recipes.find(raw, self._site, self._peer, engine.rules.head)
        if ready is not None:
            self._begin(ready, rest)
            return
        fault = too_large(raw, engine.rules.head)
        request = fault or read_request(raw)
        if isinstance(request, Fault):
            self._refuse(Problem(request.code, msg=request.detail))
            return
        self.timer.clear()
        self._head_begun = False
        self._plan(request, raw, rest)

    def _head_incomplete(self, data: bytes, begun: int) -> None:
        self._unread = data
        fault = too_large(data, self._engine.rules.head) or early_fault(data, begun)
        if fault is not None:
            self._refuse(Problem(fault.code, msg=fault.detail))
        elif data and not self._head_begun:
            self._head_begun = True
            self.timer.set(self._engine.rules.head_seconds, self._head_late)

    def _head_late(self) -> None:
        if self._unread:
            self._refuse(Problem("head-timeout"))
        else:
            self._close()  # a browser's spare connection

    # -- plan

    def _plan(self, request: Request, raw: bytes, rest: bytes) -> None:
        try:
            plan = self._site.plan(request.head, self._peer)
        except Exception:
            log.exception("planning a request failed")
            plan = Refuse(Problem("internal-server-error"), self._version)
        if isinstance(plan, Forward):
            use = self._engine.use(plan.circuit_id)
            ready = Ready(request, plan, use, request.head.target)
            self._engine.recipes.learn(raw, self._site, self._peer, ready)
            self._begin(ready, rest)
        elif isinstance(plan, HandOver):
            self._give_away(plan, raw + rest)
        else:
            self._answer(request, plan, rest)

    def _begin(self, ready: Ready, rest: bytes) -> None:
        self._head_begun = False
        if not rest:
            short = quick(self, self._engine, self._site, ready)
            if short is not None:
                self._exchange = short
                short.go()
                return
        self.timer.clear()
        exchange = Exchange(self, self._engine, self._site, ready)
        self._exchange = exchange
        left = exchange.start(rest)
        if not exchange.over:
            if left:
                self._keep_unread(left)
            exchange.go()

    def _give_away(self, plan: HandOver, data: bytes) -> None:
        """Another protocol has the connection from here on, with every byte of it."""
        given = self.hand_over()
        if self._counted:
            self._engine.open.departed(given.address)
        protocol = plan.factory()
        given.transport.set_protocol(protocol)
        protocol.connection_made(given.transport)
        protocol.data_received(data)

    def _answer(self, request: Request, plan: Refuse | Reply, rest: bytes) -> None:
        """The site's own answer. A body that has not arrived is not waited for."""
        head = request.head
        tracker = follow(request.body)
        left = rest[tracker.feed(rest) :] if tracker else rest
        whole = tracker is None or tracker.done
        early = bool(request.upgrade and left)  # not HTTP, whatever it looks like (RFC 9931)
        keep = request.keep_alive and whole and not early and not self._engine.draining
        bodyless = head.method == "HEAD"
        if isinstance(plan, Refuse):
            data = problem_bytes(
                plan.problem,
                plan.version,
                form_for(head.values(b"accept")),
                plan.headers,
                close=not keep,
                bodyless=bodyless,
            )
        else:
            data = reply_bytes(
                plan.status,
                plan.headers,
                plan.body,
                plan.version,
                close=not keep,
                bodyless=bodyless,
            )
        self._unread = left
        self.write(data)
        self._next(keep=keep, whole=whole)

    def _refuse(self, problem: Problem) -> None:
        """An answer to what is no request; where it would end is unknown, so nothing follows."""
        self._unread = b""
        self.write(problem_bytes(problem, self._version, Form.JSON, close=True))
        self._next(keep=False, whole=False)

    # -- what an exchange asks for (data.exchange.Client)

    @property
    def transport(self) -> asyncio.Transport | None:
        return self._transport

    @property
    def has_unread(self) -> bool:
        return bool(self._unread)

    @property
    def stall(self) -> Stall | None:
        rules = self._engine.rules
        if self._stall is None and rules.stalled and self._transport is not None:
            wheel = self._engine.open.wheel
            self._stall = Stall(self._transport, wheel, rules.stalled, self._stalled)
        return self._stall

    def _stalled(self) -> None:
        """One that rests or is closed is not waited for anyway."""
        if self._exchange is not None:
            self._exchange.client_stalled()
        elif self.full and self._stall is not None:
            self._stall.begin()  # an exchange may begin while it is full

    def write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def hold_app(self, hold: bool) -> None:
        if hold is not self.held:
            self.held = hold
            self._listen()

    def goes_on(self, exchange: Underway) -> None:
        if self._exchange is not None:
            self._exchange = exchange

    def answered(self) -> None:
        self._exchange = None
        if self.held:
            self.hold_app(False)
        if self._transport is not None and not self._transport.is_closing():
            self._rest()

    def finished(self, *, keep: bool) -> None:
        exchange, self._exchange = self._exchange, None
        if self.held:
            self.hold_app(False)
        self._next(keep=keep, whole=exchange is None or exchange.complete)

    def cut(self, *, hard: bool) -> None:
        self._exchange = None
        if self._transport is not None:
            if hard:
                reset(self._transport)
            else:
                self._close()

    def hand_over(self) -> Given:
        assert self._transport is not None
        given = Given(self._transport, self._unread, self._counted_as if self._counted else "")
        self._end_timers()
        self._engine.open.gone(self)
        self._exchange = None
        self._transport = None
        self._unread = b""
        return given

    # -- unread bytes

    def _keep_unread(self, data: bytes) -> None:
        self._unread = data
        self._swamped = len(data) > UNREAD
        self._listen()

    def _listen(self) -> None:
        """Read from the client, or not, as both who may object want it."""
        unheard = self.held or self._swamped
        if unheard is self._unheard or self._transport is None or self._transport.is_closing():
            return
        self._unheard = unheard
        if unheard:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    # -- after an answer

    def _next(self, *, keep: bool, whole: bool) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        if keep and (self._unread or not self._engine.draining):
            self._rest()
        elif whole and not self._unread:
            self._close()
        else:
            self._linger()

    def _rest(self) -> None:
        """Wait for the next request, which may have arrived already."""
        self.timer.set(self._engine.rules.idle, self._close)
        if self._unread:
            asyncio.get_running_loop().call_soon(self._go_on)

    def _go_on(self) -> None:
        if self._transport is None or self._exchange is not None or self._lingering:
            return
        data, self._unread = self._unread, b""
        self._swamped = False
        self._listen()
        if data:
            self._read_head(data)

    def _linger(self) -> None:
        """Close while the client may still be sending.

        A close with unread bytes becomes a reset, and that may take the answer with it
        (RFC 9112 section 9.6). So our side ends, and what comes is thrown away for a moment.
        """
        assert self._transport is not None
        self._lingering = True
        self._unread = b""
        self.held = self._swamped = False
        self._listen()
        finish(self._transport)
        self._waiting = 0
        self.timer.set(self._engine.rules.linger, self._stop_waiting)

    def _close(self) -> None:
        """Close when what was written has left."""
        self.timer.clear()
        if self._transport is None:
            return
        close(self._transport)
        if self._transport.get_write_buffer_size():
            self._waiting = undelivered(self._transport)
            self.timer.set(self._engine.rules.flush, self._stop_waiting)

    def _stop_waiting(self) -> None:
        """Abort, unless the client is still taking what was written."""
        assert self._transport is not None
        left = undelivered(self._transport)
        if left and left != self._waiting:
            self._waiting = left
            self.timer.set(self._engine.rules.flush, self._stop_waiting)
        else:
            self._transport.abort()

    # -- ends from our side

    @property
    def busy(self) -> bool:
        """An answer is under way, or a request has begun to arrive."""
        return self._exchange is not None or bool(self._unread)

    def drain(self) -> None:
        if not self.busy and not self._lingering:  # that ends by itself, soon
            self._close()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _leave(self) -> None:
        self._engine.open.gone(self)
        if self._counted and self._transport is not None:
            self._engine.open.departed(self._counted_as)


def peer_of(transport: asyncio.BaseTransport) -> Peer:
    """Who connected. A UNIX socket has no address."""
    name = transport.get_extra_info("peername")
    tls = transport.get_extra_info("sslcontext") is not None
    if not isinstance(name, tuple):
        return Peer("", tls=tls)
    return Peer(plain_address(str(name[0])), int(name[1]), tls=tls)
