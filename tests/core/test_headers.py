"""Which fields pass, as tables."""

from ipaddress import ip_network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wsproxy.core.framing import CHUNKED, NO_BODY, Answer, Body, BodyKind, read_answer
from wsproxy.core.headers import (
    HOP_BY_HOP,
    AnswerExtras,
    HeaderRules,
    answer_bytes,
    plain_bytes,
    request_bytes,
    upstream_headers,
    without_cookies,
)
from wsproxy.core.heads import Peer, RawHeaders, RequestHead
from wsproxy.core.wire import Version

PEER = Peer("192.0.2.7", 5000)
LOGIN = frozenset({b"AIOHTTP_SESSION"})


def head(*headers: tuple[bytes, bytes], target: str = "/p?q") -> RequestHead:
    return RequestHead("GET", target, ((b"Host", b"app.example:81"), *headers))


def kept(*headers: tuple[bytes, bytes], rules: HeaderRules | None = None) -> RawHeaders:
    """The fields of the client that pass, without those that tell about it."""
    passed = upstream_headers(head(*headers), PEER, rules or HeaderRules())
    return tuple(pair for pair in passed[1:] if not pair[0].startswith((b"X-Forw", b"Forw")))


@pytest.mark.parametrize("name", sorted(HOP_BY_HOP))
def test_case_75_hop_by_hop_fields_go(name: bytes):
    assert kept((name.title(), b"x"), (b"X-Kept", b"1")) == ((b"X-Kept", b"1"),)


@pytest.mark.parametrize("name", [b"X-Forwarded-For", b"x_forwarded-for", b"X_FORWARDED_PREFIX"])
def test_claims_about_the_client_go_in_every_spelling(name: bytes):
    """Some servers read ``_`` and ``-`` in names as one."""
    passed = upstream_headers(head((name, b"10.0.0.1"), (b"X_Kept", b"1")), PEER, HeaderRules())
    assert (b"X_Kept", b"1") in passed
    assert b"10.0.0.1" not in b"".join(value for _, value in passed)


def test_fields_that_connection_names_go_but_not_the_message_s_own():
    fields = ((b"Connection", b"close, X-Mine,cookie , content-length"), (b"x-mine", b"1"))
    assert kept(*fields, (b"Cookie", b"a=b"), (b"Content-Length", b"3")) == (
        (b"Cookie", b"a=b"),
        (b"Content-Length", b"3"),
    )


@pytest.mark.parametrize(
    ("sent", "passed"),
    [
        (b"a=b; c=d", b"a=b; c=d"),
        (b"a=b;  c=d;", b"a=b;  c=d;"),
        (b"appproxy_permit=x", b""),
        (b"a=b; appproxy_permit_0f=x; c=d", b"a=b; c=d"),
        (b"appproxy_permit_0f=x; appproxy_permit=y; c=d", b"c=d"),
        (b"AIOHTTP_SESSION=s; a=b", b"a=b"),
        (b"MY_AIOHTTP_SESSION=s; a=AIOHTTP_SESSION", b"MY_AIOHTTP_SESSION=s; a=AIOHTTP_SESSION"),
        (b"a=appproxy_permit; appproxy_permitted", b"a=appproxy_permit"),
    ],
)
def test_cookies_of_the_gateway_and_of_the_web_server_go(sent: bytes, passed: bytes):
    assert without_cookies(sent, LOGIN) == passed
    wanted = ((b"Cookie", passed),) if passed else ()
    assert kept((b"Cookie", sent), rules=HeaderRules(login_cookies=LOGIN)) == wanted


def test_the_web_server_s_cookie_stays_elsewhere():
    assert kept((b"Cookie", b"AIOHTTP_SESSION=s")) == ((b"Cookie", b"AIOHTTP_SESSION=s"),)


def test_authorization_goes_only_when_it_was_the_gateway_s():
    field = (b"authorization", b"Bearer x")
    assert kept(field) == (field,)
    assert kept(field, rules=HeaderRules(strip_authorization=True)) == ()


def test_case_75_rstudio_gets_its_fields_and_nobody_forges_them():
    rules = HeaderRules(app="rstudio")
    assert kept((b"x-rstudio-request", b"http://evil/"), rules=rules) == (
        (b"X-RStudio-Proto", b"http"),
        (b"X-RStudio-Request", b"http://app.example:81/p"),
    )


def test_trusted_fields_are_not_passed_twice():
    rules = HeaderRules(trusted=(ip_network("192.0.2.0/24"),))
    passed = upstream_headers(head((b"X-Forwarded-For", b"1.2.3.4")), PEER, rules)
    assert [v for k, v in passed if k.lower() == b"x-forwarded-for"] == [b"1.2.3.4, 192.0.2.7"]


@pytest.mark.parametrize(
    ("headers", "body", "upgrade", "version", "wanted"),
    [
        ((), NO_BODY, b"", "1.1", b""),
        (((b"content-LENGTH", b"0"),), NO_BODY, b"", "1.1", b"content-LENGTH: 0\r\n"),
        (((b"CL", b"3"),), Body(BodyKind.LENGTH, 3), b"", "1.1", b"CL: 3\r\nContent-Length: 3\r\n"),
        (
            ((b"Content-Length", b"3"), (b"TE", b"x"), (b"A", b"b")),
            CHUNKED,
            b"",
            "1.1",
            b"A: b\r\nTransfer-Encoding: chunked\r\n",
        ),
        (
            ((b"Connection", b"Upgrade, B"), (b"Upgrade", b"x"), (b"B", b"c")),
            NO_BODY,
            b"x",
            "1.1",
            b"Connection: Upgrade\r\nUpgrade: x\r\n",
        ),
        (((b"Connection", b"keep-alive"),), NO_BODY, b"", "1.0", b"Connection: close\r\n"),
    ],
)
def test_the_head_for_the_app(
    headers: RawHeaders, body: Body, upgrade: bytes, version: str, wanted: bytes
):
    written = request_bytes("PUT", "/%2f", version, headers, body, upgrade)
    assert written == f"PUT /%2f HTTP/{version}\r\n".encode() + wanted + b"\r\n"


VERSION = b"X-BackendAI-Wsproxy-Version: v1\r\n\r\n"


def raw_head(headers: RawHeaders) -> bytes:
    """An answer's head with these fields; its first line does not matter here."""
    fields = b"".join(name + b": " + value + b"\r\n" for name, value in headers)
    return b"HTTP/1.1 200 OK\r\n" + fields + b"\r\n"


TO_SWITCH = b"Upgrade: x\r\nConnection: Upgrade"
CHUNKED_AND_CLOSE = b"Transfer-Encoding: chunked\r\nConnection: close\r\n"


@pytest.mark.parametrize(
    ("status", "headers", "body", "close", "wanted"),
    [
        (200, ((b"A", b"1"), (b"a", b"2")), NO_BODY, False, b"A: 1\r\na: 2\r\n"),
        (200, (), CHUNKED, True, CHUNKED_AND_CLOSE),
        (200, ((b"Upgrade", b"h2"), (b"Keep-Alive", b"5")), NO_BODY, False, b""),
        (200, ((b"X-Backendai-WSPROXY-Version", b"v9"),), NO_BODY, False, b""),
        (426, ((b"Upgrade", b"x"),), NO_BODY, True, TO_SWITCH + b", close\r\n"),
        (426, (), NO_BODY, False, b""),
        (101, ((b"Upgrade", b"x"),), NO_BODY, False, TO_SWITCH + b"\r\n"),
    ],
)
def test_the_head_for_the_client(
    status: int, headers: RawHeaders, body: Body, close: bool, wanted: bytes
):
    answer = Answer(status, b"Why", raw_head(headers), body, True)
    extras = AnswerExtras(Version.V1, close, ((b"P", b"q"),))
    line = b"HTTP/1.1 %d Why\r\n" % status
    assert answer_bytes(answer, extras) == line + wanted + b"P: q\r\n" + VERSION


def test_a_head_without_fields_of_this_hop_passes_as_it_came():
    answer = read_answer(b"HTTP/1.1 200 OK\r\nx:  y\r\n\r\n", "HEAD")
    assert isinstance(answer, Answer) and answer.plain
    assert plain_bytes(answer, Version.V1) == b"HTTP/1.1 200 OK\r\nx:  y\r\n" + VERSION


def test_an_interim_answer_gains_nothing():
    answer = Answer(103, b"Early Hints", raw_head(((b"Link", b"x"),)), NO_BODY, True)
    extras = AnswerExtras(Version.V1, False, ((b"P", b"q"),))
    assert answer_bytes(answer, extras) == b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"


NAMES = st.sampled_from([b"A", b"a", b"Cookie", b"X-Long", b"Accept", b"ETag", b"te", b"Upgrade"])
PAIRS = st.lists(st.tuples(NAMES, st.sampled_from([b"1", b"2", b"x=y; z=1"])), max_size=10)


@settings(max_examples=100, deadline=None)
@given(PAIRS)
def test_order_and_repetition_survive(pairs: list[tuple[bytes, bytes]]):
    wanted = tuple(pair for pair in pairs if pair[0].lower() not in HOP_BY_HOP)
    assert kept(*pairs) == wanted
    raw = raw_head(tuple(pairs))
    answer = answer_bytes(Answer(200, b"", raw, NO_BODY, True), AnswerExtras(Version.V2))
    lines = answer.split(b"\r\n")[1:-3]
    assert lines == [name + b": " + value for name, value in wanted]
