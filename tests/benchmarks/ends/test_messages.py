import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from benchmarks.ends.calls import Wrong, read_head
from benchmarks.ends.echo import accepted
from benchmarks.ends.messages import Messages, frame
from benchmarks.process import Running, module

PAYLOAD = b"0123456789abcdef" * 64
THERE, BACK = frame(PAYLOAD, masked=True), frame(PAYLOAD, masked=False)


@contextmanager
def app(*pieces: bytes) -> Iterator[Running]:
    """Answers the first message with these pieces, each read before the next, and then closes."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            peer, _ = listener.accept()
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with peer, suppress(OSError):
                head, _ = read_head(peer)
                peer.sendall(accepted(head + b"\r\n\r\n"))
                left = len(THERE)
                while left and (data := peer.recv(left)):
                    left -= len(data)
                for piece in pieces:
                    peer.sendall(piece)
                peer.recv(1)  # the next message, or the end

        server = threading.Thread(target=serve)
        server.start()
        try:
            yield Running("app", listener.getsockname()[1], 0, proxy=False)
        finally:
            server.join()


def test_messages_are_counted_and_compared() -> None:
    with module("benchmarks.ends.echo") as (pid, port):
        target = Running("direct", int(port), pid, proxy=False)
        load = Messages(target, PAYLOAD, 3)
        try:
            assert load.once()
        finally:
            load.close()
        load = Messages(target, PAYLOAD, 3)
        try:
            assert load.run(target, 3.0).units > 3  # more than the first on each connection
        finally:
            load.close()


@pytest.mark.parametrize(
    "pieces",
    [
        (BACK[:-1] + b"?",),
        (BACK[:1], b"?"),
        (BACK[:500], BACK[500:-1] + b"?"),
        (b"\x81" + BACK[1:],),
    ],
)
def test_another_answer_is_wrong(pieces: tuple[bytes, ...]) -> None:
    with app(*pieces) as target:
        load = Messages(target, PAYLOAD, 1)
        try:
            with pytest.raises(Wrong, match="another message"):
                load.run(target, 10.0)
        finally:
            load.close()


@pytest.mark.parametrize("cut", [1, 500, len(BACK) - 1])
def test_an_answer_may_come_in_pieces(cut: int) -> None:
    with app(BACK[:cut], BACK[cut:]) as target:
        load = Messages(target, PAYLOAD, 1)
        try:
            assert load.once()
        finally:
            load.close()
