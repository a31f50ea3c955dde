"""Asking a manager: what is sent, and that every failure is a value."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime

import aiohttp
import pytest
from aiohttp import web
from aioresponses import aioresponses

from tests.support.installations import LOGIN, ONE, TWO, Answer, problem, serving, small_manager
from wsproxy.compat.zoo.table import ANIMALS
from wsproxy.core.configuration import AuthMode, Configuration, Mode
from wsproxy.core.failure import Failure, FailureKind, Side
from wsproxy.manager.requests import BODY_LIMIT, ManagerClient, Said, failure_of

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def always(status: int, body: bytes) -> Callable[[str, str], Answer]:
    return lambda method, path: (status, body)


async def test_everything_a_manager_can_be_asked():
    async with small_manager() as manager, ManagerClient(manager.api()) as client:
        about = await client.about()
        assert isinstance(about, Said) and about.good
        assert about.document["manager"] == "26.8.1"
        assert await client.session_exists(ONE) is True
        assert await client.session_exists("no-such") is False
        assert await client.session_ids("one") == (ONE,)
        assert await client.session_ids("on") == ()
        assert await client.access_key() == "AKUSER"
        version = await client.group_version("g/1", "my project")
        assert isinstance(version, Said) and version.document == {"wsproxy_version": "v1"}
        apps = await client.apps(TWO)
        assert isinstance(apps, Said) and apps.document == []
        await client.start_service(ONE, "sshd", port=2200, login_session_token="t")
        deleted = await client.delete_session(ONE, forced=True)
        assert isinstance(deleted, Said) and deleted.good
        assert await client.session_exists(ONE) is False
    assert {asked.who for asked in manager.asked} == {"AKUSER"}
    targets = manager.targets()
    assert "/scaling-groups/g%2F1/wsproxy-version?group=my%20project" in targets
    assert f"/session/{ONE}?forced=true" in targets
    started = next(asked for asked in manager.asked if asked.method == "POST")
    assert started.body == {"app": "sshd", "port": 2200, "login_session_token": "t"}


async def test_session_mode_goes_below_func_and_learns_its_key():
    async with small_manager() as manager, ManagerClient(manager.login()) as client:
        assert await client.session_exists(ONE) is True
        assert await client.access_key() == "AKUSER"
    assert manager.targets() == [f"/func/session/{ONE}", "/server/login-check"]


async def test_a_web_server_that_does_not_tell_our_key():
    async with small_manager() as manager, ManagerClient(manager.login()) as client:
        for body in (b"<h1>", b"[]", b'{"data": null}', b'{"data": {"access_key": 7}}'):
            manager.override = always(200, body)
            assert await client.access_key() == ""


async def test_a_session_that_is_ending_does_not_exist():
    async with small_manager() as manager, ManagerClient(manager.api()) as client:
        for status, exists in (
            ("TERMINATING", False),
            ("TERMINATED", False),
            ("CANCELLED", False),
            ("RUNNING", True),
            ("ERROR", True),
            (["TERMINATED"], True),
            (None, True),
        ):
            manager.override = always(200, json.dumps({"status": status}).encode())
            assert await client.session_exists(ONE) is exists
        manager.override = always(200, b"[]")
        assert await client.session_exists(ONE) is True


async def test_whether_a_session_exists_is_not_guessed():
    async with small_manager() as manager, ManagerClient(manager.api()) as client:
        for answer in (
            problem(404, "url-not-found"),
            problem(404, "too-many-sessions-matched"),
            problem(500, "internal-server-error"),
            (404, b"<h1>404</h1>"),
        ):
            manager.override = always(*answer)
            assert await client.session_exists(ONE) is None
            assert await client.session_ids("one") == ()
    async with ManagerClient(manager.api()) as client:
        assert await client.session_exists(ONE) is None  # nobody is there any more
        assert await client.session_ids("one") == ()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1"])
async def test_the_signed_host_is_the_sent_one(host):
    """Also where a library would leave a default port out, or brackets in."""
    seen: list[str] = []

    async def handle(request: web.Request) -> web.Response:
        seen.append(request.headers["Host"])
        return web.Response()

    async with serving(handle, "::1" if host == "::1" else "127.0.0.1") as url:
        port = url.rpartition(":")[2]
        name = f"[{host}]" if ":" in host else host
        who = Configuration(f"http://{name}:{port}", Mode.API, "AK", "secret")
        async with ManagerClient(who) as client:
            await client.about()
    assert seen == [f"{name}:{port}"]


@pytest.mark.parametrize(
    ("endpoint", "host"),
    [
        ("http://manager", "manager"),
        ("http://manager:80/", "manager"),
        ("https://manager:443", "manager"),
        ("https://manager:80/api/", "manager:80"),
    ],
)
async def test_default_ports_are_neither_signed_nor_sent(endpoint, host):
    who = Configuration(endpoint, Mode.API, "AK", "secret")
    with aioresponses() as web_of_mocks:
        path = "/api/" if "/api/" in endpoint else "/"
        url = endpoint.rstrip("/").removesuffix("/api") + path
        web_of_mocks.get(url, exception=ConnectionResetError())
        async with ManagerClient(who) as client:
            await client.about()
        [[call]] = web_of_mocks.requests.values()
    assert call.kwargs["headers"]["Host"] == host
    assert "Date" not in call.kwargs["headers"]
    assert call.kwargs["allow_redirects"] is False


ERRORS = [
    (aiohttp.ServerDisconnectedError(), FailureKind.CLOSED_EARLY),
    (ConnectionResetError("reset"), FailureKind.CLOSED_EARLY),
    (aiohttp.ClientPayloadError("cut"), FailureKind.CUT),
    (aiohttp.ConnectionTimeoutError("late"), FailureKind.CONNECT_TIMEOUT),
    (TimeoutError(), FailureKind.FIRST_BYTE_TIMEOUT),
    (aiohttp.InvalidURL("http://"), FailureKind.UNRESOLVABLE),
    (aiohttp.ClientError("?"), FailureKind.CLOSED_EARLY),
]


@pytest.mark.parametrize(("error", "kind"), ERRORS)
async def test_every_error_is_a_value(error, kind):
    who = Configuration("http://manager", Mode.API, "AK", "secret")
    with aioresponses() as web_of_mocks:
        web_of_mocks.get("http://manager/", exception=error)
        async with ManagerClient(who) as client:
            failure = await client.about()
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.side) == (kind, Side.MANAGER)
    assert failure.detail
    assert failure_of(error) == failure


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("refuse", FailureKind.REFUSED),
        ("unresolvable", FailureKind.UNRESOLVABLE),
        ("close", FailureKind.CLOSED_EARLY),
        ("reset", FailureKind.CLOSED_EARLY),
        ("hang", FailureKind.FIRST_BYTE_TIMEOUT),
        ("stalled-body", FailureKind.FIRST_BYTE_TIMEOUT),
        ("truncated", FailureKind.CUT),
        ("ssh", FailureKind.MALFORMED_ANSWER),
        ("tls-on-plain", None),
        ("plain-on-tls", FailureKind.TLS),
        ("expired-certificate", FailureKind.TLS),
        ("wrong-name", FailureKind.TLS),
        ("infinite-body", FailureKind.MALFORMED_ANSWER),
    ],
)
async def test_every_fault_of_a_real_socket_is_a_value(name, kind):
    patience = 0.5 if kind is FailureKind.FIRST_BYTE_TIMEOUT else 10.0
    async with ANIMALS[name]() as address:
        who = Configuration(address, Mode.API, "AK", "secret")
        async with ManagerClient(who, patience=patience) as client:
            failure = await client.about()
    assert isinstance(failure, Failure)
    assert kind is None or failure.kind is kind


async def test_certificates_may_be_left_unchecked():
    async with ANIMALS["untrusted-certificate"]() as address:
        who = Configuration(address, Mode.API, "AK", "secret")
        async with ManagerClient(who, verify_tls=False) as client:
            assert isinstance(await client.about(), Said)


async def test_an_answer_is_read_to_a_limit():
    async def handle(request: web.Request) -> web.Response:
        return web.Response(body=b" " * (BODY_LIMIT + 1))

    async with serving(handle) as url:
        async with ManagerClient(Configuration(url, Mode.API, "AK", "s")) as client:
            failure = await client.about()
    assert isinstance(failure, Failure) and failure.kind is FailureKind.MALFORMED_ANSWER


async def test_redirects_are_not_followed():
    async with ANIMALS["redirect"]() as address:
        async with ManagerClient(Configuration(address, Mode.API, "AK", "s")) as client:
            said = await client.about()
    assert isinstance(said, Said) and said.status == 302


def test_a_problem_is_told_in_one_harmless_line():
    body = json.dumps(
        {"type": "https://api.backend.ai/probs/auth-failed", "title": "No.", "msg": "a\x1b[1m\nb"}
    ).encode()
    said = Said(401, body)
    assert said.slug == "auth-failed"
    assert said.explained(NOW) == "The manager answered 401. a?[1m?b"
    assert Said(500, b'{"title": "no problem"}').explained(NOW) == "The manager answered 500."
    assert Said(500, b"<h1>").document is None


def test_a_clock_that_is_off_is_named():
    said = Said(401, b"", "Mon, 23 Nov 2026 23:20:00 GMT")
    assert said.explained(NOW) == (
        "The manager answered 401. Its clock and this machine's differ by 40 minutes; "
        "15 are allowed."
    )
    assert "clock" not in Said(401, b"", "Mon, 23 Nov 2026 23:50:00 GMT").explained(NOW)


async def test_secrets_are_shown_nowhere(caplog):
    caplog.set_level("DEBUG")
    async with small_manager() as manager:
        for who in (manager.api(), manager.login(AuthMode.HEADER)):
            async with ManagerClient(who) as client:
                shown = repr(client) + repr(await client.delete_session(ONE))
            assert "secret-of-the-user" not in shown + caplog.text
            assert LOGIN not in shown + caplog.text


async def test_it_can_be_cancelled_and_closed_twice():
    async with ANIMALS["hang"]() as address:
        client = ManagerClient(Configuration(address, Mode.API, "AK", "s"))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await client.about()
        await client.close()
        await client.close()
