import socket

import pytest

from benchmarks.ends.echo import Connection, accepted
from benchmarks.ends.messages import frame

HEAD = b"GET /echo HTTP/1.1\r\nHost: a\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"


@pytest.mark.parametrize("step", [1, 7, 1000, 1 << 20])
def test_messages_come_back_however_they_are_cut(step: int) -> None:
    payloads = [b"", b"short", b"k" * 1024, b"large" * 20_000]
    there = HEAD + b"".join(frame(payload, masked=True) for payload in payloads)
    with socket.socket() as unused:
        connection = Connection(unused)
        back = b"".join(
            connection.answer(there[at : at + step]) for at in range(0, len(there), step)
        )
    assert back == accepted(HEAD) + b"".join(frame(one, masked=False) for one in payloads)


def test_a_key_is_answered_as_the_standard_says() -> None:
    assert b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in accepted(HEAD)


def test_a_real_mask_is_refused() -> None:
    with socket.socket() as unused:
        connection = Connection(unused)
        connection.answer(HEAD)
        with pytest.raises(ValueError, match="mask"):
            connection.answer(b"\x82\x81abcdx")
