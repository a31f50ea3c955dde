"""Ports of apps: who may pass, and what becomes of requests (protocol 7.1, 7.2; observed 5, 6)."""

import asyncio

import pytest
from yarl import URL

from tests.support.standins import ACCESS_KEY, SESSION_ID, ask, conf, kernel, opened
from wsproxy.compat.eras.proxies import proxies
from wsproxy.compat.standins.stand import standin
from wsproxy.sim.stage import free_port

JSON = "application/json"
V2 = {name: row for name, row in proxies().items() if not row.node}
PYTHON = [name for name, row in V2.items() if row.python]


@pytest.mark.parametrize("name", V2)
async def test_the_app_is_reached_with_the_cookie_quoted_or_not(name):
    async with standin(V2[name]) as addresses, kernel() as app:
        url, cookie = await opened(addresses.api, app.port)
        for given in (cookie, cookie.replace('"', "")):
            answer = await ask(f"{url}/lab", Cookie=given)
            assert (answer.status, answer.body) == (200, b"marker GET /lab")
            assert answer["access-control-allow-origin"] == "*"
        assert app.targets == ["/lab", "/lab"]
        host = url.removeprefix("http://")
        seen = dict(app.seen[0])
        assert (seen["host"], seen["x-forwarded-host"], seen["x-forwarded-proto"]) == (
            host,
            host,
            "http",
        )
        assert seen["x-forwarded-for"].startswith("127.0.0.1:")  # the port too
        assert "appproxy_permit" in seen["cookie"]


@pytest.mark.parametrize(
    ("name", "json_status", "html_status", "page"),
    [
        ("python-25.10", 400, 200, True),
        ("python-25.11", 400, 400, True),
        ("appproxy-25.19", 401, 401, True),
        ("appproxy-26.4", 401, 401, True),
        ("appproxy-26.9", 401, 401, False),
    ],
)
async def test_without_the_right_cookie(name, json_status, html_status, page):
    """transcripts/wsproxy-25.5/01-flow.txt and 25.12.1; transcripts/appproxy-26.9/76 to 78."""
    async with standin(V2[name]) as addresses, kernel() as app:
        url, _ = await opened(addresses.api, app.port)
        answer = await ask(url, Accept=JSON)
        assert (answer.status, answer.slug) == (json_status, "invalid-credentials")
        assert answer.json["msg"] == "E20004: Authorization cookie not provided"
        answer = await ask(url, Accept=JSON, Cookie="appproxy_permit=AAAA")
        assert answer.json["msg"] == "E20005: Invalid authorization cookie"
        answer = await ask(url, Accept="text/html")
        assert (answer.status, answer.is_page) == (html_status, page)
        assert answer["access-control-allow-origin"] == "*"
        assert app.targets == []


async def test_a_preflight_reaches_the_app_of_app_proxy_only():
    """transcripts/appproxy-26.9/79; transcripts/wsproxy-25.5/02-http.txt."""
    for name, targets in (("appproxy-26.9", ["/"]), ("python-25.10", [])):
        async with standin(V2[name]) as addresses, kernel() as app:
            url, _ = await opened(addresses.api, app.port)
            answer = await ask(f"{url}/", "OPTIONS", Origin="http://a")
            assert answer.status == 200  # the Python one says so of its page of refusal
            assert app.targets == targets


async def test_open_to_public_needs_no_cookie():
    """transcripts/appproxy-26.9/133."""
    async with standin(V2["appproxy-26.9"]) as addresses, kernel() as app:
        query = "app=p&protocol=http&open_to_public=true"
        url, _ = await opened(addresses.api, app.port, query)
        assert (await ask(url)).status == 200


@pytest.mark.parametrize(
    ("name", "status"), [("appproxy-26.9", 403), ("appproxy-25.19", 200), ("python-25.10", 200)]
)
async def test_lists_of_addresses_were_shown_for_years_and_not_enforced(name, status):
    """transcripts/appproxy-26.9/137 and 138; transcripts/wsproxy-25.5/03-wrong.txt; P 7.1."""
    async with standin(V2[name]) as addresses, kernel() as app:
        query = "app=j&protocol=http&allowed_client_ips=10.0.0.0/8"
        url, cookie = await opened(addresses.api, app.port, query)
        answer = await ask(url, Cookie=cookie, Accept=JSON, X_Forwarded_For="10.0.0.1")
        assert answer.status == status
        if status == 403:
            assert answer.slug == "client-ip-not-allowed"


@pytest.mark.parametrize(
    ("name", "json_line", "html_line"),
    [
        ("python-25.10", "HTTP/1.1 -1 ", "HTTP/1.1 200 OK"),
        ("python-25.11", "HTTP/1.1 -1 ", "HTTP/1.1 -1 "),
        ("appproxy-25.19", "HTTP/1.1 -1 ", "HTTP/1.1 -1 "),
        ("appproxy-26.4", "HTTP/1.1 502 Bad Gateway", "HTTP/1.1 502 Bad Gateway"),
        ("appproxy-26.9", "HTTP/1.1 502 Bad Gateway", "HTTP/1.1 502 Bad Gateway"),
    ],
)
async def test_a_dead_app(name, json_line, html_line):
    """transcripts/wsproxy-25.5/03-wrong.txt and 25.12.1; transcripts/appproxy-26.9/117, 118."""
    async with standin(V2[name]) as addresses:
        url, cookie = await opened(addresses.api, free_port())
        answer = await ask(url, Cookie=cookie, Accept=JSON)
        assert (answer.line, answer.slug) == (
            json_line,
            "appproxy/container-connection-refused",
        )
        answer = await ask(url, Cookie=cookie, Accept="text/html")
        assert (answer.line, answer.is_page) == (html_line, True)


@pytest.mark.parametrize(("name", "status"), [("python-25.10", -1), ("python-25.11", 500)])
async def test_an_app_whose_name_has_no_address(name, status):
    """transcripts/wsproxy-25.5/03-wrong.txt and 25.12.1/03-wrong.txt: unresolvable."""
    async with standin(V2[name]) as addresses:
        _, cookie = await opened(addresses.api, 80)
        body = conf(80, kernel_host="no-such-host.invalid")
        token = (await ask(f"{addresses.api}/v2/conf", "POST", body)).json["token"]
        query = f"app=u&protocol=http&token={token}&session_id={SESSION_ID}"
        setup = (await ask(f"{addresses.api}/v2/proxy/auth?{query}", Accept=JSON)).json
        url = (await ask(setup["redirect_url"]))["location"]
        answer = await ask(url, Cookie=cookie, Accept=JSON)
        assert answer.status == status


async def test_the_python_proxy_follows_redirects_and_loses_what_comes_twice():
    """D2 and D4: transcripts/wsproxy-25.5/02-http.txt."""
    async with standin(V2["python-25.10"]) as addresses, kernel() as app:
        url, cookie = await opened(addresses.api, app.port)
        answer = await ask(f"{url}/moved", Cookie=cookie)
        assert (answer.status, answer.body) == (200, b"marker GET /there")
        assert app.targets == ["/moved", "/there"]
        assert [value for name, value in answer.fields if name == "set-cookie"] == ["a=1"]


async def test_26_9_hands_on_redirects_and_what_comes_twice():
    """transcripts/appproxy-26.9/102 and 103."""
    async with standin(V2["appproxy-26.9"]) as addresses, kernel() as app:
        url, cookie = await opened(addresses.api, app.port)
        answer = await ask(f"{url}/moved", Cookie=cookie)
        assert (answer.status, answer["location"]) == (302, "/there")
        answer = await ask(f"{url}/", Cookie=cookie)
        assert [value for name, value in answer.fields if name == "set-cookie"] == ["a=1", "b=2"]
        assert answer["access-control-allow-headers"] == "authorization"
        answer = await ask(f"{url}/p", "POST", b"x" * 100_000, Cookie=cookie)
        assert answer.body == b"marker POST /p"
        await ask(f"{url}/a/../b/%2F?q=%2F", Cookie=cookie)
        assert app.targets[-1] == "/b/%2F?q=%2F"  # 89 and 90: dots are resolved, escapes kept


async def test_the_last_of_two_fields_won_before_26_4():
    """Protocol 7.2."""
    async with standin(V2["appproxy-25.19"]) as addresses, kernel() as app:
        url, cookie = await opened(addresses.api, app.port)
        answer = await ask(f"{url}/", Cookie=cookie)
        assert [value for name, value in answer.fields if name == "set-cookie"] == ["b=2"]


@pytest.mark.parametrize("name", PYTHON)
async def test_a_deleted_circuits_port_goes_on_and_says_so(name):
    """transcripts/wsproxy-25.5/01-flow.txt: app 1 after delete."""
    async with standin(V2[name]) as addresses, kernel() as app:
        url, cookie = await opened(addresses.api, app.port)
        permit = cookie.partition("=")[2].strip('"')
        path = f"/v2/proxy/{ACCESS_KEY}/{SESSION_ID}/delete?permit_key={permit}"
        assert (await ask(addresses.api + path, Accept=JSON)).json == {"success": True}
        answer = await ask(url, Cookie=cookie, Accept=JSON)
        port = url.rpartition(":")[2]
        assert (answer.status, answer.json["msg"]) == (400, f"Unregistered slot {port}")


@pytest.mark.parametrize("name", ["python-25.10", "appproxy-26.9"])
async def test_an_upload_waits_for_an_app_that_knows_no_expectation(name):
    """D19; transcripts/appproxy-26.9-expect/04 and 12: the app alone answers at once."""
    async with standin(V2[name]) as addresses, kernel() as app:
        url, cookie = await opened(addresses.api, app.port)
        assert (await ask(f"{url}/upload", "PUT", b"12345", Cookie=cookie)).body == b"5 bytes"
        where = URL(url)
        reader, writer = await asyncio.open_connection(where.host, where.port)
        head = f"PUT /upload HTTP/1.1\r\nHost: {where.authority}\r\nCookie: {cookie}\r\n"
        writer.write(f"{head}Expect: 100-continue\r\nContent-Length: 5\r\n\r\n".encode())
        assert await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5) == (
            b"HTTP/1.1 100 Continue\r\n\r\n"
        )
        writer.write(b"12345")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.3)
        writer.transport.abort()
        assert app.targets == ["/upload", "/upload"]
