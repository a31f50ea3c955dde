"""Whatever bytes a manager or a gateway sends: the result is a value, and never "deleted"."""

import gzip

import pytest

from tests.support.installations import ONE, small_manager
from wsproxy.cli.status import look
from wsproxy.client import Client, ClientRules, Configuration, Fate
from wsproxy.compat.zoo.answers import den, saying
from wsproxy.core.configuration import Mode
from wsproxy.core.wire import Version

RULES = ClientRules(patience=10.0)
DENIED = b'{"type": "https://api.backend.ai/probs/auth-failed"}'


def answer(body: bytes, fields: bytes = b"", status: bytes = b"200 OK") -> bytes:
    head = b"HTTP/1.1 " + status + b"\r\n" + fields
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


STRANGE = {
    "gzip that is none": answer(b"abcd", b"Content-Encoding: gzip\r\n"),
    "an encoding nobody knows": answer(b"abcd", b"Content-Encoding: nonsense\r\n"),
    "a bomb": answer(gzip.compress(bytes(32 << 20)), b"Content-Encoding: gzip\r\n"),
    "a status of 999": answer(b'{"api_version":"v2","stats":{}}', b"", b"999 What"),
    "a status of 0": answer(b'{"api_version":"v2","stats":{}}', b"", b"000 What"),
    "a status of -1": b"HTTP/1.1 -1 \r\n\r\n",
    "101": b"HTTP/1.1 101 Yes\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    "nothing but 100": b"HTTP/1.1 100 Continue\r\n\r\n" * 100,
    "204": b"HTTP/1.1 204 None\r\n\r\n",
    "deep": answer(b"[" * 200_000),
    "no text": answer(b"\xff\xfe\xfa"),
    "a number without an end": answer(b'{"code":' + b"9" * 6000 + b"}"),
    "a code that is text": answer(b'{"code":"200"}'),
    "a problem of other types": answer(b'{"type":["x"],"title":{"a":1}}', b"", b"404 No"),
    "a date far away": answer(DENIED, b"Date: Mon, 23 Nov 99999999999 18:44:19 GMT\r\n", b"401 No"),
    "a date long ago": answer(DENIED, b"Date: Mon, 01 Jan 0001 00:00:00 +2359\r\n", b"401 No"),
    "a date that is none": answer(DENIED, b"Date: \xff\r\n", b"401 No"),
    "cut": b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"stats":',
    "bad chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}}",
    "a long header": answer(b"{}", b"X: " + b"a" * 100_000 + b"\r\n"),
    "a redirect to nowhere": answer(b"", b"Location: http://[::bad\r\n", b"302 Found"),
    "cookies": answer(b"{}", b"Set-Cookie: \xff\x01=;;=\r\nContent-Type: ///;;=\r\n"),
    "HTTP/0.9": b"hello",
    "HTTP/2": b"HTTP/2 200 OK\r\n\r\n",
}


@pytest.mark.parametrize("sent", STRANGE.values(), ids=STRANGE)
@pytest.mark.parametrize("mode", Mode)
async def test_from_a_manager(sent: bytes, mode: Mode):
    async with den(saying(sent))() as address:
        who = Configuration(address, mode, "AK", "secret", "login", 8)
        async with Client(who, address, rules=RULES) as client:
            for name in (ONE, "by-name"):
                result = await client.terminate(name)
                assert result.session.fate is Fate.FAILED and result.session.fault is not None


@pytest.mark.parametrize("sent", STRANGE.values(), ids=STRANGE)
async def test_from_a_gateway(sent: bytes):
    async with small_manager() as manager, den(saying(sent))() as address:
        async with Client(manager.api(), address, rules=RULES) as client:
            result = await client.terminate(ONE)
    assert result.session.fate is Fate.DELETED
    assert result.circuits.fate in (Fate.FAILED, Fate.NONE)


@pytest.mark.parametrize("sent", STRANGE.values(), ids=STRANGE)
async def test_from_the_address_of_a_group(sent: bytes):
    async with den(saying(sent))() as address:
        examination = await look(address, 10.0)
    assert not examination.healthy
    assert examination.report.version is Version.V1 and examination.report.degraded
    assert examination.report.detail.isprintable() and len(examination.report.detail) < 400
