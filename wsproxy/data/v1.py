"""A v1 listener: each connection of a client is one tunnel through the manager (protocol 3).

    accept → open tunnel → first byte of the app → relay
                 └─ trouble → judge: starting │ gone │ failed │ ended
                                      └─ HTTP clients get a page; others are retried, then closed

Bytes pass untouched both ways. Only while no byte of the app has come does the gateway speak, and
only to a client whose first bytes look like HTTP.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import count

from wsproxy.core.circuit import Circuit, CloseReason, ThroughManager
from wsproxy.core.configuration import Mode
from wsproxy.core.failure import Failure
from wsproxy.core.heads import Peer
from wsproxy.core.hosts import is_loopback
from wsproxy.core.tunnel import (
    LARGEST_FRAME_OUT,
    Trouble,
    Verdict,
    always_answers,
    greets,
    judge,
    looks_http,
    trouble_of,
)
from wsproxy.core.v1pages import failed_page, raw_answer, starting_page
from wsproxy.core.wire import Buffer
from wsproxy.data.accepted import Accepted, Admit, Plane
from wsproxy.data.v1trial import First, Trial
from wsproxy.net.sockets import close
from wsproxy.net.straight import hear
from wsproxy.net.timer import Timer

log = logging.getLogger(__name__)

SNIFF = 64
"""First bytes of a client that are looked at."""


@dataclass(frozen=True, slots=True)
class V1Rules:
    """Counts, and seconds.

    ``pages``: starting pages a listener shows in a row before it says what is wrong. ``retries``
    and ``pause``: for clients that do not speak HTTP. ``first_byte``: how long an app that must
    answer (HTTP, SSH, VNC, RDP) may be silent in SESSION mode before it counts as starting; a web
    server hides that an app is dead (observed 2). ``proven_first_byte``: the same once the
    listener has brought an answer, since then silence more likely means work. ``speech``: how long
    a client that has not spoken is waited for before it is closed.
    """

    pages: int = 5
    retries: int = 5
    pause: float = 1.0
    first_byte: float = 10.0
    proven_first_byte: float = 300.0
    speech: float = 5.0
    linger: float = 2.0
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


def local_only(circuit: Circuit, peer: Peer) -> bool:
    """Admission without ``remote = true``: clients of this machine (design 9, v1)."""
    return not peer.host or is_loopback(peer.host)


class V1Listener:
    """The factory for one circuit's port; what its connections share."""

    def __init__(
        self,
        plane: Plane,
        circuit: Circuit,
        mode: Mode,
        gone: Callable[[Circuit, CloseReason], Awaitable[object]],
        admit: Admit = local_only,
        rules: V1Rules | None = None,
    ) -> None:
        """``gone`` is called when the manager says that it does not know the session or app."""
        self.plane = plane
        self.circuit = circuit
        self.mode = mode
        self.rules = rules or V1Rules()
        self._gone = gone
        self._admit = admit
        self._shown = 0
        self._proven = False

    def __call__(self) -> asyncio.Protocol:
        return V1Connection(self, self._admit)

    @property
    def first_byte(self) -> float:
        """Seconds for the first byte of an app that must answer; 0: no deadline."""
        if self.mode is Mode.API:
            return 0.0  # the manager itself tells a dead app: 1013
        return self.rules.proven_first_byte if self._proven else self.rules.first_byte

    def succeeded(self) -> None:
        """A byte of the app arrived."""
        self._shown = 0
        self._proven = True

    def page(self, trouble: Trouble, verdict: Verdict) -> bytes:
        """What an HTTP client sees. Starting pages are counted."""
        if verdict is Verdict.STARTING and self._shown < self.rules.pages:
            self._shown += 1
            return raw_answer(starting_page(trouble))
        return raw_answer(failed_page(trouble))

    def drop(self) -> None:
        """The manager does not know the session: the circuit goes (protocol 3.5)."""
        work = self._gone(self.circuit, CloseReason.SESSION_ENDED)
        self.plane.tasks.start(_finish(work), f"drop {self.circuit.id}")


async def _finish(work: Awaitable[object]) -> None:
    await work


class V1Connection(Accepted):
    """One client of a v1 listener."""

    def __init__(self, listener: V1Listener, admit: Admit) -> None:
        super().__init__(listener.plane, listener.circuit, admit)
        self._listener = listener
        self._rules = listener.rules
        self._trial: Trial | None = None
        self._start = b""
        self._http: bool | None = None  # as far as the first bytes tell
        self._answers = always_answers(listener.circuit)
        self._spoke = asyncio.Event()  # the first bytes show what the client speaks, or it ended
        self._lingering = False
        self._timer: Timer | None = None

    # from the client's transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._timer = Timer(self.plane.open.wheel)
        super().connection_made(transport)

    def data_received(self, data: Buffer) -> None:
        """Nothing of ``data`` is kept: what must be is copied."""
        if self._lingering:
            return
        self.meter.bytes_in += len(data)
        self.meter.last_user_bytes = self.plane.wall()
        if len(self._start) < SNIFF:
            self._start += data[: SNIFF - len(self._start)]
            self._http = looks_http(self._start)
            if self._http is not None:
                self._spoke.set()
        if self._trial is not None:
            self._say(data)
        else:
            super().data_received(data)

    def eof_received(self) -> bool:
        if self._lingering:
            return False
        self._spoke.set()
        if self._trial is not None:
            self._trial.finish()
        return super().eof_received()

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self._spoke.set()
        if self._timer is not None:
            self._timer.close()
        if self._trial is not None:
            self._trial.give_up()

    # the way to the app

    async def serve(self) -> None:
        for attempt in count():
            trouble = None if self.gone else await self._attempt()
            if trouble is None or self.gone:
                return
            verdict = judge(trouble, self._listener.mode)
            again = self._worth_another(attempt, verdict, trouble) and not await self._rest()
            if not (again and self._repeatable):  # the client may have said too much meanwhile
                await self._give_up(trouble, verdict)
                return

    def _worth_another(self, attempt: int, verdict: Verdict, trouble: Trouble) -> bool:
        """Silent retries are for apps that may come up and clients that no page could help.

        An app that took all that a client had to say owes no answer: it must not hear it again.
        """
        heard = trouble.silent and self.ended
        starting = verdict is Verdict.STARTING and not heard
        return starting and not self._http and self._repeatable and attempt < self._rules.retries

    @property
    def _repeatable(self) -> bool:
        """Whether all that the client has said can be said again."""
        return self._trial is None or self._trial.repeatable

    async def _attempt(self) -> Trouble | None:
        """One tunnel; None when the app spoke (and a relay runs) or the client left."""
        route = self.circuit.routes[0]
        assert isinstance(route, ThroughManager)
        trial = Trial(self.transport)
        repeated = self._trial.said if self._trial is not None else b""
        self._trial = None
        self.early[:0] = repeated
        try:
            outcome = await self.plane.dialer.dial(route, lambda: trial)
        except BaseException:
            trial.give_up()
            raise
        if isinstance(outcome, Failure):
            return trouble_of(outcome)
        if self.gone:
            trial.give_up()
            return None
        self._begin(trial)
        return self._judge_first(await trial.first, outcome[0], trial)

    def _judge_first(self, first: First, tunnel: asyncio.Transport, trial: Trial) -> Trouble | None:
        assert self._timer is not None
        self._timer.clear()
        if first is First.BYTES:
            self._timer.close()  # the relay, which has the transport from now on, knows none
            self._listener.succeeded()
            self.carry(tunnel, trial.from_app)
            if trial.error is not None:  # cut right after its first bytes: those first
                asyncio.get_running_loop().call_soon(self.abort)
            return None
        if first is First.SILENCE:
            return Trouble(silent=True)
        return None if first is First.GIVEN_UP else Trouble(close_code=trial.close_code)

    def _begin(self, trial: Trial) -> None:
        """What the client has said so far goes to the tunnel, and what it says from now on."""
        self._trial = trial
        early, self.early = bytes(self.early), bytearray()
        if early:
            self._say(early)
        elif greets(self.circuit):
            self._expect_answer()
        if self.ended:
            trial.finish()
        # some apps say nothing during an upload
        hear(self.transport, self, self.data_received, LARGEST_FRAME_OUT)
        self.transport.resume_reading()

    def _say(self, data: Buffer) -> None:
        assert self._trial is not None
        self._trial.say(data)
        if self._http or self._answers:
            self._expect_answer()

    def _expect_answer(self) -> None:
        assert self._timer is not None
        assert self._trial is not None
        if self._listener.first_byte:
            self._timer.set(self._listener.first_byte, self._trial.silent)

    # no way to the app

    async def _rest(self) -> bool:
        """Wait before the next try; True when the client turns out to speak HTTP meanwhile."""
        tasks = self.plane.tasks
        pause = tasks.start(_finish(self._rules.sleep(self._rules.pause)), "pause")
        spoke = tasks.start(self._spoke.wait(), "first bytes")
        waiting = {spoke, pause} if not self._spoke.is_set() else {pause}
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if not self.gone and not self._http:
                await pause
        finally:
            pause.cancel()
            spoke.cancel()
        return bool(self._http)

    async def _give_up(self, trouble: Trouble, verdict: Verdict) -> None:
        log.info(
            "app %s: no tunnel (%s, %s)", self.circuit.app, verdict.name, trouble.number or "-"
        )
        if verdict is not Verdict.ENDED and not self._spoke.is_set():
            await self._listen()
        if not self.gone:
            if self._http and verdict is not Verdict.ENDED:
                self._answer(self._listener.page(trouble, verdict))
            else:
                close(self.transport)
        if verdict is Verdict.GONE:
            self._leave()  # the page still leaves when the circuit's other connections end
            self._listener.drop()

    async def _listen(self) -> None:
        """Who has not spoken yet may be a browser: wait a moment before hanging up."""
        try:
            async with asyncio.timeout(self._rules.speech):
                await self._spoke.wait()
        except TimeoutError:
            pass

    def _answer(self, answer: bytes) -> None:
        """Send the page, then wait for the client to read it: closing at once might reset."""
        assert self._timer is not None
        self._lingering = True
        self.early.clear()
        if self._start.startswith(b"HEAD "):
            answer = answer[: answer.index(b"\r\n\r\n") + 4]
        self.transport.write(answer)
        self.transport.resume_reading()
        if self.ended or not self.transport.can_write_eof():
            close(self.transport)
            return
        try:
            self.transport.write_eof()
        except OSError:  # the client has reset the connection, and nobody told us yet
            self.transport.abort()
            return
        self._timer.set(self._rules.linger, self.transport.abort)
