import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from benchmarks.ends.calls import Wrong
from benchmarks.ends.stored import LOOKED_AT, Known, Stored

MUCH = bytes(range(256)) * 256 * 64
"""4 MiB: more than the sockets of a pair hold."""


@contextmanager
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        near = socket.create_connection(listener.getsockname(), 10)
        far, _ = listener.accept()
    with near, far:
        far.settimeout(10)
        yield near, far


def taken(known: Known, peer: socket.socket, *, whole: bool) -> int:
    """Reads until everything has come; how many bytes had come before the last."""
    most = 0
    while not known.take(peer, whole=whole):
        most = max(most, known.got)
    return most


@pytest.mark.parametrize("whole", [False, True])
def test_what_is_stored_arrives_again_and_again(whole: bool) -> None:
    stored, known = Stored(MUCH[:50_000]), Known(MUCH[:50_000])
    with pair() as (near, far):
        for _ in range(3):
            stored.send_all(near)
            assert taken(known, far, whole=whole) < 50_000
        near.shutdown(socket.SHUT_WR)
        with pytest.raises(Wrong, match="near 0 of 50000"):
            known.take(far, whole=whole)


def test_the_rest_goes_when_the_socket_takes_more() -> None:
    stored, known = Stored(MUCH), Known(MUCH)
    with pair() as (near, far):
        near.setblocking(False)
        at = stored.send(near)
        assert 0 < at < len(MUCH)
        while at < len(MUCH):
            known.take(far, whole=True)
            at = stored.send(near, at)
        taken(known, far, whole=True)
        assert known.got == 0


@pytest.mark.parametrize(("at", "whole"), [(0, False), (LOOKED_AT - 1, False), (9_000, True)])
def test_other_bytes_are_noticed(at: int, whole: bool) -> None:
    other = bytearray(MUCH[:10_000])
    other[at] ^= 1
    known = Known(MUCH[:10_000])
    with pair() as (near, far):
        Stored(bytes(other)).send_all(near)
        with pytest.raises(Wrong, match="other bytes"):
            taken(known, far, whole=whole)


def test_only_the_beginning_is_looked_at_when_asked() -> None:
    other = MUCH[:LOOKED_AT] + bytes(10_000)
    with pair() as (near, far):
        Stored(other).send_all(near)
        taken(Known(MUCH[: len(other)]), far, whole=False)


def test_less_than_all_is_noticed() -> None:
    with pair() as (near, far):
        near.sendall(MUCH[:9_999])
        near.close()
        with pytest.raises(Wrong, match="near 9999 of 10000"):
            taken(Known(MUCH[:10_000]), far, whole=False)


def test_bytes_that_were_read_before_count() -> None:
    known = Known(b"abcdef")
    known.had(b"abc")
    with pytest.raises(Wrong):
        known.had(b"dex")
    known.had(b"def")
    assert known.got == 0


def test_nobody_takes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.ends.stored.WAIT", 0.0)
    with pair() as (near, _), pytest.raises(Wrong, match="not taken"):
        Stored(MUCH * 8).send_all(near)


def test_a_peer_that_has_closed() -> None:
    stored = Stored(MUCH)
    with pair() as (near, far):
        far.close()
        with pytest.raises(Wrong, match="closed"):
            for _ in range(100):
                stored.send_all(near)
