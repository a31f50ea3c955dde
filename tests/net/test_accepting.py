"""Sockets that are accepted and given away as they are."""

import errno
import socket

from tests.support.apps import eventually
from wsproxy.net import accepting as module
from wsproxy.net.accepting import Acceptor
from wsproxy.net.binding import listen


class Taker:
    def __init__(self) -> None:
        self.taken: list[socket.socket] = []
        self.may = True

    def close(self) -> None:
        for sock in self.taken:
            sock.close()


def client(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), 5)


async def test_connections_are_given_away_unread():
    taker = Taker()
    acceptor = Acceptor(await listen("127.0.0.1", 0), taker.taken.append)
    port = acceptor.sockets[0].getsockname()[1]
    clients = [client(port) for _ in range(70)]
    for one in clients:
        one.sendall(b"first words")
    await eventually(lambda: len(taker.taken) == 70)
    assert {sock.gettimeout() for sock in taker.taken} == {0.0}
    assert taker.taken[0].recv(99) == b"first words"
    states = [(acceptor.alive, acceptor.paused)]
    for _ in range(2):
        acceptor.close()
        acceptor.go_on()
        states.append((acceptor.alive, acceptor.paused))
    assert states == [(True, False), (False, True), (False, True)]
    taker.close()
    for one in clients:
        one.close()


async def test_the_rest_waits_while_nobody_can_take():
    taker = Taker()

    def take(sock: socket.socket) -> None:
        taker.taken.append(sock)
        taker.may = False

    acceptor = Acceptor(await listen("127.0.0.1", 0), take, lambda: taker.may)
    clients = [client(acceptor.sockets[0].getsockname()[1]) for _ in range(2)]
    await eventually(lambda: acceptor.paused)
    assert len(taker.taken) == 1
    taker.may = True
    acceptor.go_on()
    await eventually(lambda: len(taker.taken) == 2)
    acceptor.close()
    taker.close()
    for one in clients:
        one.close()


async def test_without_a_descriptor_it_rests_and_tries_again(monkeypatch):
    monkeypatch.setattr(module, "REST", 0.01)
    taker, failures = Taker(), [2]
    (listening,) = await listen("127.0.0.1", 0)

    class Poor(socket.socket):
        def accept(self) -> tuple[socket.socket, object]:
            if failures[0]:
                failures[0] -= 1
                raise OSError(errno.EMFILE, "no descriptor")
            return super().accept()

    poor = Poor(fileno=listening.detach())
    poor.setblocking(False)
    acceptor = Acceptor([poor], taker.taken.append)
    one = client(poor.getsockname()[1])
    await eventually(lambda: len(taker.taken) == 1)
    assert failures == [0]
    acceptor.close()
    taker.close()
    one.close()
