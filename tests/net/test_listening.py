"""One stranger's answer, as bytes on a wire, and what is heard in it."""

import asyncio
import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsproxy.core.version import Answer, Fault, NotHttp, Trouble, judge
from wsproxy.core.wire import Version
from wsproxy.net.listening import BODY_LIMIT, HEAD_LIMIT, Listener, tls_reason

GOOD = b'{"api_version": "v2"}'
RESET = ConnectionResetError()


async def hear(*pieces: bytes, end: str = "") -> Answer | Fault | NotHttp | None:
    """What is heard of these pieces; ``end``: eof, reset, tls, or still open."""
    listener = Listener()
    for piece in pieces:
        listener.data_received(piece)
    if end == "eof":
        listener.eof_received()
        listener.connection_lost(None)
    elif end == "reset":
        listener.connection_lost(RESET)
    elif end == "tls":
        listener.connection_lost(ssl.SSLError(1, "[SSL: TLSV13_ALERT] x"))
    return listener.heard.result() if listener.heard.done() else None


def answer(head: bytes, body: bytes = b"") -> bytes:
    return b"HTTP/1.1 " + head.replace(b"|", b"\r\n") + b"\r\n\r\n" + body


WHOLE = answer(b"200 OK|Content-Length: 21", GOOD)
INTERIM = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\nLocation: /y\r\n\r\n"


@pytest.mark.parametrize(
    "pieces",
    [
        [WHOLE],
        [bytes([byte]) for byte in WHOLE],
        [WHOLE, b"and more"],
        [INTERIM + WHOLE],
        [INTERIM, INTERIM, WHOLE],
        [answer(b"200 OK|Transfer-Encoding: chunked", b"15\r\n" + GOOD + b"\r\n0\r\n\r\n")],
        [WHOLE + b"HTTP/1.1 500 garbage"],
        [WHOLE + b"HTTP/1.1 500 X\r\nDate: now\r\nContent-Length: 3\r\n\r\nbad"],
        [b"HTTP/1.0 200 OK\r\nContent-Length: 21\r\n\r\n" + GOOD],
    ],
)
async def test_a_whole_answer_is_heard_without_waiting_for_the_close(pieces):
    assert await hear(*pieces) == Answer(200, GOOD, content_type="")


async def test_without_a_length_the_close_is_the_end():
    pieces = answer(b"200 OK|Date: Mon|Server: s|Location: /l|Content-Type: text/x", GOOD)
    assert await hear(pieces) is None
    whole = Answer(200, GOOD, "/l", "Mon", "s", content_type="text/x")
    assert await hear(pieces, end="eof") == whole


@pytest.mark.parametrize(
    "head", [b"200 OK|Content-Length: 99", b"200 OK|Transfer-Encoding: chunked"]
)
async def test_a_cut_body_is_not_whole(head):
    cut = answer(head, b"" if b"chunked" in head else GOOD)
    for end in ("eof", "reset"):
        heard = await hear(cut, end=end)
        assert isinstance(heard, Answer) and not heard.whole


@pytest.mark.parametrize("status", [302, 404, 503])
async def test_an_error_status_decides_before_its_body_ends(status):
    heard = await hear(answer(b"%d X|Content-Length: 1000" % status, b"some"))
    assert isinstance(heard, Answer)
    assert (heard.status, heard.body) == (status, b"some")


async def test_an_upgrade_is_the_end_of_it():
    heard = await hear(answer(b"101 Switching Protocols|Upgrade: x|Connection: upgrade"))
    assert isinstance(heard, Answer) and heard.status == 101


@pytest.mark.parametrize(
    ("pieces", "end", "detail"),
    [
        ([], "eof", "closes"),
        ([], "reset", "resets"),
    ],
)
async def test_not_a_word_is_refused(pieces, end, detail):
    heard = await hear(*pieces, end=end)
    assert isinstance(heard, Fault) and heard.connected
    assert heard.trouble is Trouble.REFUSED and detail in heard.detail


@pytest.mark.parametrize("record", [b"\x15\x03\x01\x00\x02\x02\x46", b"\x16\x03\x03\x00\x7a\x02"])
async def test_a_tls_record_is_tls(record):
    whole = await hear(record)
    assert isinstance(whole, Fault) and whole.trouble is Trouble.TLS
    assert await hear(record[:1], record[1:]) == NotHttp("its answer is not HTTP")


async def test_an_alert_after_the_handshake_is_tls():
    heard = await hear(end="tls")
    assert isinstance(heard, Fault) and heard.trouble is Trouble.TLS


@pytest.mark.parametrize(
    ("pieces", "end", "detail"),
    [
        ([b"SSH-2.0-OpenSSH\r\n"], "", "SSH"),
        ([b"220 ftp ready\r\n"], "", "not HTTP"),
        ([b"HT", b"ML?"], "", "not HTTP"),
        ([b"HTTP/1.1 -1 \r\n\r\n"], "", "not valid HTTP"),
        ([b"HTTP/1.1 200 OK\r\nbad header\r\n\r\n"], "", "not valid HTTP"),
        ([b"HTTP/1.1 200 OK\r\nDate:"], "eof", "cut"),
        ([b"HTTP/1.1 200 OK\r\nDate:"], "reset", "cut"),
        ([b"HTTP/1.1 200 OK\r\n", *[b"X: " + b"x" * 1000 + b"\r\n"] * 70], "", "no end"),
        ([b"HTTP/1.1 200 OK\r\nX: " + b"x" * (HEAD_LIMIT + 1)], "", "no end"),
        ([INTERIM * 2000], "", "no end"),
    ],
)
async def test_what_is_no_http_answer(pieces, end, detail):
    heard = await hear(*pieces, end=end)
    assert isinstance(heard, NotHttp)
    assert detail in heard.detail


async def test_a_body_without_end_is_given_up():
    chunk = b"1000\r\n" + b" " * 4096 + b"\r\n"
    heard = await hear(answer(b"200 OK|Transfer-Encoding: chunked"), *[chunk] * 40)
    assert isinstance(heard, Answer)
    assert not heard.whole and len(heard.body) == BODY_LIMIT


async def test_bad_framing_in_the_body_is_not_whole():
    heard = await hear(answer(b"200 OK|Transfer-Encoding: chunked", b"15\r\n" + GOOD + b"XX"))
    assert isinstance(heard, Answer) and not heard.whole


def test_tls_reasons_are_for_people():
    verify = ssl.SSLCertVerificationError(1, "x")
    verify.verify_message = "certificate has expired."
    assert tls_reason(verify) == "certificate has expired"
    wrong = ssl.SSLError(1, "x")
    wrong.reason = "WRONG_VERSION_NUMBER"
    assert tls_reason(wrong) == "it answers TLS with plain text"
    other = ssl.SSLError(1, "x")
    other.reason = "TLSV1_ALERT_INTERNAL_ERROR"
    assert tls_reason(other) == "tlsv1 alert internal error"
    assert tls_reason(ConnectionResetError()) == "it ends the TLS handshake"


@given(
    st.lists(
        st.binary()
        | st.sampled_from([b"HTTP/1.1 200 OK\r\n", b"\r\n", b"Content-Length: 3\r\n", b"HTTP/1.1 "])
    ),
    st.sampled_from(["", "eof", "reset", "tls"]),
)
def test_whatever_a_stranger_sends_is_an_observation(pieces, end):
    heard = asyncio.run(hear(*pieces, end=end))
    assert heard is not None or end == ""
    if heard is not None:
        assert judge(heard).version is Version.V1
