"""Heads and bodies, decided on bytes; the many bad ones are in tests/data/test_bad_input.py too."""

import re

import httptools
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.bad_requests import BAD
from wsproxy.core.framing import (
    CHUNKED,
    NO_BODY,
    UNTIL_CLOSE,
    Answer,
    Body,
    BodyKind,
    Fault,
    HeadLimits,
    Request,
    begins_badly,
    early_fault,
    explain,
    read_answer,
    read_request,
    target_of,
    tokens,
    too_large,
)

HEAD = b"GET / HTTP/1.1\r\nHost: h\r\n"


def request(extra: bytes = b"", first: bytes = HEAD) -> Request:
    read = read_request(first + extra + b"\r\n")
    assert isinstance(read, Request), read
    return read


def fault(raw: bytes) -> Fault:
    read = read_request(raw)
    assert isinstance(read, Fault), read
    return read


def test_a_request_as_a_value():
    read = request(
        b"X-A:1\r\nx-a: \t 2 \t\r\nEmpty:\r\n", b"PATCH /a/%2F?b HTTP/1.1\r\nHost: h:1\r\n"
    )
    assert (read.head.method, read.head.target, read.head.http_version) == (
        "PATCH",
        "/a/%2F?b",
        "1.1",
    )
    assert read.head.headers == (
        (b"Host", b"h:1"),
        (b"X-A", b"1"),
        (b"x-a", b"2"),
        (b"Empty", b""),
    )
    assert (read.body, read.keep_alive, read.upgrade) == (NO_BODY, True, b"")


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        (b"", NO_BODY),
        (b"Content-Length: 0\r\n", NO_BODY),
        (b"content-length:  12 \r\n", Body(BodyKind.LENGTH, 12)),
        (b"Transfer-Encoding: Chunked\r\n", CHUNKED),
    ],
)
def test_the_body_of_a_request(fields: bytes, body: Body):
    assert request(fields).body == body


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"\x16\x03\x01\x00\xa5", "This port speaks HTTP, and this is TLS."),
        (b"GET / HTTP/1.1\nHost: h\n\n", "A line ends with a bare line feed."),
        (b"GET / HTTP/1.1\r\nHost: h\rX\r\n\r\n", "There is a bare carriage return."),
        (b"GET / HTTP/1.1\r\nHost: \x01\r\n\r\n", "There is a control character."),
        (b"GET /\xff HTTP/1.1\r\nHost: h\r\n\r\n", "The target has bytes that must be percent-"),
        (b"GET / HTTP/1.1\r\nHost: h\r\n x\r\n\r\n", "A header line is folded."),
        (b"GET / HTTP/1.1\r\nHost : h\r\n\r\n", "There is a space before a colon."),
        (b"GET / HTTP/3.0\r\nHost: h\r\n\r\n", "The version is not HTTP/1.0 or HTTP/1.1."),
        (b"GET /\r\n\r\n", "The request line is not valid."),
        (b"GET / HTTP/1.1\r\nHost: h\r\nx\r\n\r\n", "A header line is not valid."),
    ],
)
def test_the_reason_is_told(raw: bytes, reason: str):
    found = fault(raw) if raw.endswith(b"\r\n\r\n") else Fault("malformed-request", explain(raw))
    assert found.detail.startswith(reason)


@pytest.mark.parametrize("host", [b"", b"h", b"h:80", b"[::1]:80", b"[fe80::1%25e]", b"a-b_c.d~!"])
def test_hosts_that_are_taken(host: bytes):
    assert (
        request(first=b"GET / HTTP/1.1\r\nHost: " + host + b"\r\n").head.first(b"host")
        == host.decode()
    )


def test_http_1_0_needs_no_host_and_is_never_kept():
    assert request(b"Connection: keep-alive\r\n", b"GET / HTTP/1.0\r\n").keep_alive is False
    assert fault(b"GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n").code == "malformed-request"


@pytest.mark.parametrize(
    ("fields", "upgrade"),
    [
        (b"Connection: Upgrade\r\nUpgrade: websocket\r\n", b"websocket"),
        (b"Connection: keep-alive, UPGRADE\r\nUpgrade: a\r\nUpgrade: b/2\r\n", b"a, b/2"),
        (b"Connection: x\r\nConnection: upgrade\r\nUpgrade: a\r\n", b"a"),
        (b"Connection: Upgrade\r\n", b""),
        (b"Upgrade: a\r\n", b""),
        (b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: H2C\r\n", b""),
        (b"Connection: Upgrade\r\nUpgrade: a\r\nContent-Length: 1\r\n", b""),
    ],
)
def test_upgrades(fields: bytes, upgrade: bytes):
    assert request(fields).upgrade == upgrade


@pytest.mark.parametrize("name", BAD)
def test_what_is_refused(name: str):
    head, blank, _body = BAD[name].partition(b"\r\n\r\n")
    found = fault(head + blank)
    assert found.code == "malformed-request"
    assert found.detail != "The head is not valid."


@pytest.mark.parametrize("target", [b"http://H/x", b"HTTPS://h", b"http://h?x"])
def test_the_absolute_form_of_our_own_host(target: bytes):
    read = request(first=b"GET " + target + b" HTTP/1.1\r\nHost: h\r\n")
    assert read.head.target == target.decode()


def test_the_other_forms_of_a_target():
    assert request(first=b"OPTIONS * HTTP/1.1\r\nHost: h\r\n").head.target == "*"
    assert fault(b"CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n\r\n").code == "method-not-allowed"


@pytest.mark.parametrize(
    "raw",
    [
        b"ICY 200 OK\r\n\r\n",
        b"HTTP/1.1 99 No\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX : 1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: a\x00\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
)
def test_answers_that_are_refused(raw: bytes):
    assert isinstance(read_answer(raw, "GET"), str)


def test_keep_alive():
    assert request(b"Connection: foo, Close\r\n").keep_alive is False
    assert request(b"Connection: foo\r\n").keep_alive is True


def test_an_unlisted_method_is_a_method():
    assert request(first=b"BREW /pot HTTP/1.1\r\nHost: h\r\n").head.method == "BREW"
    assert request(first=b"POSTAL / HTTP/1.1\r\nHost: h\r\nX: 1\r\n").head.headers[1] == (
        b"X",
        b"1",
    )


def test_what_the_parser_refuses_is_refused(monkeypatch: pytest.MonkeyPatch):
    """The grammar is stricter than the parser; should that change, the stricter of both holds."""

    class Parser:
        def __init__(self, fields: object) -> None: ...

        def feed_data(self, raw: bytes) -> None:
            raise self.error("no")

        error: type[Exception] = httptools.HttpParserError

    monkeypatch.setattr(httptools, "HttpRequestParser", Parser)
    assert fault(HEAD + b"\r\n").detail == "The head is not valid."
    Parser.error = httptools.HttpParserInvalidMethodError
    assert fault(HEAD + b"\r\n").detail == "The head is not valid."


LIMITS = HeadLimits(head_bytes=200, target_bytes=50, fields=3)


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (HEAD, None),
        (b"G" * 115, "uri-too-long"),
        (b"GET /" + b"a" * 120 + b" HTTP/1.1\r\n", "uri-too-long"),
        (HEAD + b"x" * 200, "head-too-large"),
        (HEAD + b"a:b\r\n" * 2, None),
        (HEAD + b"a:b\r\n" * 4, "head-too-large"),
    ],
)
def test_limits(raw: bytes, code: str | None):
    found = too_large(raw, LIMITS)
    assert (found.code if found else None) == code


@pytest.mark.parametrize(
    "raw", [b"", b"\r", b"G", b"GET", b"GET /", b"GET / HTTP/1.1\r", HEAD, HEAD + b"X"]
)
def test_the_beginning_of_a_head_is_waited_for(raw: bytes):
    assert early_fault(raw) is None


@pytest.mark.parametrize("raw", [b"\x16\x03", b"GET\n", b"a\rb", b"\rG", b"G\x00", b"(", b"GET\t/"])
def test_garbage_is_refused_at_once(raw: bytes):
    assert early_fault(raw) is not None


def test_a_slow_head_is_looked_at_only_once():
    raw = b"GET / HTTP/1.1\nHost"
    assert early_fault(raw, len(raw)) is None
    assert early_fault(raw + b"\n", len(raw)) is not None
    assert early_fault(b"GET / HTTP/1.1\r\n", 15) is None


@pytest.mark.parametrize(
    ("raw", "bad"),
    [
        (b"", False),
        (b"HTT", False),
        (b"HTTP/1.1 200 OK\r", False),
        (b"HTTP/1.1 200 OK\r\nX: \x01\xff", False),
        (b"SSH-2.0", True),
        (b"HTTP/2", True),
        (b"\x15\x03\x01", True),
        (b"HTTP/1.1 200 OK\n", True),
        (b"HTTP/1.1 200 OK\rX", True),
        (b"HTTP/1.1 200 OK\r\nX: \x00", True),
    ],
)
def test_the_beginning_of_an_answer(raw: bytes, bad: bool):
    assert begins_badly(raw) == bad
    assert begins_badly(raw, len(raw) - 1) == bad


def test_tokens():
    assert tokens([b"A, b ,", b"\tC"]) == [b"a", b"b", b"c"]


def answer(raw: bytes, method: str = "GET") -> Answer:
    read = read_answer(raw, method)
    assert isinstance(read, Answer), read
    return read


@pytest.mark.parametrize(
    ("status", "fields", "method", "body"),
    [
        (200, b"", "GET", UNTIL_CLOSE),
        (200, b"Content-Length: 5\r\n", "GET", Body(BodyKind.LENGTH, 5)),
        (200, b"Content-Length: 0\r\n", "GET", NO_BODY),
        (200, b"Transfer-Encoding: chunked\r\n", "GET", CHUNKED),
        (200, b"Content-Length: 5\r\n", "HEAD", NO_BODY),
        (200, b"Transfer-Encoding: chunked\r\n", "HEAD", NO_BODY),
        (204, b"", "GET", NO_BODY),
        (304, b"Content-Length: 5\r\n", "GET", NO_BODY),
        (103, b"", "GET", NO_BODY),
    ],
)
def test_the_body_of_an_answer(status: int, fields: bytes, method: str, body: Body):
    read = answer(b"HTTP/1.1 %d X\r\n%s\r\n" % (status, fields), method)
    assert read.body == body
    assert read.keep_alive is (body is not UNTIL_CLOSE)


def test_an_answer_as_a_value():
    read = answer(
        b"HTTP/1.1 299 \xfcber gut\r\nA:  b \r\na:c:d\r\nX:\x01\r\nConnection: close\r\n\r\n"
    )
    assert (read.status, read.reason, read.keep_alive) == (299, b"\xfcber gut", False)
    assert read.headers[:3] == ((b"A", b"b"), (b"a", b"c:d"), (b"X", b"\x01"))
    assert answer(b"HTTP/1.1 200\r\nContent-Length: 1\r\n\r\n").reason == b""
    kept = answer(b"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\n")
    assert kept.keep_alive is True
    old = answer(b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\n")
    assert old.keep_alive is False


FIELD = st.tuples(
    st.from_regex(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,12}", fullmatch=True),
    st.from_regex(rb"[\t\x20-\x7e\x80-\xff]{1,20}", fullmatch=True)
    .map(lambda value: value.strip(b" \t"))
    .filter(bool),
)
_FRAMING = {b"host", b"content-length", b"transfer-encoding"}


@settings(max_examples=150, deadline=None)
@given(st.lists(FIELD, max_size=8))
def test_fields_survive_reading(fields: list[tuple[bytes, bytes]]):
    fields = [pair for pair in fields if pair[0].lower() not in _FRAMING]
    raw = b"".join(b"%s: %s\r\n" % pair for pair in fields)
    assert request(raw).head.headers == ((b"Host", b"h"), *fields)
    assert answer(b"HTTP/1.1 200 OK\r\n" + raw + b"\r\n").headers == tuple(fields)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60), st.integers(0, 70))
def test_nothing_is_read_that_an_independent_reader_reads_otherwise(noise: bytes, at: int):
    """Whatever is accepted reads the same for a reader that knows lines and colons only."""
    base = HEAD + b"X: 1\r\nContent-Length: 3\r\n\r\n"
    read = read_request(base[:at] + noise + base[at:])
    if isinstance(read, Fault):
        return
    lines = (base[:at] + noise + base[at:]).split(b"\r\n")
    assert lines[-2:] == [b"", b""]
    pairs = [line.split(b":", 1) for line in lines[1:-2]]
    assert [(name, value.strip(b" \t")) for name, value in pairs] == list(read.head.headers)
    assert f"{read.head.method} {read.head.target}".encode("latin-1") in lines[0]
    lengths = [v for n, v in read.head.headers if n.lower() == b"content-length"]
    assert read.body.length == sum(int(v) for v in lengths)
    assert not any(re.search(rb"[\x00-\x08\x0a-\x1f\x7f]", line) for line in lines)


@pytest.mark.parametrize(
    ("line", "target"),
    [
        (b"GET / HTTP/1.1", "/"),
        (b"GET /a%20b?x=/ HTTP/1.1", "/a%20b?x=/"),
        (b"GET /a b HTTP/1.1", None),
        (b"GET /\xe9 HTTP/1.1", None),
        (b"GET /\x7f HTTP/1.1", None),
        (b"GET /\t HTTP/1.1", None),
        (b"GET / HTTP/1.0", None),
        (b"GET /HTTP/1.1", None),
    ],
)
def test_the_target_of_an_ordinary_line(line: bytes, target: str | None):
    """As ``read_request`` reads it, of a head whose fields are known."""
    head = line + b"\r\nHost: h\r\n\r\n"
    assert target_of(head, 5, len(line)) == target
    if target is not None:
        assert request(first=line + b"\r\nHost: h\r\n").head.target == target


@pytest.mark.parametrize(
    ("fields", "passed"),
    [
        (b"X-Connection: a\r\nConnection: Keep-Alive\r\nb: 1\r\n", b"X-Connection: a\r\nb: 1\r\n"),
        (b"Keep-Alive: timeout=5\r\nconnection: keep-alive\r\n", b""),
        (b"a: Connection: keep-alive\r\n", b"a: Connection: keep-alive\r\n"),
    ],
)
def test_a_kept_connection_is_no_news_for_the_client(fields: bytes, passed: bytes):
    read = answer(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n" + fields + b"\r\n")
    assert read.plain and read.keep_alive
    assert read.raw == b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n" + passed + b"\r\n"


@pytest.mark.parametrize("field", [b"close", b"keep-alive, x", b"X-Y", b"upgrade"])
def test_what_connection_names_is_taken_out(field: bytes):
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: " + field + b"\r\n\r\n"
    assert not answer(head).plain
