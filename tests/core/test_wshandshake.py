"""The opening handshake as bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from wsproxy.core.wshandshake import (
    Answer,
    accepts,
    connect_request,
    new_key,
    proxy_credentials,
    read_head,
    upgrade_request,
)

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
GOOD = {"upgrade": "websocket", "connection": "Upgrade", "sec-websocket-accept": ACCEPT}


def test_the_target_is_the_exact_text_of_the_url():
    url = URL("ws://m:1/stream/session/S/httpproxy?app=a&envs=%7B%22A%22:1%7D", encoded=True)
    request = upgrade_request(url, "m:1", KEY, [("X-A", "b")])
    lines = request.decode().split("\r\n")
    assert lines[0] == "GET /stream/session/S/httpproxy?app=a&envs=%7B%22A%22:1%7D HTTP/1.1"
    assert "Host: m:1" in lines
    assert "X-A: b" in lines
    assert not any(line.startswith(("Sec-WebSocket-Extensions", "Date")) for line in lines)
    assert request.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("value", ["a\r\nX: y", "a\nb", "a\0"])
def test_a_line_end_in_a_value_is_never_sent(value):
    with pytest.raises(ValueError, match="line end"):
        upgrade_request(URL("ws://m/"), "m", KEY, [("Cookie", value)])


def test_connect_names_the_authority():
    assert connect_request("m:80", ()) == b"CONNECT m:80 HTTP/1.1\r\nHost: m:80\r\n\r\n"


def test_credentials_of_a_proxy():
    assert proxy_credentials(URL("http://proxy:1")) == ()
    expected = (("Proxy-Authorization", "Basic dTpw"),)
    assert proxy_credentials(URL("http://u:p@proxy:1")) == expected
    assert proxy_credentials(URL("http://u@proxy")) == (("Proxy-Authorization", "Basic dTo="),)


def test_a_key_is_sixteen_random_bytes():
    assert new_key(b"the sample nonce") == KEY


def test_the_accepted_handshake_of_the_rfc():
    assert accepts(Answer(101, GOOD), KEY)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("upgrade", "h2c"),
        ("connection", "close"),
        ("sec-websocket-accept", "x"),
        ("sec-websocket-extensions", "permessage-deflate"),
        ("sec-websocket-protocol", "chat"),
    ],
)
def test_nothing_is_agreed_that_was_not_offered(field, value):
    assert not accepts(Answer(101, {**GOOD, field: value}), KEY)


def test_a_head_and_what_follows():
    found = read_head(b"HTTP/1.1 101 Switching\r\nUpgrade:  websocket \r\nupgrade: x\r\n\r\nrest")
    assert found == (Answer(101, {"upgrade": "websocket"}), b"rest")


@pytest.mark.parametrize("start", [b"", b"H", b"HTTP/1.1 200 OK\r\nX: y\r\n"])
def test_a_head_that_is_not_complete(start):
    assert read_head(start) is None


@pytest.mark.parametrize(
    "answer",
    [b"SSH-2.0", b"HTTP/2 200\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1 200 " + b"x" * 70000],
)
def test_what_is_no_answer(answer):
    with pytest.raises(ValueError, match="answer"):
        read_head(answer)


@given(st.binary(max_size=200))
def test_any_bytes_are_an_answer_none_yet_or_an_error(data):
    try:
        found = read_head(b"HTTP/1.1 " + data)
    except ValueError:
        return
    assert found is None or 0 <= found[0].status <= 999
