"""Messages and sockets between processes, here between two ends in one."""

import asyncio
import contextlib
import errno
import os
import socket
from collections.abc import AsyncIterator

import pytest

from tests.support.apps import eventually
from wsproxy.net import channel as module
from wsproxy.net.channel import Channel


class End:
    """One end; what it heard."""

    def __init__(self, sock: socket.socket) -> None:
        self.heard: list[tuple[bytes, socket.socket | None]] = []
        self.closed = 0
        self.channel = Channel(sock, self._received, self._gone)

    def _received(self, message: bytes, sock: socket.socket | None) -> None:
        self.heard.append((message, sock))

    def _gone(self) -> None:
        self.closed += 1


@contextlib.asynccontextmanager
async def ends() -> AsyncIterator[tuple[End, End]]:
    ours, theirs = (End(sock) for sock in socket.socketpair())
    try:
        yield ours, theirs
    finally:
        for end in (ours, theirs):
            end.channel.close()
            for _, sock in end.heard:
                if sock is not None:
                    sock.close()


async def test_messages_of_every_size_arrive_in_order_both_ways():
    messages = [b"", b"x", b"y" * 3_000_000, b"z"]
    async with ends() as (ours, theirs):
        for message in messages:
            ours.channel.send(message)
            theirs.channel.send(message)
        await eventually(lambda: len(theirs.heard) == len(ours.heard) == 4)
        assert [message for message, _ in theirs.heard] == messages
        await ours.channel.flushed()


async def test_a_socket_comes_with_its_message_and_works():
    async with ends() as (ours, theirs):
        pairs = [socket.socketpair() for _ in range(100)]
        for number, (near, far) in enumerate(pairs):
            near.sendall(b"%d" % number)
            ours.channel.send(b"%d" % number, far)
            if number % 3 == 0:
                ours.channel.send(b"plain" * 5000)
        assert ours.channel.waiting > 0  # they do not fit at once
        await eventually(lambda: len(theirs.heard) == 134)
        with_sockets = [(message, sock) for message, sock in theirs.heard if sock is not None]
        assert [sock.recv(10) for _, sock in with_sockets] == [m for m, _ in with_sockets]
        assert len(with_sockets) == 100
        assert all(far.fileno() < 0 for _, far in pairs)  # the sender's copy is closed
        assert ours.channel.waiting == 0
        for near, _ in pairs:
            near.close()


async def test_what_has_not_left_can_be_taken_back():
    ours, theirs = socket.socketpair()
    near, far = socket.socketpair()
    end = End(ours)
    end.channel.send(b"x" * 5_000_000)
    end.channel.send(b"take", far)
    theirs.close()
    await eventually(lambda: end.closed == 1)
    assert end.channel.over
    again = End((pair := socket.socketpair())[0])
    again.channel.send(b"x" * 5_000_000)
    again.channel.send(b"take", near)
    assert again.channel.unsent() == [(b"take", near)]
    assert again.channel.waiting == 0
    again.channel.close()
    assert far.fileno() < 0  # closed with its channel
    assert near.fileno() >= 0
    near.close()
    pair[1].close()


async def test_the_end_of_the_other_side_is_told_once_and_sending_then_is_harmless():
    async with ends() as (ours, theirs):
        theirs.channel.send(b"last")
        theirs.channel.close()
        theirs.channel.close()
        await eventually(lambda: ours.closed == 1)
        assert ours.heard == [(b"last", None)]
        near, far = socket.socketpair()
        ours.channel.send(b"too late", far)
        assert far.fileno() < 0
        near.close()
        await ours.channel.flushed()
        assert theirs.closed == 0


async def test_when_the_system_takes_no_more_sockets_it_is_tried_again(monkeypatch):
    real, refused = socket.send_fds, [3]

    def send_fds(sock: socket.socket, buffers: list[memoryview], fds: list[int]) -> int:
        if refused[0]:
            refused[0] -= 1
            raise OSError(errno.ETOOMANYREFS, "too many references")
        return real(sock, buffers, fds)

    monkeypatch.setattr(socket, "send_fds", send_fds)
    async with ends() as (ours, theirs):
        near, far = socket.socketpair()
        ours.channel.send(b"take", far)
        assert ours.channel.waiting == 1
        await eventually(lambda: len(theirs.heard) == 1)
        assert theirs.heard[0][1] is not None
        near.close()


async def test_a_socket_that_found_no_descriptor_is_missed_by_its_own_message_only(monkeypatch):
    real = socket.recv_fds

    def recv_fds(*arguments: int) -> tuple[bytes, list[int], int, object]:
        data, fds, flags, address = real(*arguments)  # type: ignore[arg-type]
        if fds and not lost:
            for fd in fds:
                os.close(fd)
            lost.append(True)
            return data, [], flags | socket.MSG_CTRUNC, address
        return data, fds, flags, address

    lost: list[bool] = []
    async with ends() as (ours, theirs):
        monkeypatch.setattr(socket, "recv_fds", recv_fds)
        pairs = [socket.socketpair() for _ in range(2)]
        for near, far in pairs:
            near.sendall(b"hello")
            ours.channel.send(b"take", far)
            await asyncio.sleep(0)
        await eventually(lambda: len(theirs.heard) == 2)
        assert theirs.heard[0][1] is None
        second = theirs.heard[1][1]
        assert second is not None
        assert second.recv(10) == b"hello"
        for near, _ in pairs:
            near.close()


async def test_a_descriptor_that_is_no_socket_is_closed():
    async with ends() as (ours, theirs):
        reading, writing = os.pipe()
        with pytest.raises(OSError, match="socket"):
            socket.socket(fileno=reading).close()
        assert module._socket_of(reading) is None
        with pytest.raises(OSError, match="descriptor"):
            os.fstat(reading)
        os.close(writing)
        assert "leaving" in repr(ours.channel)
        assert theirs.heard == []
