import socket
import threading
from contextlib import suppress

import pytest

from benchmarks.ends import large
from benchmarks.ends.calls import Wrong, read_head, upgraded
from benchmarks.ends.echo import accepted
from benchmarks.ends.large import BACK, THERE, Large
from benchmarks.process import Running, module


def test_large_messages_go_there_and_back() -> None:
    with module("benchmarks.ends.large") as (pid, port):
        target = Running("direct", int(port), pid, proxy=False)
        load = Large(target, 2)
        try:
            sample = load.run(target, 3.0)
        finally:
            load.close()
    assert sample.units > 0 and sample.cpu is None


@pytest.mark.parametrize(("at", "kind"), [(20, 0), (20, 1), (len(THERE[1]) - 1, 1)])
def test_the_app_closes_on_other_bytes(at: int, kind: int) -> None:
    """Of a text message every byte counts."""
    message = bytearray(THERE[kind])
    message[at] ^= 1
    with module("benchmarks.ends.large") as (pid, port):
        with upgraded(Running("direct", int(port), pid, proxy=False)) as call:
            try:
                call.sendall(message)
                end = call.recv(1)
            except ConnectionError:  # it did not wait for the rest
                end = b""
    assert end == b""


def test_a_caller_who_says_nothing_does_not_stop_the_app() -> None:
    with module("benchmarks.ends.large") as (pid, port):
        target = Running("direct", int(port), pid, proxy=False)
        socket.create_connection(("127.0.0.1", int(port)), 10).close()
        load = Large(target, 1)
        try:
            load.run(target, 0.0)  # a message that does not come back raises
        finally:
            load.close()


ANSWERS = [bytes(len(BACK[1])), BACK[1][:100_000] + bytes(1 << 20), b"", BACK[0]]


@pytest.mark.parametrize("answer", ANSWERS)
def test_a_proxy_that_answers_otherwise_is_wrong(
    answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(large, "WAIT", 5.0)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            peer, _ = listener.accept()
            with peer:
                head, _ = read_head(peer)
                peer.sendall(accepted(head + b"\r\n\r\n"))
                left = len(THERE[1])
                while left and (data := peer.recv(left)):
                    left -= len(data)
                with suppress(OSError):  # it has heard enough
                    peer.sendall(answer)
                    peer.shutdown(socket.SHUT_WR)
                    peer.recv(1)

        server = threading.Thread(target=serve)
        server.start()
        target = Running("liar", listener.getsockname()[1], 0, proxy=False)
        load = Large(target, 1)
        try:
            with pytest.raises(Wrong):
                load.run(target, 1.0)
        finally:
            load.close()
            server.join()
