"""Bugs of older programs that the v2 flow must not repeat (protocol 12, observed 5 and 6)."""

import base64
import json
import logging
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest

from tests.support.apps import exchange, raw_app
from tests.support.circuits import FakeHost
from tests.support.v2 import ACCESS_KEY, API_SECRET, KEYS, Wish, block, v2
from wsproxy.core import jwts
from wsproxy.core.circuit import CloseReason

JSON = {"Accept": "application/json"}


def fake(**changes: Any) -> Wish:
    return replace(Wish(host=FakeHost(), ports=(10200, 10201, 10202)), **changes)


def body(session_id: str, **changes: Any) -> dict[str, Any]:
    return {
        "login_session_token": "the-login-token",
        "kernel_host": "127.0.0.1",
        "kernel_port": 8888,
        "session": block(session_id),
        **changes,
    }


@pytest.mark.parametrize("accept", ["*/*", "text/html", "application/json", "image/png"])
async def test_d08_an_error_is_an_error_whatever_the_accept_header(accept):
    async with v2() as gateway:
        session = str(uuid4())
        link = await gateway.auth(await gateway.conf(session, 8888), session)
        headers = {"Accept": accept}
        for url, status in (
            (f"http://127.0.0.1:{link.circuit.port}/", 401),
            (f"/v2/proxy/auth?app=x&protocol=http&token=x&session_id={session}", 404),
            ("/v2/proxy/auth?app=x&protocol=bogus", 400),
            ("/setup?token=x", 401),
        ):
            response, _ = await gateway.ask(url, headers=headers)
            assert response.status == status


async def test_d09_conf_is_not_open_to_everybody():
    async with v2(fake(conf_from=())) as gateway:
        response, _ = await gateway.ask("/v2/conf", "POST", json=body(str(uuid4())))
        assert response.status == 401


async def test_d10_an_app_that_is_opened_again_keeps_its_port():
    session = str(uuid4())
    async with v2(fake()) as gateway:
        links = [
            await gateway.auth(await gateway.conf(session, 8888), session, port="10202")
            for _ in range(5)
        ]
        assert [link.circuit.port for link in links] == [10202] * 5
        assert [link.reuse for link in links] == [False, True, True, True, True]


async def test_d15_nothing_a_client_sends_is_our_fault():
    session = str(uuid4())
    forged = jwts.sign({"id": session, "circuit": session}, "a secret nobody here knows")
    async with v2(fake()) as gateway:
        token = await gateway.conf(session, 8888)
        for path, options in (
            (f"/v2/proxy/auth?app=x&protocol=http&token={forged}&session_id={session}", {}),
            (f"/v2/proxy/{forged}/{session}/delete", {}),
            (f"/setup?token={forged}", {}),
            ("/v2/conf", {"method": "POST", "data": b"[]"}),
            ("/v2/conf", {"method": "POST", "json": body(session, session={"user_uuid": "x"})}),
            ("/v2/conf", {"method": "POST", "headers": {"Authorization": "garbage"}}),
            (f"/v2/proxy/{token}/{session}/add?app=x&protocol=http&envs=%7B", {}),
            ("/v2/proxy/auth?app=%00&protocol=http&token=%ff&session_id=%f0", {}),
        ):
            response, _ = await gateway.ask(path, **options)
            assert response.status < 500


async def test_d16_parameters_mean_something():
    session = str(uuid4())
    async with v2() as gateway:
        token = await gateway.conf(session, 8888)
        query = {"app": "x", "protocol": "http", "token": token, "session_id": session}
        listed = await gateway.auth(token, session, allowed_client_ips="10.0.0.0/8")
        response, _ = await gateway.ask(f"http://127.0.0.1:{listed.circuit.port}/", headers=JSON)
        assert response.status == 403
        led = await gateway.auth(token, session, redirect="/lab")
        response, _ = await gateway.ask(led.url)
        assert response.headers["Location"].endswith("/lab")
        opened = await gateway.json("/v2/proxy/auth", params={**query, "envs": '{"A":"1"}'})
        assert opened["redirect_url"]
        before = len(gateway.circuits.table.all())
        for protocol in ("grpc", "h2"):
            raw = await gateway.auth(token, session, app=protocol, protocol=protocol)
            shown, _ = await gateway.ask(raw.url)
            assert shown.status == 200
        assert len(gateway.circuits.table.all()) == before + 2
        await gateway.circuits.close_session(session, reason=CloseReason.REQUESTED)
        assert not gateway.circuits.table.all()  # no port was lost
        response, _ = await gateway.ask(
            "/v2/conf", "POST", json=body(session, kernel_port=99999), headers=JSON
        )
        assert response.status == 400


async def test_d17_a_permit_is_for_one_app_ends_and_stays_with_the_gateway():
    async with raw_app() as app, v2() as gateway:
        one, permit = await gateway.opened(app.port)
        two, other = await gateway.opened(app.port)
        assert permit.partition("=")[2] != other.partition("=")[2]
        response, _ = await gateway.ask(gateway.at(one.url))
        for attribute in ("HttpOnly", "SameSite=Lax", "Max-Age=604800"):
            assert attribute in response.headers["Set-Cookie"]
        at = f"http://127.0.0.1:{one.circuit.port}/"
        both = {"Cookie": f"{permit}; {other}; mine=1"}
        assert (await gateway.ask(at, headers=both))[0].status == 200
        assert b"Cookie: mine=1\r\n" in app.received
        assert b"appproxy_permit" not in app.received
        gateway.clock.now += 604_800
        assert (await gateway.ask(at, headers={"Cookie": permit}))[0].status == 401
        assert two.circuit.id != one.circuit.id


async def test_d17_a_permit_of_another_session_deletes_nothing():
    async with v2() as gateway:
        one, _ = await gateway.opened(8888)
        _, other = await gateway.opened(9999)
        path = f"/v2/proxy/{ACCESS_KEY}/{one.circuit.session_id}/delete"
        found = await gateway.json(path, params={"permit_key": other.partition("=")[2]})
        assert found["code"] == 403
        assert gateway.circuits.table.by_id(one.circuit.id) is not None


async def test_d18_redirects_are_not_permanent_and_tokens_end_and_tell_nothing():
    session = str(uuid4())
    async with v2(fake()) as gateway:
        token = await gateway.conf(session, 8888, login_session_token="the-login-token")
        query = {"app": "x", "protocol": "http", "token": token, "session_id": session}
        response, _ = await gateway.ask("/v2/proxy/auth", params=query)
        assert response.status == 302
        assert response.headers["Cache-Control"] == "no-store"
        page = response.headers["Location"]
        text = parse_qs(urlsplit(page).query)["token"][0]
        claims = json.loads(base64.urlsafe_b64decode(text.split(".")[1] + "=="))
        assert claims["exp"] - gateway.clock.now <= 300
        assert set(claims) == {"id", "version", "redirect", "circuit", "exp", "aud"}
        for secret in ("the-login-token", "8888", ACCESS_KEY):
            assert secret not in json.dumps(claims)
            assert secret not in token
        shown, _ = await gateway.ask(page)
        assert (shown.status, shown.headers["Cache-Control"]) == (302, "no-store")


async def test_d24_every_port_of_the_range_can_be_set_up():
    async with v2(fake()) as gateway:
        links = []
        for _ in range(3):
            session = str(uuid4())
            links.append(await gateway.auth(await gateway.conf(session, 8888), session))
        assert {link.circuit.port for link in links} == {10200, 10201, 10202}
        for link in links:
            assert (await gateway.cookie(link)).startswith("appproxy_permit_")


async def test_d25_check_knows_the_key_and_the_start_token():
    session = str(uuid4())
    async with v2(fake()) as gateway:
        token = await gateway.conf(session, 8888)
        await gateway.auth(token, session)
        for key, code in ((ACCESS_KEY, 200), (token, 200), ("somebody", 404)):
            assert (await gateway.json(f"/v2/proxy/{key}/{session}"))["code"] == code
        garbage, _ = await gateway.ask(f"/v2/proxy/{uuid4()}/{session}/add?app=x&protocol=http")
        other, _ = await gateway.ask(f"/v2/proxy/{token}/{uuid4()}/add?app=x&protocol=http")
        assert (garbage.status, other.status) == (404, 401)


async def test_bug_conf_without_session_id_had_the_status_line_minus_one():
    async with v2(fake()) as gateway:
        document = json.dumps(body(str(uuid4()), session=block("", id=None))).encode()
        port = int(gateway.base.rpartition(":")[2])
        raw = await exchange(
            port,
            b"POST /v2/conf HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
            b"Content-Length: %d\r\n\r\n%s" % (len(document), document),
        )
        assert raw.startswith(b"HTTP/1.1 400 Bad Request\r\n")


async def test_bug_add_refused_every_environment():
    session = str(uuid4())
    async with v2(fake()) as gateway:
        token = await gateway.conf(session, 8888)
        added = await gateway.json(
            f"/v2/proxy/{token}/{session}/add",
            params={"app": "x", "protocol": "http", "envs": '{"A":"b c"}', "args": '{"-P":1}'},
        )
        assert added["code"] == 200
        assert (await gateway.json(added["url"]))["redirect_url"]


@pytest.mark.parametrize("protocol", ["vnc", "rdp", "preopen"])
async def test_bug_vnc_and_rdp_were_not_mapped(protocol):
    session = str(uuid4())
    async with v2(fake()) as gateway:
        link = await gateway.auth(await gateway.conf(session, 1), session, protocol=protocol)
        response, _ = await gateway.ask(link.url)
        assert response.status == (302 if protocol == "preopen" else 200)


async def test_bug_a_list_of_nothing_but_mistakes_let_everybody_in():
    session = str(uuid4())
    async with v2(fake()) as gateway:
        token = await gateway.conf(session, 8888)
        query = {"app": "x", "protocol": "http", "token": token, "session_id": session}
        response, text = await gateway.ask(
            "/v2/proxy/auth", params={**query, "allowed_client_ips": "office,home"}
        )
        assert response.status == 400
        assert "allowed_client_ips" in text


@pytest.mark.parametrize(
    "change",
    [
        {"protocol": "tcp"},
        {"args": "other"},
        {"envs": '{"A":"2"}'},
        {"port": "10202"},
        {"open_to_public": "true"},
        {"allowed_client_ips": "10.0.0.1"},
    ],
    ids=lambda change: next(iter(change)),
)
async def test_bug_reuse_ignored_what_was_asked_for(change):
    session = str(uuid4())
    async with v2(fake()) as gateway:
        token = await gateway.conf(session, 8888)
        first = await gateway.auth(token, session, port="10200")
        second = await gateway.auth(token, session, **change)
        assert second.circuit.id != first.circuit.id


async def test_bug_the_cookie_was_for_the_whole_wildcard_domain():
    session = str(uuid4())
    async with v2(Wish(domain=".apps.localhost")) as gateway:
        link = await gateway.auth(await gateway.conf(session, 8888), session, subdomain="lab")
        host = link.url.partition("://")[2].partition("/")[0]
        response, _ = await gateway.ask(gateway.at(link.url), headers={"Host": host})
        assert "domain" not in response.headers["Set-Cookie"].lower()
        assert host.startswith("lab.apps.localhost:")


async def test_bug_errors_of_an_unknown_slot_escaped_the_renderer():
    async with v2(Wish(domain=".apps.localhost")) as gateway:
        session = str(uuid4())
        link = await gateway.auth(await gateway.conf(session, 8888), session)
        at = gateway.at(link.url).partition("/.wsproxy")[0]
        headers = {"Host": "nobody.apps.localhost", **JSON}
        response, _ = await gateway.ask(at, headers=headers)
        assert (response.status, response.content_type) == (400, "application/json")
        document = await response.json()
        assert document["type"].endswith("/slot-not-registered")


async def test_bug_credentials_with_a_star():
    """What a browser refuses: its console was full of it at every deletion (observed 3)."""
    async with v2(fake()) as gateway:
        for origin in ("https://ui.example", "https://other.example", "null"):
            for suffix in ("", "/delete"):
                path = f"/v2/proxy/{ACCESS_KEY}/{uuid4()}{suffix}"
                response, _ = await gateway.ask(path, headers={"Origin": origin})
                if response.headers["Access-Control-Allow-Origin"] == "*":
                    assert "Access-Control-Allow-Credentials" not in response.headers
                else:
                    assert origin == "https://ui.example"


async def test_case_90_no_secret_in_any_log(caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG)
    session = str(uuid4())

    async def gone(owner: str, session_id: str) -> bool:
        return True

    async with raw_app() as app, v2(Wish(session_gone=gone)) as gateway:
        token = await gateway.conf(session, app.port, login_session_token="the-login-token")
        shown = {"X-BackendAI-Token": API_SECRET}
        await gateway.ask("/v2/conf", "POST", json=body(session), headers=shown)
        link = await gateway.auth(token, session)
        cookie = await gateway.cookie(link)
        at = f"http://127.0.0.1:{link.circuit.port}/?secret=in-the-query"
        await gateway.ask(at, headers={"Cookie": cookie})
        await gateway.ask(at, headers={"Cookie": cookie[:-4]})
        await gateway.ask("/setup?token=" + link.url.partition("token=")[2] + "x")
        await gateway.ask(f"/v2/proxy/{ACCESS_KEY}/{session}/delete?permit_key=wrong-permit")
        assert not gateway.circuits.table.all()
        setup_token = link.url.partition("token=")[2]
        secrets = (
            token,
            setup_token,
            setup_token.rpartition(".")[2],
            cookie.partition("=")[2],
            "the-login-token",
            "in-the-query",
            "wrong-permit",
            API_SECRET,
            ACCESS_KEY,
            KEYS.jwt_secret,
            KEYS.permit_secret,
        )
        for record in caplog.records:
            line = logging.Formatter().format(record)
            assert not [secret for secret in secrets if secret in line], line
        assert caplog.records
