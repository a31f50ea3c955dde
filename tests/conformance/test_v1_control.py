"""Cases 2 to 33 of the conformance list: the v1 control API (protocol 2; case 1 is the version's).

``legacy`` stands for the classic program with its constant token, everything else for the hardened
one.
"""

import socket
import time

import aiohttp
import pytest
from yarl import URL

from tests.support import streams
from tests.support.apps import eventually, exchange, raw_client, unused_port, unused_range
from tests.support.node import node, settings
from tests.support.v1_gateway import ACCESS, SID, Options, port_of, v1_gateway
from wsproxy.api.v1.control import ControlRules
from wsproxy.config.load import load
from wsproxy.core.configuration import Configuration
from wsproxy.core.portpool import parse_pool

EVIL = "https://evil.example"
OTHER = "11111111-2222-4333-8444-555555555555"


def options(pool: str = "", endpoints: tuple[str, ...] = ()) -> Options:
    rules = ControlRules(endpoints, parse_pool(pool)[0], "127.0.0.1")
    return Options(control=rules)


def busy(port: int) -> socket.socket:
    return socket.create_server(("127.0.0.1", port))


async def test_case_02_a_fresh_gateway_lists_nothing():
    async with v1_gateway() as g:
        assert await g.get("/") == (200, [])


@pytest.mark.parametrize("action", ["", "/add?app=jupyter", "/delete"])
@pytest.mark.parametrize("token", ["local", "x"])
async def test_case_03_before_conf_the_classic_answer_is_401(action, token):
    """Differs: so it is with the classic constant token only.

    A random token belongs to one configuration: before ``/conf`` none is right, and case 7 holds.
    """
    async with v1_gateway(legacy_tokens=True) as g:
        assert await g.get(f"/proxy/{token}/{SID}{action}") == (200, {"code": 401})


async def test_case_04_conf_in_api_mode_gives_a_token():
    async with v1_gateway() as g:
        assert isinstance(await g.conf(), str)
    async with v1_gateway(legacy_tokens=True) as g:
        assert await g.conf() == "local"


async def test_case_05_the_token_is_random_and_stable():
    tokens = set()
    for _ in range(2):
        async with v1_gateway() as g:
            token = await g.conf()
            assert await g.conf() == token
            assert len(token) == 43
            assert token.replace("-", "a").replace("_", "a").isalnum()
            tokens.add(token)
    assert len(tokens) == 2


async def test_case_06_a_foreign_origin_cannot_configure():
    async with v1_gateway() as g:
        for known in (0, 1):
            status, body, answer = await g.call(
                "PUT", "/conf", {"Origin": EVIL}, json=g.api_conf(endpoint="http://evil.example")
            )
            assert (status, body["code"]) == (403, 403)
            assert "allowed-origins" in body["msg"]
            assert "Access-Control-Allow-Origin" not in answer.headers
            assert len(g.configurations) == known
            await g.conf()
        assert await exchange_alive(port_of(await g.add()))  # at the manager of before
        assert len(g.manager.requests) == 1


@pytest.mark.parametrize("configured", [False, True])
@pytest.mark.parametrize("action", ["", "/add?app=jupyter", "/delete"])
async def test_case_07_a_wrong_token_is_403(configured, action):
    async with v1_gateway() as g:
        if configured:
            await g.conf()
        assert await g.get(f"/proxy/wrong/{SID}{action}") == (403, {"code": 403})


@pytest.mark.parametrize("wrong", ["%20", "local", ACCESS, "short"])
async def test_case_08_nearly_right_tokens_are_403(wrong):
    async with v1_gateway() as g:
        token = await g.conf()
        same_length = token[:-1] + ("a" if token[-1] != "a" else "b")
        for one in (wrong, same_length):
            assert await g.get(f"/proxy/{one}/{SID}") == (403, {"code": 403})


async def test_case_09_deleting_an_unknown_session_is_404_in_a_200():
    async with v1_gateway() as g:
        await g.conf()
        assert await g.proxy(action="delete") == (200, {"code": 404})


@pytest.mark.parametrize(
    ("gone", "answer"), [(True, (200, {"code": 200})), (False, (403, {"code": 403})), (None, None)]
)
async def test_a_delete_without_the_right_is_a_hint(gone, answer):
    """Older clients show an access key; the manager decides whether the listeners may go."""
    asked: list[tuple[str, str]] = []

    async def session_gone(who: Configuration, session: str) -> bool | None:
        asked.append((who.access_key, session))
        return gone  # type: ignore[no-any-return]

    async with v1_gateway(options=Options(gone=session_gone)) as g:
        await g.conf()
        await g.add()
        await g.add(app="ttyd")
        for action in ("", "/add", "/down?app=jupyter"):
            assert await g.get(f"/proxy/{ACCESS}/{SID}{action}") == (403, {"code": 403})
        assert await g.get(f"/proxy/{ACCESS}/other/delete") == (403, {"code": 403})
        assert not asked
        said = await g.get(f"/proxy/{ACCESS}/{SID}/delete")
        assert said == (answer or (403, {"code": 403}))
        assert asked == [(ACCESS, SID)]
        assert len(g.circuits.table.all()) == (0 if gone else 2)


@pytest.mark.parametrize(
    "origin", ["http://localhost:5173", "https://x.localhost:1355", "es6://app", "http://[::1]:80"]
)
async def test_case_10_pages_of_this_machine_are_allowed(origin):
    async with v1_gateway() as g:
        _, _, answer = await g.call("GET", "/", {"Origin": origin})
        assert answer.headers["Access-Control-Allow-Origin"] == origin
        assert answer.headers["Access-Control-Allow-Credentials"] == "true"


@pytest.mark.parametrize("origin", [EVIL, "null", "https://localhost.evil.example"])
async def test_case_11_other_origins_get_no_cors_header(origin):
    async with v1_gateway() as g:
        await g.conf()
        await g.add()
        status, body, answer = await g.call("GET", "/", {"Origin": origin})
        assert (status, body) == (200, [])
        assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize("origin", [EVIL, "null", "http://localhost:5173"])
async def test_case_11_status_is_no_exception(origin):
    async with node(settings(v2=None)) as gateway:
        answer = await gateway.get("/status", headers={"Origin": origin})
    allowed = answer.headers.get("Access-Control-Allow-Origin")
    assert (answer.status, answer.json) == (200, {"api_version": "v1"})
    assert allowed == (origin if origin.startswith("http://localhost") else None)


@pytest.mark.parametrize(
    "setting", ['["https://ui.example"]', "https://ui.example,https://b", " https://ui.example "]
)
async def test_case_12_further_origins_as_json_or_list(setting):
    origins = load(None, {"WSPROXY_CORS_ORIGINS": setting}).settings.gateway.allowed_origins
    async with v1_gateway(origins=origins) as g:
        headers = {"Origin": "https://ui.example"}
        status, _, answer = await g.call("PUT", "/conf", headers, json=g.api_conf())
        assert status == 200
        assert answer.headers["Access-Control-Allow-Origin"] == "https://ui.example"


async def test_case_13_add_opens_a_listener_and_says_where():
    async with v1_gateway() as g:
        await g.conf()
        added = await g.add("jupyter")
        port = port_of(added)
        assert added == {
            "code": 200,
            "proxy": f"http://localhost:{port}",
            "port": port,
            "url": f"{g.base}/redirect?port={port}",
        }
        async with raw_client(port) as client:
            await client.send(b"over the tunnel")
            assert await client.size(15) == b"over the tunnel"


@pytest.mark.parametrize("app", ["sshd", "vnc", "xrdp", "sftp"])
async def test_case_14_apps_with_a_helper_page(app):
    """Differs: ``port`` is there for every app, ``sftp`` and web apps too; nobody minds it."""
    async with v1_gateway() as g:
        await g.conf()
        added = await g.add(app)
        port = added["port"]
        assert isinstance(port, int)
        assert added == {
            "code": 200,
            "proxy": f"http://localhost:{port}",
            "port": port,
            "url": f"{g.base}/{app}?port={port}&dummy=1",
        }


async def test_case_15_the_default_app_is_jupyter():
    async with v1_gateway() as g:
        await g.conf()
        await g.proxy(action="add")
        assert await g.get("/") == (200, [f"{SID}|jupyter"])


async def test_case_16_the_same_app_is_opened_once():
    async with v1_gateway() as g:
        await g.conf()
        first, second = await g.add(), await g.add(query="&port=4000")
        assert port_of(first) == port_of(second)
        assert await g.get("/") == (200, [f"{SID}|jupyter"])


async def test_case_17_a_preferred_port_and_its_neighbours():
    port = (await unused_range(5))[0]
    async with v1_gateway() as g:
        await g.conf()
        assert port_of(await g.add("one", query=f"&port={port}")) == port
        assert port_of(await g.add("two", query=f"&port={port}")) == port + 1
        with busy(port + 2), busy(port + 3), busy(port + 4):
            other = port_of(await g.add("three", query=f"&port={port}"))
            assert other not in range(port, port + 5)
            assert await exchange_alive(other)


async def exchange_alive(port: int) -> bool:
    async with raw_client(port) as client:
        await client.send(b"x")
        return await client.size(1) == b"x"


async def test_case_18_a_listener_that_died_is_replaced():
    async with v1_gateway() as g:
        await g.conf()
        dead = port_of(await g.add())
        await _kill(g)
        fresh = port_of(await g.add())
        assert await exchange_alive(fresh)
        assert len(g.circuits.table.all()) == 1
        assert dead


async def _kill(g) -> None:
    """Close every listening socket behind the gateway's back."""
    for port in g.listeners._ports.values():
        for server in port.servers:
            server.close()


def test_case_19_the_port_pool_is_parsed_leniently():
    assert parse_pool("10000,abc,0,70000,10001")[0].ports == (10000, 10001)
    assert parse_pool("10005-10000,20000-20001")[0].ports == (20000, 20001)
    assert len(parse_pool("10000-10002,10001,10003")[0].ports) == 4


@pytest.mark.parametrize(("pool", "query"), [("20000,20001", "&port=20022"), ("abc", "")])
async def test_case_20_a_pool_is_a_hard_constraint(pool, query):
    async with v1_gateway(options=options(pool)) as g:
        await g.conf()
        assert (await g.add(query=query))["code"] == 500
        assert await g.get("/") == (200, [])


async def test_case_21_a_dead_listeners_pool_port_is_used_again():
    port = await unused_port()
    async with v1_gateway(options=options(str(port))) as g:
        await g.conf()
        assert port_of(await g.add()) == port
        assert (await g.add(session=OTHER))["code"] == 500
        await _kill(g)
        assert port_of(await g.add(session=OTHER)) == port
        assert await g.get("/") == (200, [f"{OTHER}|jupyter"])


async def test_case_22_check_follows_add_and_delete():
    async with v1_gateway() as g:
        await g.conf()
        await g.add()
        assert await g.proxy() == (200, {"code": 200})
        assert await g.proxy(action="delete") == (200, {"code": 200})
        assert await g.proxy() == (200, {"code": 404})


async def test_case_23_delete_takes_one_app_or_all():
    async with v1_gateway() as g:
        await g.conf()
        await g.add("jupyter")
        await g.add("ttyd")
        assert (await g.proxy(action="delete", query="app=jupyter"))[1] == {"code": 200}
        assert await g.get("/") == (200, [f"{SID}|ttyd"])
        await g.add("jupyter")
        assert (await g.proxy(action="delete"))[1] == {"code": 200}
        assert await g.get("/") == (200, [])
        assert (await g.proxy(action="delete"))[1] == {"code": 404}


async def test_case_24_down_is_the_older_form():
    async with v1_gateway(legacy_tokens=True) as g:
        await g.conf()
        await g.add()
        path = f"/proxy/local/{SID}/down"
        assert await g.get(path) == (200, {"code": 404})
        assert await g.get(path + "?app=jupyter") == (200, {"code": 200})
        assert await g.get(path + "?app=jupyter") == (200, {"code": 404})


async def test_case_25_a_permit_key_is_ignored():
    async with v1_gateway() as g:
        await g.conf()
        await g.add()
        assert await g.proxy(action="delete", query="permit_key=x") == (200, {"code": 200})
        assert await g.proxy(action="delete", query="permit_key=x") == (200, {"code": 404})


async def test_case_26_redirect_leads_to_the_app():
    async with v1_gateway() as g:
        await g.conf()
        port = port_of(await g.add())
        status, _, answer = await g.call("GET", f"/redirect?port={port}&redirect=/lab?token=1")
        assert status == 302
        assert answer.headers["Location"] == f"http://localhost:{port}/lab?token=1"


@pytest.mark.parametrize(
    "query",
    [
        "port={port}&redirect=//evil",
        "port={port}&redirect=http://evil",
        "port={port}&redirect=/%5Cevil",
        "port={port}&redirect=/a%0D%0ASet-Cookie:x",
        "port={port}&redirect=/%09/evil",
        "port=0",
        "port=abc",
        "port=",
        "",
        "port=22",
        "port=1%22%3E%3Cscript%3E",
    ],
)
async def test_case_27_redirect_leads_nowhere_else(query):
    async with v1_gateway() as g:
        await g.conf()
        port = port_of(await g.add())
        status, body, answer = await g.call("GET", f"/redirect?{query.format(port=port)}")
        assert status == 400
        assert answer.content_type == "text/html"
        assert "Location" not in answer.headers
        assert "Invalid" in body
        assert "<script" not in body


@pytest.mark.parametrize("page", ["sftp", "sshd", "vnc", "xrdp"])
async def test_case_28_helper_pages_escape_what_they_show(page):
    async with v1_gateway() as g:
        await g.conf()
        port = port_of(await g.add(page))
        status, body = await g.get(f"/{page}?port=1%22%3E%3Cscript%3E&dummy=1")
        assert status == 400
        assert "<script" not in body
        status, body = await g.get(f"/{page}?port={port}&dummy=1")
        assert status == 200
        assert f"localhost:{port}" in body


@pytest.mark.parametrize("page", ["redirect", "sftp", "sshd", "vnc", "xrdp"])
async def test_case_29_newer_webuis_ask_for_json(page):
    async with v1_gateway() as g:
        await g.conf()
        port = port_of(await g.add())
        headers = {"Accept": "application/json", "Origin": "http://127.0.0.1:8080"}
        for _ in range(3):  # real WebUIs fetch one URL three times (observed 3)
            status, body, answer = await g.call("GET", f"/{page}?port={port}&dummy=1", headers)
            assert status == 200
            assert body["redirect_url"].rstrip("/") == f"http://localhost:{port}"
            assert body["reuse"] is False
            assert answer.headers["Access-Control-Allow-Origin"] == headers["Origin"]


async def test_case_30_an_older_webui_that_terminates_is_answered_at_once():
    """The second itself is measured through the whole gateway, in ``test_clients.py``."""
    async with v1_gateway() as g:
        await g.conf()
        started = time.monotonic()
        status, _ = await g.get(f"/proxy/{ACCESS}/{SID}")
        assert status in (200, 403)
        assert time.monotonic() - started < 5.0  # no manager was waited for


async def test_case_31_the_601st_request_of_a_minute_is_429():
    async with v1_gateway() as g:
        await g.conf()
        for number in range(600):
            status, _, answer = await g.call("GET", f"/proxy/{g.token}/{SID}")
            assert status == 200
            assert answer.headers["RateLimit-Remaining"] == str(599 - number)
        status, body, answer = await g.call("GET", f"/proxy/{g.token}/{SID}")
        assert (status, "Too many" in body) == (429, True)
        assert answer.headers["RateLimit-Limit"] == "600"
        assert answer.headers["Retry-After"] == "60"
        g.options.clock[0] += 61
        assert (await g.proxy())[0] == 200


@pytest.mark.parametrize("query", ["&envs={", "&args=%5B1%5D", "&envs=3", "&args=%22x"])
async def test_case_32_malformed_envs_are_answered(query):
    async with v1_gateway() as g:
        await g.conf()
        assert (await g.add(query=query))["code"] == 400
        assert await g.get("/") == (200, [])


async def test_case_33_the_preflight_of_conf():
    async with v1_gateway() as g:
        headers = {
            "Origin": "http://localhost:5173",
            "Access-Control-Request-Method": "PUT",
            "Access-Control-Request-Headers": "content-type",
            "Access-Control-Request-Private-Network": "true",
        }
        status, _, answer = await g.call("OPTIONS", "/conf", headers)
        assert status == 204
        assert "PUT" in answer.headers["Access-Control-Allow-Methods"]
        assert "content-type" in answer.headers["Access-Control-Allow-Headers"].lower()
        assert answer.headers["Access-Control-Allow-Private-Network"] == "true"
        assert answer.headers["Access-Control-Max-Age"] == "86400"
        _, _, foreign = await g.call("OPTIONS", "/conf", {**headers, "Origin": EVIL})
        assert "Access-Control-Allow-Origin" not in foreign.headers
        assert "Access-Control-Allow-Private-Network" not in foreign.headers


# beyond the list: what the hardened design adds (design 9)


async def test_two_users_never_share_a_token_nor_see_each_others_apps():
    async with v1_gateway() as g:
        mine = await g.conf(g.session_conf())
        await g.add()
        theirs = await g.conf(g.session_conf(session="b" * 32))
        assert mine != theirs
        assert await g.proxy() == (200, {"code": 404})
        assert (await g.proxy(action="delete"))[1] == {"code": 404}
        assert await g.get(f"/?token={theirs}") == (200, [])
        assert await g.get(f"/?token={mine}") == (200, [f"{SID}|jupyter"])
        assert await g.get("/?token=guess") == (200, [])
        g.token = mine
        assert await g.proxy() == (200, {"code": 200})


async def test_a_known_access_key_with_another_secret_is_another_user():
    async with v1_gateway() as g:
        mine = await g.conf()
        assert await g.conf(g.api_conf(secret_key="guess")) != mine


async def test_each_users_app_leads_to_its_own_configuration():
    async with v1_gateway() as g:
        await g.conf(g.session_conf())
        first = port_of(await g.add())
        await g.conf(g.session_conf(session="b" * 32))
        second = port_of(await g.add())
        assert first != second
        for port in (second, first):
            assert await exchange_alive(port)
        sent = [request.headers["X-BackendAI-SessionID"] for request in g.manager.requests]
        assert sent == ["b" * 32, "a0d9bf4b755a4b1fb291854587f303b7"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"endpoint": 5},
        {"endpoint": "ftp://x"},
        {"endpoint": "http://user:password@manager"},
        {"endpoint": ""},
        {"endpoint": "http://m", "mode": "SESSION", "session": "a; other=b"},
        {"endpoint": "http://m", "access_key": "a\r\nX: y"},
        {"endpoint": "http://m", "secret_key": ["x"]},
    ],
)
async def test_a_configuration_that_cannot_be_used_is_400(body):
    async with v1_gateway() as g:
        status, answer, _ = await g.call("PUT", "/conf", json=body)
        assert (status, answer["code"]) == (400, 400)
        assert "password" not in answer["msg"]
        assert len(g.configurations) == 0


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 100000, b'"' + b"x" * 200000 + b'"'])
async def test_a_body_that_is_no_json_is_400(body):
    async with v1_gateway() as g:
        status, answer, _ = await g.call("PUT", "/conf", data=body)
        assert (status, answer["code"]) == (400, 400)


async def test_legacy_tokens_are_for_allowed_origins_only():
    async with v1_gateway(legacy_tokens=True) as g:
        await g.conf()
        await g.add()
        for token in ("local", ACCESS):
            assert await g.get(f"/proxy/{token}/{SID}") == (200, {"code": 200})
            assert await g.get(f"/proxy/{token}/{SID}", Origin=EVIL) == (403, {"code": 403})
        assert await g.get(f"/proxy/other/{SID}") == (403, {"code": 403})


async def test_classic_answers_have_status_200():
    async with v1_gateway(classic=True) as g:
        assert await g.get(f"/proxy/wrong/{SID}") == (200, {"code": 403})


async def test_other_machines_are_not_served():
    async with v1_gateway() as g:
        await g.conf()
        through = {"X-Forwarded-For": "10.1.2.3"}
        for path in (f"/proxy/{g.token}/{SID}", "/redirect?port=1", "/sftp?port=1"):
            status, body, _ = await g.call("GET", path, through)
            assert (status, body["code"]) == (403, 403)
            assert "remote" in body["msg"]
        status, _, _ = await g.call("PUT", "/conf", through, json=g.api_conf())
        assert status == 403
        assert (await g.call("GET", "/", through))[:2] == (200, [])


async def test_a_gateway_for_other_machines_takes_configured_endpoints_only():
    async with v1_gateway(options=options(), remote=True, local=lambda request: False) as g:
        status, body, _ = await g.call("PUT", "/conf", json=g.api_conf())
        assert (status, body["code"]) == (403, 403)
        assert "[manager]" in body["msg"]
    async with v1_gateway(options=options(endpoints=("http://manager:8081",)), remote=True) as g:
        assert await g.conf(g.api_conf(endpoint="http://manager:8081/"))
        assert await g.proxy() == (200, {"code": 404})


@pytest.mark.parametrize("host", ["evil.example", "evil.example:5050", "127.0.0.1.evil.example"])
async def test_a_foreign_host_name_is_refused(host):
    """DNS rebinding: the page's own name resolves to this machine."""
    async with v1_gateway() as g:
        for method, path in (("PUT", "/conf"), ("GET", "/"), ("GET", "/redirect?port=1")):
            status, _, _ = await g.call(method, path, {"Host": host})
            assert status == 403
        assert len(g.configurations) == 0


async def test_closing_an_app_ends_its_tunnels():
    """Upstream lets them run on (protocol 2.5)."""
    async with v1_gateway() as g:
        await g.conf()
        async with raw_client(port_of(await g.add())) as client:
            await client.send(b"x")
            await client.size(1)
            await g.proxy(action="delete")
            assert await client.end() == b""
            await g.manager.ended.acquire()
        assert g.manager.close_codes == [1000]


async def test_a_session_the_manager_does_not_know_drops_its_listener():
    async with v1_gateway() as g:
        g.manager.script(streams.status(404))
        await g.conf()
        port = port_of(await g.add())
        page = await exchange(port, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert page.startswith(b"HTTP/1.1 503 ")
        assert b"404" in page
        await eventually(lambda: not g.circuits.table.all(), "the circuit has gone")
        with pytest.raises(ConnectionRefusedError):
            await exchange(port, b"")


async def test_every_answer_says_v1():
    async with v1_gateway() as g:
        await g.conf()
        for method, path in (
            ("GET", "/"),
            ("PUT", "/conf"),
            ("POST", "/conf"),
            ("OPTIONS", "/conf"),
            ("GET", f"/proxy/{g.token}/{SID}"),
            ("GET", f"/proxy/x/{SID}"),
            ("GET", "/redirect?port=1"),
            ("HEAD", "/sftp?port=1"),
        ):
            _, _, answer = await g.call(method, path)
            assert answer.headers["X-BackendAI-Wsproxy-Version"] == "v1", (method, path)
            assert answer.headers["X-BackendAI-Speaker"] == "gateway"


async def test_a_placeholder_in_a_path_is_filled_in():
    async with v1_gateway() as g:
        await g.conf()
        port = port_of(await g.add())
        quoted = "/a%3Fhost=%3Cproxy-host%3E%26port=%3Cport-number%3E"
        _, _, answer = await g.call("GET", f"/redirect?port={port}&redirect={quoted}")
        assert answer.headers["Location"].endswith(f"/a?host=localhost&port={port}")


async def test_the_webui_in_a_browser_opens_and_terminates():
    """The calls of a recorded WebUI of 26.8, in their order (observed 3)."""
    async with v1_gateway() as g:
        origin = {"Origin": "http://127.0.0.1:21091"}
        _, answer, _ = await g.call("PUT", "/conf", origin, json=g.session_conf())
        g.token = answer["token"]
        _, added, _ = await g.call(
            "GET", f"/proxy/{g.token}/{SID}/add?app=jupyter&protocol=http", origin
        )
        url = str(URL(added["url"]).relative())
        _, first, _ = await g.call("GET", url, {**origin, "Accept": "application/json"})
        assert first["redirect_url"] == added["proxy"]
        _, _, second = await g.call("GET", url, {"Accept": "*/*", "Cookie": "AIOHTTP_SESSION=x"})
        _, _, third = await g.call("GET", url + "&redirect=/tree", {"Accept": "text/html"})
        assert (second.status, third.status) == (302, 302)
        assert third.headers["Location"] == added["proxy"] + "/tree"
        _, again, _ = await g.call("PUT", "/conf", origin, json=g.session_conf())
        assert again["token"] == g.token
        assert (await g.proxy())[1] == {"code": 200}
        assert (await g.proxy(action="delete"))[1] == {"code": 200}
        assert (await g.proxy(action="delete"))[1] == {"code": 404}


@pytest.mark.parametrize("session", ["a%0Ab", "x" * 300])
async def test_a_session_id_that_is_none_is_refused(session):
    async with v1_gateway() as g:
        await g.conf()
        assert (await g.add(session=session))["code"] == 400


async def test_ports_are_served_only_while_they_are_owned():
    async with v1_gateway() as g:
        await g.conf()
        port = port_of(await g.add())
        await g.proxy(action="delete")
        status, _ = await g.get(f"/redirect?port={port}")
        assert status == 400
        with pytest.raises((ConnectionRefusedError, aiohttp.ClientError)):
            await exchange(port, b"x")
