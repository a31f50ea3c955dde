"""One HTTP/1.1 connection to an app: heads are read, bodies are only followed.

It carries one exchange at a time and tells its *user* what arrived. Bytes of bodies are handed on
as they came; where they end is decided by ``core.framing`` and ``core.bodies``.
"""

import asyncio
from collections.abc import Callable
from functools import lru_cache
from typing import Protocol, cast

from wsproxy.core.bodies import CountedBody, Tracker, follow
from wsproxy.core.failure import Failure, FailureKind, Side
from wsproxy.core.framing import UNTIL_CLOSE, Answer, begins_badly, read_answer
from wsproxy.net.sockets import abort, last_words

MAX_ANSWER_HEAD = 256 * 1024
"""Bytes of an answer's head; apps with many cookies and policies stay far below."""

HIGH_WATER = 256 * 1024
"""Bytes waiting to be written to one side before the other side is not read any more."""


REMEMBERED = 1024
"""Bytes of a head that may be remembered: an app answers many requests with the same one."""

_read = lru_cache(maxsize=256)(read_answer)


class AppUser(Protocol):
    """Who uses an app connection for one exchange. Exactly one of the last calls ends it:
    ``ended`` of ``app_answered`` or ``app_body``, ``app_switched``, or ``app_failed``."""

    def app_interim(self, answer: Answer) -> None: ...
    def app_answered(self, answer: Answer, rest: bytes, ended: bool) -> None: ...
    def app_body(self, data: bytes, ended: bool) -> None: ...
    def app_switched(self, answer: Answer, rest: bytes) -> None: ...
    def app_failed(self, failure: Failure) -> None: ...
    def app_full(self) -> None: ...
    def app_ready(self) -> None: ...


class AppConnection(asyncio.Protocol):
    """The protocol of a connection to an app."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.reusable = True
        self.served = 0
        self.writing_paused = False
        self._lost = False
        self._on_lost: Callable[[AppConnection], None] | None = None
        self._user: AppUser | None = None
        self._answer: Answer | None = None
        self._tracker: Tracker | None = None
        self._head = b""  # of an answer that has not arrived completely
        self._method = ""
        self._upgrade = False
        self.paused = False

    def __repr__(self) -> str:
        state = "idle" if self._user is None else "busy"
        return f"AppConnection({state}, served={self.served}, reusable={self.reusable})"

    def owned(self, on_lost: Callable[["AppConnection"], None]) -> None:
        """Tell ``on_lost`` once when the connection is gone, unless it is detached before."""
        self._on_lost = on_lost
        if self._lost:
            self._tell_owner()

    def _tell_owner(self) -> None:
        on_lost, self._on_lost = self._on_lost, None
        if on_lost is not None:
            on_lost(self)

    # -- what the user does

    def begin(self, user: AppUser, data: bytes, method: str, *, upgrade: bool = False) -> None:
        """Send the head (and what there is of the body) of a request."""
        self._user = user
        self._answer = None
        self._method = method
        self._upgrade = upgrade
        self.served += 1
        transport = self.transport
        if transport is not None and not transport.is_closing():
            transport.write(data)

    def hand_to(self, user: AppUser, other: AppUser) -> None:
        """Tell another one from now on, if ``user`` is still told."""
        if self._user is user:
            self._user = other

    def write(self, data: bytes) -> None:
        """More of the request's body."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(data)

    def pause(self) -> None:
        """Read no more: the client takes no more."""
        if not self.paused and self.transport is not None and not self.transport.is_closing():
            self.paused = True
            self.transport.pause_reading()

    def resume(self) -> None:
        if self.paused and self.transport is not None:
            self.paused = False
            if not self.transport.is_closing():
                self.transport.resume_reading()

    def abort(self) -> None:
        """Close now; the user is told nothing more."""
        self._user = None
        self.reusable = False
        if self.transport is not None:
            abort(self.transport)

    def detach(self) -> asyncio.Transport:
        """Give the transport away: from now on it is a tunnel's."""
        assert self.transport is not None
        transport, self.transport = self.transport, None
        self._user = self._on_lost = None
        return transport

    @property
    def rest(self) -> int:
        """Bytes of a counted body that are still to come."""
        return self._tracker.rest if isinstance(self._tracker, CountedBody) else 0

    def passed_by(self, count: int) -> None:
        """Bytes of the body that went to the client without being read here."""
        assert isinstance(self._tracker, CountedBody)
        self._tracker.skip(count)
        if self._tracker.done:
            self._end(b"")

    @property
    def closed(self) -> bool:
        return self._lost or self.transport is None or self.transport.is_closing()

    # -- what the transport says

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass
        self.transport = transport
        transport.set_write_buffer_limits(high=HIGH_WATER)

    def data_received(self, data: bytes) -> None:
        if self._user is None:
            self.abort()  # an app that speaks unasked
        elif self._answer is None:
            self._read_head(data)
        else:
            self._read_body(data)

    def pause_writing(self) -> None:
        self.writing_paused = True
        if self._user is not None:
            self._user.app_full()

    def resume_writing(self) -> None:
        self.writing_paused = False
        if self._user is not None:
            self._user.app_ready()

    def eof_received(self) -> None:
        """The app ends: that ends a body without a length, and cuts any other."""
        if self._answer is not None and self._answer.body is UNTIL_CLOSE:
            self._end(b"")

    def connection_lost(self, error: Exception | None) -> None:
        if error is not None and self._user is not None and self.transport is not None:
            self._hear_out(last_words(self.transport))
        user, self._user = self._user, None
        self.reusable = False
        self._lost = True
        self._tell_owner()
        if user is not None:
            user.app_failed(self._loss())

    def _hear_out(self, words: bytes) -> None:
        """An app that refuses an upload may hang up on it; its answer came before that."""
        self.reusable = False
        if words:
            self.data_received(words)

    def _loss(self) -> Failure:
        if self._answer is not None:
            return Failure(FailureKind.CUT, Side.APP, "The app's answer was cut.", sent=True)
        if self._head:
            detail = "The app closed in the middle of a head."
            return Failure(FailureKind.MALFORMED_ANSWER, Side.APP, detail, sent=True)
        detail = "The app closed the connection without an answer."
        reused = self.served > 1
        return Failure(FailureKind.CLOSED_EARLY, Side.APP, detail, sent=True, reused=reused)

    # -- reading

    def _read_head(self, data: bytes) -> None:
        while self._user is not None and self._answer is None:
            searched = max(0, len(self._head) - 3)
            data = self._head + data if self._head else data
            end = data.find(b"\r\n\r\n", searched)
            if end < 0:
                self._head = data
                if len(data) > MAX_ANSWER_HEAD or begins_badly(data, searched):
                    self._fail("the head of the answer is not valid HTTP/1")
                return
            self._head = b""
            read = _read if end < REMEMBERED else read_answer
            answer = read(data[: end + 4], self._method)
            if isinstance(answer, str):
                self._fail(answer)
                return
            data = data[end + 4 :]
            self._take(answer, data)
            if not data:
                return

    def _take(self, answer: Answer, rest: bytes) -> None:
        user = self._user
        assert user is not None
        if answer.status == 101:
            if not self._upgrade:
                self._fail("the app switches protocols unasked")
                return
            self._answer = answer
            user.app_switched(answer, rest)
        elif answer.status < 200:
            user.app_interim(answer)
        else:
            self._answer = answer
            self.reusable = self.reusable and answer.keep_alive
            if answer.body.length and answer.body.length == len(rest):  # all of it is here
                self._user = self._tracker = None
                user.app_answered(answer, rest, True)
                return
            self._tracker = follow(answer.body)
            self._begin_body(user, answer, rest)

    def _begin_body(self, user: AppUser, answer: Answer, rest: bytes) -> None:
        """The head and what there is of the body go to the user together: one write."""
        part, ended = self._followed(rest)
        if part is None:
            self._answer = None  # nothing of it was passed on
            self._fail("the chunks of the answer are not valid")
            return
        if ended:
            self._user = None
        user.app_answered(answer, part, ended)

    def _read_body(self, data: bytes) -> None:
        user = self._user
        assert user is not None
        part, ended = self._followed(data)
        if part is None:
            self._fail("the chunks of the answer are not valid")
            return
        if ended:
            self._user = None
        user.app_body(part, ended)

    def _followed(self, data: bytes) -> tuple[bytes | None, bool]:
        """The part of ``data`` that is body (None: broken), and whether the body ends with it."""
        tracker = self._tracker
        if tracker is None:
            self.reusable = self.reusable and not data
            return b"", True
        count = tracker.feed(data)
        if tracker.faulty:
            return None, False
        if count < len(data):
            self.reusable = False  # bytes after the end: nobody asked for them
            data = data[:count]
        return data, tracker.done

    def _end(self, data: bytes) -> None:
        user, self._user = self._user, None
        if user is not None:
            user.app_body(data, True)

    def _fail(self, detail: str) -> None:
        user = self._user
        kind = FailureKind.MALFORMED_ANSWER if self._answer is None else FailureKind.CUT
        self.abort()
        if user is not None:
            user.app_failed(Failure(kind, Side.APP, detail, sent=True))
