import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from benchmarks.ends.calls import Wrong
from benchmarks.ends.paced import Paced, arrivals, percentile
from benchmarks.process import Running

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody"


@contextmanager
def serving(answer: bytes) -> Iterator[tuple[Running, list[bytes]]]:
    """Answers each request of one connection after the other."""
    seen: list[bytes] = []

    def serve() -> None:
        with listener.accept()[0] as peer:
            while data := peer.recv(65536):
                seen.append(data)
                peer.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield Running("server", listener.getsockname()[1], 0, proxy=False), seen
        thread.join(10)


def test_arrivals_are_the_same_every_time_and_as_many_as_wanted():
    moments = arrivals(1000.0, 2.0)
    assert moments == arrivals(1000.0, 2.0)
    assert moments == sorted(moments) and len(moments) == 2000
    assert 1.5 < moments[-1] < 2.5
    assert len(set(moments)) == 2000


@pytest.mark.parametrize(("share", "wanted"), [(0.0, 1.0), (0.5, 3.0), (0.99, 4.0), (1.0, 4.0)])
def test_percentile(share: float, wanted: float):
    assert percentile([4.0, 1.0, 3.0, 2.0], share) == wanted


def test_every_request_is_sent_and_every_answer_timed():
    with serving(ANSWER) as (target, seen):
        load = Paced(target, "/path", b"body", 1)
        took = load.run(500.0, 0.1)
        load.close()
    assert len(took) == 50 and min(took) > 0
    assert len(seen) == 50 and set(seen) == {target.request("/path")}


@pytest.mark.parametrize("answer", [b"HTTP/1.1 502 Bad Gateway\r\n\r\n", b"SSH-2.0-x\r\n"])
def test_another_answer_is_wrong(answer: bytes):
    with serving(answer) as (target, _):
        load = Paced(target, "/path", b"body", 1)
        with pytest.raises(Wrong, match="server"):
            load.run(500.0, 0.1)
        load.close()
