"""Ends of connections: orderly, and heard out."""

import socket
from asyncio.trsock import TransportSocket
from typing import Any

from wsproxy.net.sockets import finish, last_words


class Fake:
    """A transport as far as these functions look."""

    def __init__(self, error: OSError | None = None, *, can: bool = True, **extra: Any) -> None:
        self.calls: list[str] = []
        self._error = error
        self._can = can
        self._extra = extra

    def can_write_eof(self) -> bool:
        return self._can

    def write_eof(self) -> None:
        self.calls.append("write_eof")
        if self._error is not None:
            raise self._error

    def abort(self) -> None:
        self.calls.append("abort")

    def get_extra_info(self, name: str) -> Any:
        return self._extra.get(name)


def finished(fake: Fake) -> list[str]:
    finish(fake)  # type: ignore[arg-type]
    return fake.calls


def heard(**extra: Any) -> bytes:
    return last_words(Fake(**extra))  # type: ignore[arg-type]


def test_finish_ends_our_direction_where_it_can():
    assert finished(Fake()) == ["write_eof"]
    assert finished(Fake(can=False)) == []


def test_a_connection_that_was_reset_meanwhile_is_aborted():
    assert finished(Fake(OSError("not connected"))) == ["write_eof", "abort"]


def test_last_words_are_all_that_was_not_read():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        theirs.sendall(b"x" * 100_000)
        sock = TransportSocket(ours)
        assert heard(sock=sock) == b""
        assert heard(socket=sock) == b"x" * 100_000
        assert heard(socket=sock) == b""
        theirs.sendall(b"bye")
        assert heard(socket=sock, sslcontext=object()) == b""
        theirs.close()
        assert heard(socket=sock) == b"bye"
    assert heard(socket=sock) == b""
