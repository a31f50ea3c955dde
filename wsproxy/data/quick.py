"""The exchange that is nearly always: known fields, a kept connection, a whole answer at once.

A small request to a healthy app needs none of what an exchange must be ready for. So it is begun
and finished here, in as few steps as there can be; whatever else happens makes it an ``Exchange``
in the same state, which goes on.
"""

from collections.abc import Hashable

from wsproxy.core.circuit import CloseReason
from wsproxy.core.failure import Failure
from wsproxy.core.framing import Answer
from wsproxy.core.headers import plain_bytes
from wsproxy.data.clientside import Client
from wsproxy.data.engine import Engine, record
from wsproxy.data.exchange import Exchange
from wsproxy.data.recipes import Ready
from wsproxy.data.site import Outcome, Site
from wsproxy.net.http1 import AppConnection


class Quick:
    """One request whose head has been sent. It stands for its exchange on both sides."""

    __slots__ = ("_app", "_client", "_engine", "_key", "_ready", "_site", "_started", "over")

    complete = True
    """It has no body."""

    def __init__(
        self,
        client: Client,
        engine: Engine,
        site: Site,
        ready: Ready,
        app: AppConnection,
        key: Hashable,
    ) -> None:
        self._client = client
        self._engine = engine
        self._site = site
        self._ready = ready
        self._app = app
        self._key = key
        self._started = now = engine.wall()
        self.over = False
        meter, users = ready.use
        meter.requests += 1
        meter.connections += 1
        meter.last_open = meter.last_user_bytes = now
        users.add(self)

    def __repr__(self) -> str:
        return f"Quick({self._app!r}, over={self.over})"

    def go(self) -> None:
        """Send the head."""
        ready = self._ready
        self._app.begin(self, ready.head, ready.request.head.method)
        if not self.over:
            self._client.timer.set(self._engine.rules.first_byte, self._too_late)

    def app_answered(self, answer: Answer, rest: bytes, ended: bool) -> None:
        ready, engine = self._ready, self._engine
        if not ended or not answer.plain or engine.draining:
            self._exchange().app_answered(answer, rest, ended)
            return
        forward = ready.forward
        data = plain_bytes(answer, forward.version) + rest
        self._client.write(data)
        self.over = True
        meter, users = ready.use
        users.discard(self)
        now = engine.wall()
        meter.bytes_out += len(data)
        meter.connections -= 1
        meter.last_open = now
        engine.give_back(self._key, self._app)
        if not self._site.passed(forward, answer.status, max(0.0, now - self._started)):
            self._record(answer.status, now)
        self._client.answered()

    def _record(self, status: int, now: float) -> None:
        ready = self._ready
        outcome = Outcome(ready.forward, ready.request.head.method, ready.target)
        outcome.route = ready.forward.routes[0]
        outcome.status = status
        outcome.started = self._started
        record(self._site, outcome, now)

    # -- everything else

    def _exchange(self) -> Exchange:
        """The exchange from here on."""
        self.over = True
        self._ready.use.users.discard(self)
        exchange = Exchange(self._client, self._engine, self._site, self._ready)
        exchange.take_over(self._app, self._key, self._started)
        self._app.hand_to(self, exchange)
        self._client.goes_on(exchange)
        return exchange

    def _too_late(self) -> None:
        self._exchange().too_late()

    def feed(self, data: bytes) -> bytes:
        """Bytes of a later request."""
        self._ready.use.meter.last_user_bytes = self._engine.wall()
        return data

    def client_gone(self) -> None:
        self._exchange().client_gone()

    def client_stalled(self) -> None:
        self._exchange().client_stalled()

    def client_full(self) -> None:
        self._app.pause()

    def client_ready(self) -> None:
        self._app.resume()

    def end(self, reason: CloseReason) -> None:
        self._exchange().end(reason)

    def app_interim(self, answer: Answer) -> None:
        self._exchange().app_interim(answer)

    def app_body(self, data: bytes, ended: bool) -> None:
        self._exchange().app_body(data, ended)

    def app_switched(self, answer: Answer, rest: bytes) -> None:
        self._exchange().app_switched(answer, rest)

    def app_failed(self, failure: Failure) -> None:
        self._exchange().app_failed(failure)

    def app_full(self) -> None:
        self._exchange().app_full()

    def app_ready(self) -> None:
        self._exchange().app_ready()


def quick(client: Client, engine: Engine, site: Site, ready: Ready) -> Quick | None:
    """Begin such an exchange, if this one looks like it and a connection is at hand."""
    key = ready.key
    if key is None or client.full or engine.rules.total or engine.draining:
        return None
    app = engine.pool.take(key, safe=True)
    return None if app is None else Quick(client, engine, site, ready, app, key)
