"""A chunked body, followed without touching it (RFC 9112 section 7.1).

The scanner says where the body ends and whether its framing is beyond doubt; the bytes themselves
are passed on exactly as they came, extensions and trailers included. It is stricter than many
servers on purpose: CRLF only, no white space around a size, everything bounded.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

from wsproxy.core.forwarded import claims_about_client
from wsproxy.core.framing import TOKEN

MAX_LINE = 4096
"""Bytes of one chunk-size line with its extensions, or of one trailer line."""

MAX_TRAILERS = 16384
"""Bytes of all trailers."""

_FORBIDDEN_TRAILERS = frozenset(
    {b"content-length", b"transfer-encoding", b"host", b"connection", b"upgrade", b"trailer"}
    | {b"cookie", b"authorization"}
)
"""A server that merges trailers into the head must not find framing there, nor what was taken out
of the head or set in it (RFC 9110 6.5.1)."""


class _State(Enum):
    SIZE = auto()
    DATA = auto()
    DATA_END = auto()
    TRAILER = auto()
    DONE = auto()
    FAULTY = auto()


@dataclass(frozen=True, slots=True)
class _Grammar:
    whole: re.Pattern[bytes]
    begun: re.Pattern[bytes]  # every beginning of a valid line, and nothing else


_TEXT = rb"[\t\x20-\x7e\x80-\xff]*+"

_LINES: Mapping[_State, _Grammar] = {
    _State.SIZE: _Grammar(
        re.compile(rb"([0-9A-Fa-f]{1,15})(?:;" + _TEXT + rb")?\r\n"),
        re.compile(rb"[0-9A-Fa-f]{1,15}(?:;" + _TEXT + rb")?\r?"),
    ),
    _State.DATA_END: _Grammar(re.compile(rb"\r\n"), re.compile(rb"\r")),
    _State.TRAILER: _Grammar(
        re.compile(rb"(?:(" + TOKEN + rb"):" + _TEXT + rb")?\r\n"),
        re.compile(rb"(?:" + TOKEN + rb"(?::" + _TEXT + rb"\r?)?|\r)"),
    ),
}


class ChunkScanner:
    """Feed it what arrives; it tells how much of that belongs to the body."""

    __slots__ = ("_line", "_remaining", "_state", "_trailers")

    def __init__(self) -> None:
        self._state = _State.SIZE
        self._remaining = 0
        self._line = b""
        self._trailers = 0

    @property
    def done(self) -> bool:
        """The last chunk and the trailers have been seen."""
        return self._state is _State.DONE

    @property
    def faulty(self) -> bool:
        """The framing is broken; nothing that was fed last may be passed on."""
        return self._state is _State.FAULTY

    def feed(self, data: bytes) -> int:
        """How many bytes of ``data`` belong to the body. Fewer than given: done, or faulty."""
        at, end = 0, len(data)
        while at < end:
            if self._state is _State.DATA:
                at = self._skip(at, end)
            elif self._state is _State.DONE or self._state is _State.FAULTY:
                break
            else:
                at = self._read_line(data, at)
        return at

    def _skip(self, at: int, end: int) -> int:
        taken = min(self._remaining, end - at)
        self._remaining -= taken
        if not self._remaining:
            self._state = _State.DATA_END
        return at + taken

    def _read_line(self, data: bytes, at: int) -> int:
        feed = data.find(b"\n", at)
        grammar = _LINES[self._state]
        if feed < 0:
            self._line += data[at : at + MAX_LINE + 1]
            if len(self._line) > MAX_LINE or not grammar.begun.fullmatch(self._line):
                self._state = _State.FAULTY
                return at
            return len(data)
        line = self._line + data[at : feed + 1]
        self._line = b""
        match = grammar.whole.fullmatch(line) if len(line) <= MAX_LINE else None
        self._state = _State.FAULTY if match is None else self._after(match)
        return at if self.faulty else feed + 1

    def _after(self, match: re.Match[bytes]) -> _State:
        if self._state is _State.SIZE:
            self._remaining = int(match[1], 16)
            return _State.DATA if self._remaining else _State.TRAILER
        if self._state is _State.DATA_END:
            return _State.SIZE
        name = match[1]
        if name is None:
            return _State.DONE
        self._trailers += len(match[0])
        key = name.lower()
        forbidden = key in _FORBIDDEN_TRAILERS or claims_about_client(key)
        return _State.FAULTY if forbidden or self._trailers > MAX_TRAILERS else _State.TRAILER
