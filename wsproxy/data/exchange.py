"""One request of a client and its answer: connect, relay, finish, record.

The client's connection (``data.client``) has read the head and planned. Here the request goes to
the app over one of the routes of the plan, and the answer comes back, byte for byte. A task runs
only while a connection is dialled; everything else happens in callbacks of the two connections.
"""

import asyncio
from collections.abc import Hashable

from wsproxy.core.circuit import CloseReason, Route, ThroughManager
from wsproxy.core.failure import (
    SAFE_METHODS,
    Failure,
    FailureKind,
    Side,
    may_retry,
    without_way_back,
)
from wsproxy.core.framing import UNTIL_CLOSE, Answer, BodyKind, malformed
from wsproxy.core.headers import AnswerExtras, answer_bytes, plain_bytes, request_bytes
from wsproxy.core.problem import Problem, of_failure
from wsproxy.core.wire import Version
from wsproxy.data.clientside import Client
from wsproxy.data.engine import Engine, record
from wsproxy.data.lanes import key_of
from wsproxy.data.moving import Moving
from wsproxy.data.recipes import Ready
from wsproxy.data.replies import form_for, problem_bytes
from wsproxy.data.site import Outcome, Site
from wsproxy.data.tunnel import Ends, Tunnel
from wsproxy.data.upload import upload_of
from wsproxy.net.http1 import HIGH_WATER, AppConnection
from wsproxy.net.timer import Timer


class Exchange:
    """One forwarded request. States: dialling (``_task``), waiting or relaying (``_app``), over."""

    __slots__ = (
        "_answer",
        "_app",
        "_client",
        "_close",
        "_engine",
        "_forward",
        "_fresh",
        "_head",
        "_key",
        "_meter",
        "_moving",
        "_next_route",
        "_outcome",
        "_request",
        "_site",
        "_task",
        "_total",
        "_upload",
        "_users",
        "over",
    )

    def __init__(self, client: Client, engine: Engine, site: Site, ready: Ready) -> None:
        self._client = client
        self._engine = engine
        self._site = site
        request, forward, use, target, self._head, _ = ready
        self._request = request
        self._forward = forward
        self._meter, self._users = use
        self._outcome = Outcome(forward, request.head.method, target)
        self._upload = upload_of(request.body)
        self._next_route = 0
        self._key: Hashable = None
        self._fresh = bool(request.upgrade)
        self._task: asyncio.Task[None] | None = None
        self._app: AppConnection | None = None
        self._total: Timer | None = None
        self._answer: Answer | None = None
        self._close = False
        self._moving: Moving | None = None
        self.over = False

    def __repr__(self) -> str:
        outcome = self._outcome
        path = outcome.target.partition("?")[0]  # the query may hold secrets
        return f"Exchange({outcome.method} {path!r}, app={self._app!r}, over={self.over})"

    @property
    def complete(self) -> bool:
        """The whole request has arrived."""
        return self._upload.complete

    # -- begin

    def take_over(self, app: AppConnection, key: Hashable, started: float) -> None:
        """Go on with a request that was counted and sent already (``data.quick``)."""
        self._app = app
        self._key = key
        self._outcome.started = started
        self._users.add(self)
        self._client.timer.set(self._engine.rules.first_byte, self.too_late)

    def start(self, rest: bytes) -> bytes:
        """Take the bytes that came with the head; those after the request are returned.

        Unless that ended it (``over``), ``go`` follows.
        """
        now = self._outcome.started = self._engine.wall()
        meter = self._meter
        meter.requests += 1
        meter.connections += 1
        meter.last_open = now
        self._users.add(self)
        if self._engine.rules.total:
            self._total = Timer(self._engine.open.wheel)
            self._total.set(self._engine.rules.total, self._total_over)
        if rest:
            return self.feed(rest)
        meter.last_user_bytes = now
        return rest

    def feed(self, data: bytes) -> bytes:
        """Bytes of the client; what does not belong to the request's body is returned."""
        self._meter.last_user_bytes = self._engine.wall()
        upload = self._upload
        count = upload.take(data)
        if upload.faulty:
            self._refuse_body()
            return b""
        if count:
            self._meter.bytes_in += count
            self._pass_on(data if count == len(data) else data[:count])
        return data[count:]

    def _pass_on(self, part: bytes) -> None:
        if self._app is not None:
            self._upload.passed_on()
            self._app.write(part)
            self._wait_for_answer()
            if self._upload.rest >= self._engine.rules.splice:
                self._move_upload(self._app)
        else:
            self._upload.hold(part)
            if self._upload.size > HIGH_WATER:
                self._client.hold_app(True)

    # -- connect

    @property
    def _route(self) -> Route:
        return self._forward.routes[self._next_route]

    @property
    def _version(self) -> Version:
        """Of the way the request takes, or would take (design 5.6)."""
        routes = self._forward.routes
        last = min(self._next_route, len(routes) - 1)
        through = last >= 0 and isinstance(routes[last], ThroughManager)
        return Version.V1 if through else self._forward.version

    @property
    def _safe(self) -> bool:
        return self._request.head.method in SAFE_METHODS

    def go(self) -> None:
        """Find a connection and send; all of the answer comes in callbacks."""
        if not self._forward.routes:
            detail = "No route leads to the app at the moment."
            self._refuse(Failure(FailureKind.NO_ROUTE, Side.GATEWAY, detail))
            return
        route = self._forward.routes[self._next_route]
        key = self._key = key_of(route)
        lent = None if self._fresh else self._engine.pool.take(key, safe=self._safe)
        if lent is not None:
            self._send(lent)
        else:
            self._task = self._engine.tasks.start(self._dial(route), "dial")

    async def _dial(self, route: Route) -> None:
        reached = await self._engine.reach(route, safe=self._safe, fresh=self._fresh)
        self._task = None
        if isinstance(reached, Failure):
            self._failed(reached)
        elif reached.closed:
            detail, reused = "The app closed the connection at once.", reached.served > 0
            self._failed(Failure(FailureKind.CLOSED_EARLY, Side.APP, detail, reused=reused))
        else:
            self._send(reached)

    def _send(self, app: AppConnection) -> None:
        """The head and what there is of the body, in one write."""
        request = self._request
        self._app = app
        data = (self._head or self._made_head()) + self._upload.first()
        app.begin(self, data, request.head.method, upgrade=bool(request.upgrade))
        client = self._client
        if client.held and not app.writing_paused:
            client.hold_app(False)
        if client.full:
            app.pause()
        if not self.over:
            client.timer.set(self._engine.rules.first_byte, self.too_late)

    def _made_head(self) -> bytes:
        request, forward = self._request, self._forward
        head = request.head
        target = forward.target or head.target
        fields = forward.request_headers
        version = head.http_version
        return request_bytes(head.method, target, version, fields, request.body, request.upgrade)

    def _wait_for_answer(self) -> None:
        if self._answer is None and not self.over:
            self._client.timer.set(self._engine.rules.first_byte, self.too_late)

    # -- what the app says (net.http1.AppUser)

    def app_interim(self, answer: Answer) -> None:
        """100, 102, 103 are the app's own; a client of HTTP/1.0 does not know them."""
        self._wait_for_answer()
        if self._request.head.http_version == "1.1":
            self._client.write(answer_bytes(answer, AnswerExtras(self._version)))

    def app_answered(self, answer: Answer, rest: bytes, ended: bool) -> None:
        self._client.timer.clear()
        old = self._request.head.http_version == "1.0"
        if old and answer.body.kind is BodyKind.CHUNKED:
            self._drop_app()
            detail = "The app answers HTTP/1.0 with chunks."
            self._failed(Failure(FailureKind.MALFORMED_ANSWER, Side.APP, detail, sent=True))
            return
        self._answer = answer
        self._outcome.status = answer.status
        self._close = answer.body is UNTIL_CLOSE or not self._keeps
        headers = self._forward.response_headers
        if answer.plain and not self._close and not headers:
            data = plain_bytes(answer, self._version) + rest
        else:
            data = answer_bytes(answer, AnswerExtras(self._version, self._close, headers)) + rest
        self._meter.bytes_out += len(data)
        self._client.write(data)
        if ended:
            self._finish()

    @property
    def _keeps(self) -> bool:
        """Whether the client's connection stays open after an answer that has an end.

        Not when the upload still runs (its rest would be read as a request), and not when the
        client sent bytes for a protocol that was then refused (RFC 9931).
        """
        if self._engine.draining or not self._upload.complete:
            return False
        early = bool(self._request.upgrade) and self._client.has_unread
        return self._request.keep_alive and not early

    def app_body(self, data: bytes, ended: bool) -> None:
        self._meter.bytes_out += len(data)
        if data:
            self._client.write(data)
        if ended:
            self._finish()
        elif self._app is not None and self._app.rest >= self._engine.rules.splice:
            self._move_answer(self._app)

    # -- long bodies (data.moving)

    def _move_answer(self, app: AppConnection) -> None:
        self._moving = self._moving or Moving(self, self._client, self._meter)
        self._moving.answer(app)

    def _move_upload(self, app: AppConnection) -> None:
        self._moving = self._moving or Moving(self, self._client, self._meter)
        self._moving.upload(app, self._upload)

    def upload_moved(self) -> None:
        """Some of the body has left for the app."""
        self._meter.last_user_bytes = self._engine.wall()
        self._wait_for_answer()

    def answer_broke(self) -> None:
        """The app ended in the middle of its body."""
        self._drop_app()
        self._failed(Failure(FailureKind.CUT, Side.APP, "The app's answer was cut.", sent=True))

    def app_switched(self, answer: Answer, rest: bytes) -> None:
        """101: from here on both sides are only copied."""
        app, self._app = self._app, None
        assert app is not None
        self._client.timer.clear()
        self._outcome.status = 101
        self._outcome.upgraded = True
        extras = AnswerExtras(self._version, headers=self._forward.response_headers)
        self._client.write(answer_bytes(answer, extras))
        self._engine.pool.leave(self._key)
        transport = app.detach()
        self._outcome.route = self._route
        self._stop()
        given = self._client.hand_over()
        tunnel = Tunnel(self._engine, self._site, self._outcome, self._meter, given.address)
        websocket = self._request.upgrade.lower() == b"websocket"
        tunnel.run(Ends(given.transport, transport, given.unread, rest, websocket))

    def app_failed(self, failure: Failure) -> None:
        self._app = None
        self._failed(failure)

    def app_full(self) -> None:
        self._client.hold_app(True)

    def app_ready(self) -> None:
        if self._moving is None or not self._moving.up:
            self._client.hold_app(False)

    # -- what the client says

    def client_full(self) -> None:
        if self._app is not None:
            self._app.pause()

    def client_ready(self) -> None:
        if self._app is not None and (self._moving is None or not self._moving.down):
            self._app.resume()

    def client_gone(self) -> None:
        """The client left: the app is told at once, and it is not the app's fault."""
        if not self.over:
            self._abandon(Failure(FailureKind.CLIENT_GONE, Side.CLIENT, "The client left."))

    def client_stalled(self) -> None:
        """The client takes nothing: what the app could do for others is not kept for it."""
        detail = "The client took nothing of its answer."
        self._abandon(Failure(FailureKind.CLIENT_GONE, Side.CLIENT, detail))
        self._client.cut(hard=True)

    # -- ends

    def _finish(self) -> None:
        """The answer is complete."""
        app, self._app = self._app, None
        assert app is not None
        if self._upload.complete and self._request.head.http_version == "1.1":
            self._engine.give_back(self._key, app)
        else:
            app.abort()
        self._outcome.route = self._forward.routes[self._next_route]
        self._record()
        self._client.finished(keep=not self._close)

    def _failed(self, failure: Failure) -> None:
        """A way to the app failed: another one, or an answer that says so, or a cut."""
        if self._forward.routes:
            self._outcome.failures.append((self._route, failure))
        if self._answer is not None:
            hard = self._answer.body is UNTIL_CLOSE
            self._abandon(failure)
            self._client.cut(hard=hard)
        elif self._upload.held is not None and may_retry(failure, self._request.head.method):
            self._retry(failure)
        else:
            self._refuse(failure)

    def _retry(self, failure: Failure) -> None:
        if failure.reused:
            self._fresh = True  # the same route, on a connection of its own
        elif self._next_route + 1 < len(self._forward.routes):
            self._next_route += 1
        else:
            self._refuse(failure)
            return
        self.go()

    def too_late(self) -> None:
        """The first byte of the answer did not come in time, or the upload stands still."""
        waits_for_client = not self.complete and not (self._app and self._app.writing_paused)
        self._drop_app()
        if waits_for_client:
            late = Failure(FailureKind.HEAD_TIMEOUT, Side.CLIENT, "The body stopped arriving.")
        else:
            late = Failure(FailureKind.FIRST_BYTE_TIMEOUT, Side.APP, "The app did not answer.")
        self._failed(late)

    def _total_over(self) -> None:
        self._total = None
        detail = "The exchange took too long."
        self._drop_app()
        self._failed(Failure(FailureKind.TOTAL_TIMEOUT, Side.GATEWAY, detail, sent=True))

    def _refuse_body(self) -> None:
        """A chunk of the request is not valid: the app must not mistake this for an end."""
        self._drop_app()
        detail = malformed("The chunks of the body are not valid.").detail
        failure = Failure(FailureKind.MALFORMED_REQUEST, Side.CLIENT, detail)
        if self._answer is not None:
            self._abandon(failure)
            self._client.cut(hard=True)
        else:
            self._refuse(failure)

    def end(self, reason: CloseReason) -> None:
        """The circuit ends, and this with it."""
        self._drop_app()
        failure = Failure(FailureKind.SHUTTING_DOWN, Side.GATEWAY, f"Closed: {reason.value}.")
        if self._answer is not None:
            self._abandon(failure)
            self._client.cut(hard=True)
        else:
            self._outcome.failure = failure
            message = f"The app was closed ({reason.value})."
            self._answer_problem(Problem("appproxy/worker-not-available", msg=message), keep=False)

    def _refuse(self, failure: Failure) -> None:
        if not self._forward.way_back:
            failure = without_way_back(failure)
        self._outcome.failure = failure
        self._answer_problem(of_failure(failure), keep=self._keeps)

    def _answer_problem(self, problem: Problem, *, keep: bool) -> None:
        self._drop_app()
        self._client.timer.clear()
        self._outcome.status = problem.status
        head = self._request.head
        data = problem_bytes(
            problem,
            self._version,
            form_for(head.values(b"accept"), self._forward.form_of),
            close=not keep,
            bodyless=head.method == "HEAD",
        )
        self._record()
        self._client.write(data)
        self._client.finished(keep=keep)

    def _abandon(self, failure: Failure) -> None:
        self._outcome.failure = failure
        self._drop_app()
        self._record()

    def _drop_app(self) -> None:
        if self._moving is not None:
            self._moving.stop()
        app, self._app = self._app, None
        if app is not None:
            self._outcome.route = self._route
            app.abort()
        task, self._task = self._task, None
        if task is not None:
            task.cancel()

    def _stop(self) -> None:
        self.over = True
        if self._moving is not None:
            self._moving.stop()
        if self._total is not None:
            self._total.close()
            self._total = None
        self._users.discard(self)

    def _record(self) -> None:
        """The last phase; it always runs, once."""
        assert not self.over
        self._stop()
        now = self._engine.wall()
        self._meter.connection_closed(now)
        record(self._site, self._outcome, now)
