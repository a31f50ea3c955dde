"""Reads one HTTP answer from a stranger: bounded, suspicious, never raising.

Used by the probe only. It must tell apart what a general client treats as one error: a TLS record,
another protocol, a head or a body without end, a cut, a close without a word (design 3).
"""

import asyncio
import ssl

import httptools

from wsproxy.core.version import Answer, Fault, NotHttp, Trouble

HEAD_LIMIT = 64 << 10
"""Bytes until the head must have ended."""

BODY_LIMIT = 64 << 10
"""Bytes of a body anyone reads; a real ``/status`` has below 200."""

_TLS_RECORDS = (b"\x15\x03", b"\x16\x03")
"""Alert and handshake (RFC 8446 section 5.1)."""

Heard = Answer | Fault | NotHttp


class Listener(asyncio.Protocol):
    """Collects one answer; ``heard`` is done when there is nothing more to wait for.

    From 300 on the status says enough for a probe; ``whole`` waits for those bodies too.
    """

    def __init__(self, whole: bool = False) -> None:
        self._wants_whole = whole
        self.heard: asyncio.Future[Heard] = asyncio.get_running_loop().create_future()
        self._parser = httptools.HttpResponseParser(self)
        self._start = b""  # the first bytes, until they show what protocol this is
        self._received = 0
        self._status = 0
        self._fields: dict[str, str] = {}
        self._body = bytearray()
        self._in_body = False
        self._complete = False

    # from the transport

    def data_received(self, data: bytes) -> None:
        if self.heard.done():
            return
        self._received += len(data)
        if len(self._start) < 5:
            self._start += data[:5]
            if (stranger := _not_http(self._start)) is not None:
                self._conclude(stranger)
                return
        self._parse(data)
        self._judge_progress()

    def eof_received(self) -> None:
        if self._received == 0:
            self._conclude(_hung_up("it closes without an answer"))
        elif not self._in_body:
            self._conclude(NotHttp("its answer is cut in the head"))
        else:
            self._conclude(self._answer(whole=self._ends_by_closing()))

    def connection_lost(self, exc: Exception | None) -> None:
        if isinstance(exc, ssl.SSLError):
            self._conclude(Fault(Trouble.TLS, tls_reason(exc)))
        elif exc is not None and self._received == 0:
            self._conclude(_hung_up("it resets the connection"))
        elif exc is not None and self._in_body:
            self._conclude(self._answer(whole=False))
        else:
            self.eof_received()

    # from the parser

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._complete:
            return  # whatever follows the answer is nobody's
        self._fields.setdefault(name.decode("latin-1").lower(), value.decode("latin-1"))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if _interim(status):
            self._fields.clear()
        elif not self._in_body:
            self._in_body, self._status = True, status

    def on_body(self, body: bytes) -> None:
        if not self._complete:
            self._body += body[: BODY_LIMIT + 1 - len(self._body)]

    def on_message_complete(self) -> None:
        self._complete = self._in_body

    # what it means

    def _parse(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._complete = True  # a 101; its head is all there is
        except httptools.HttpParserError:
            if not self._in_body:
                self._conclude(NotHttp("its answer is not valid HTTP"))
            else:
                self._conclude(self._answer(whole=self._complete))

    def _judge_progress(self) -> None:
        if self._in_body:
            decided = self._status >= 300 and not self._wants_whole
            if self._complete or decided or len(self._body) > BODY_LIMIT:
                self._conclude(self._answer(whole=self._complete))
        elif self._received > HEAD_LIMIT:
            self._conclude(NotHttp("the head of its answer has no end"))

    def _ends_by_closing(self) -> bool:
        """Neither length nor chunks: the close is the end (RFC 9112 section 6.3)."""
        return not {"content-length", "transfer-encoding"} & self._fields.keys()

    def _answer(self, whole: bool) -> Answer:
        fields = self._fields
        return Answer(
            self._status,
            bytes(self._body[:BODY_LIMIT]),
            location=fields.get("location", ""),
            date=fields.get("date", ""),
            server=fields.get("server", ""),
            whole=whole or self._complete,
            content_type=fields.get("content-type", ""),
        )

    def _conclude(self, heard: Heard) -> None:
        if not self.heard.done():
            self.heard.set_result(heard)


def _interim(status: int) -> bool:
    """1xx is followed by the real answer; 101 is the end of HTTP here."""
    return 100 <= status < 200 and status != 101


def _hung_up(detail: str) -> Fault:
    return Fault(Trouble.REFUSED, detail, connected=True)


def _not_http(start: bytes) -> Heard | None:
    """What the first bytes show when they do not begin an HTTP answer."""
    if start.startswith(_TLS_RECORDS):
        return Fault(Trouble.TLS, "it answers plain HTTP with a TLS record")
    if start.startswith(b"SSH-"):
        return NotHttp("it speaks SSH")
    if not b"HTTP/".startswith(start) and not start.startswith(b"HTTP/"):
        return NotHttp("its answer is not HTTP")
    return None


def tls_reason(error: Exception) -> str:
    """What TLS says of a failed handshake, for a person."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return str(error.verify_message).rstrip(".")
    reason = getattr(error, "reason", None)  # absent on errors that Python makes itself
    if reason == "WRONG_VERSION_NUMBER":
        return "it answers TLS with plain text"
    return reason.lower().replace("_", " ") if reason else "it ends the TLS handshake"
