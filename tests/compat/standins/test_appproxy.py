"""The App Proxy stand-in answers as 26.9.6 did (transcripts/appproxy-26.9), older rows as told."""

from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest

from tests.support.standins import (
    ACCESS_KEY,
    SESSION_ID,
    ask,
    conf,
    kernel,
    opened,
    setup_of,
    token_of,
)
from wsproxy.compat.eras.proxies import proxies
from wsproxy.compat.standins import appproxy
from wsproxy.compat.standins.circuits import Secrets
from wsproxy.compat.standins.stand import standin
from wsproxy.core import jwts
from wsproxy.core.wire import Version

JSON = "application/json"
NEWEST = proxies()["appproxy-26.9"]
ROWS = [row for row in proxies().values() if row.appproxy]
NEVER = str(uuid4())


@pytest.fixture
async def served():
    keys = Secrets()
    async with standin(NEWEST, keys) as addresses, kernel() as app:
        yield addresses, app, keys


PROBLEM = {"type", "title", "error_code"}
CORS = ("*", "*")
NO_CORS = (None, None)
# number of the recording, method, path, fields, body → status, keys, CORS fields
RECORDED = [
    ("01", "GET", "/status", {}, None, 200, {"api_version", "advertise_address"}, NO_CORS),
    ("02", "GET", "/", {}, None, 404, {*PROBLEM, "data"}, CORS),
    ("04", "GET", "/health", {}, None, 200, {"status", "version", "component", "connectivity"}, 0),
    ("08", "POST", "/status", {"Accept": JSON}, None, 405, {*PROBLEM, "msg", "data"}, CORS),
    ("19", "POST", "/v2/conf", {}, conf(21301), 200, {"token"}, NO_CORS),
    ("21", "POST", "/v2/conf", {"X_BackendAI_Token": "no"}, conf(1), 200, {"token"}, NO_CORS),
    ("22", "POST", "/v2/conf", {"Accept": JSON}, None, 400, {*PROBLEM, "msg", "data"}, CORS),
    ("23", "POST", "/v2/conf", {"Accept": JSON}, b"{nope", 400, {*PROBLEM, "msg"}, CORS),
    ("24", "POST", "/v2/conf", {}, b"{nope", 400, {*PROBLEM, "msg"}, CORS),
    ("27", "POST", "/v2/conf", {}, conf(1, kernel_port="21301"), 200, {"token"}, NO_CORS),
    ("28", "POST", "/v2/conf", {}, conf(0), 200, {"token"}, NO_CORS),
    ("29", "POST", "/v2/conf", {}, conf(1, login_session_token=None), 200, {"token"}, NO_CORS),
    ("30", "POST", "/v2/conf", {}, conf(1, extra="x"), 200, {"token"}, NO_CORS),
    ("32", "GET", "/v2/conf", {"Accept": JSON}, None, 405, {*PROBLEM, "msg", "data"}, CORS),
    ("33", "POST", "/v2/conf/", {}, conf(1), 404, {*PROBLEM, "data"}, CORS),
    ("35", "GET", "/v2/proxy/T/S/add?app=jupyter&protocol=http", {}, None, 200, {"code", "url"}, 1),
    ("38", "GET", "/v2/proxy/T/S/add?app=j&protocol=http&envs=%7B%7D", {}, None, 400, 0, CORS),
    ("39", "GET", "/v2/proxy/T/S/add?app=j&protocol=zzz", {}, None, 400, 0, CORS),
    ("40", "GET", "/v2/proxy/T/S/add?app=j", {}, None, 400, {*PROBLEM, "msg", "data"}, CORS),
    ("41", "GET", "/v2/proxy/T/S/add?protocol=http", {}, None, 400, 0, CORS),
    ("43", "GET", "/v2/proxy/zzz/zzz/add?app=j&protocol=http", {}, None, 200, {"code", "url"}, 1),
    ("44", "OPTIONS", "/v2/proxy/T/S/add", {"Origin": "http://ui"}, None, 405, 0, CORS),
    ("48", "GET", "/v2/proxy/auth?A&token=zzz&session_id=S", {}, None, 500, PROBLEM, CORS),
    ("46", "GET", "/v2/proxy/auth?A&token=N&session_id=S", {}, None, 404, PROBLEM, CORS),
    ("49", "GET", "/v2/proxy/auth?A&token=T&session_id=N", {}, None, 401, {*PROBLEM, "msg"}, CORS),
    ("50", "GET", "/v2/proxy/auth?A&token=T&session_id=zzz", {}, None, 400, 0, CORS),
    ("51", "GET", "/v2/proxy/auth", {}, None, 400, {*PROBLEM, "msg", "data"}, CORS),
    ("52", "GET", "/v2/proxy/auth?A&B&allowed_client_ips=x", {}, None, 400, 0, 1),
    ("147", "GET", "/v2/proxy/auth?app=g&protocol=grpc&B", {}, None, 503, 0, CORS),
    ("148", "PUT", "/conf", {"Accept": JSON}, {"a": 1}, 404, {*PROBLEM, "data"}, CORS),
    ("149", "GET", "/proxy/t/s/add", {"Accept": JSON}, None, 404, {*PROBLEM, "data"}, CORS),
    ("150", "GET", "/proxy/t/s/delete", {"Accept": JSON}, None, 404, {*PROBLEM, "data"}, CORS),
    ("155", "GET", "/api/workers", {"Accept": JSON}, None, 404, {*PROBLEM, "data"}, CORS),
]  # fmt: skip


@pytest.mark.parametrize("recorded", RECORDED, ids=[one[0] for one in RECORDED])
async def test_the_coordinator_answers_as_recorded(served, recorded):
    """transcripts/appproxy-26.9, by number."""
    addresses, _, _ = served
    _, method, path, fields, body, status, keys, cors = recorded
    token = await token_of(addresses.api, 1)
    path = path.replace("?A", "?app=jupyter&protocol=http").replace("token=N", f"token={NEVER}")
    path = path.replace("&B", "&token=T&session_id=S")
    path = path.replace("session_id=N", f"session_id={NEVER}").replace("token=T", f"token={token}")
    path = path.replace("session_id=S", f"session_id={SESSION_ID}")
    path = path.replace("/T/S/", f"/{token}/{SESSION_ID}/")

    answer = await ask(addresses.api + path, method, body, **fields)

    assert answer.status == status
    assert answer["content-type"] == f"{JSON}; charset=utf-8"
    assert answer["server"] == "BackendAI"
    if keys:
        assert set(answer.json) == keys
    if cors:
        found = answer["access-control-allow-origin"], answer["access-control-expose-headers"]
        assert found == (CORS if cors == 1 else cors)


async def test_a_session_without_id_is_a_status_of_minus_one(served):
    """transcripts/appproxy-26.9/26_conf_session_id_null.txt; the trailing space too."""
    addresses, _, _ = served
    body = conf(1)
    body["session"] = {**body["session"], "id": None}
    answer = await ask(f"{addresses.api}/v2/conf", "POST", body, Accept=JSON)
    assert answer.line == "HTTP/1.1 -1 "
    assert answer.slug == "appproxy/invalid-session-parameter"
    assert answer["access-control-allow-origin"] is None


async def test_preflights_are_answered_for_status_and_conf_only(served):
    """transcripts/appproxy-26.9/09, 34 and 44."""
    addresses, _, _ = served
    for path, method in (("/status", "GET"), ("/v2/conf", "POST")):
        answer = await ask(
            addresses.api + path,
            "OPTIONS",
            Origin="http://ui",
            Access_Control_Request_Method=method,
        )
        assert answer.status == 200
        assert answer["access-control-allow-origin"] == "http://ui"
        assert answer["access-control-allow-methods"] == method


async def test_nobody_has_a_head_of_status(served):
    addresses, _, _ = served
    assert (await ask(f"{addresses.api}/status", "HEAD")).status == 405
    assert (await ask(f"{addresses.worker}/status", "HEAD")).status == 405


async def test_the_url_of_add_has_what_clients_look_for(served):
    """transcripts/appproxy-26.9/35 and 37; protocol 5.3."""
    addresses, _, _ = served
    path = f"/v2/proxy/T/{SESSION_ID}/add?app=sshd&protocol=tcp&open_to_public=true"
    url = (await ask(addresses.api + path)).json["url"]
    assert url.startswith(f"{addresses.api}/v2/proxy/auth?app=sshd&protocol=tcp")
    query = parse_qs(urlsplit(url).query)
    assert query["open_to_public"] == ["True"]
    assert (query["token"], query["session_id"]) == (["T"], [SESSION_ID])


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        (JSON, 200),
        ("text/html, application/json", 200),
        (None, 308),
        ("*/*", 308),
        ("text/html, application/json;q=0.9", 308),
    ],
)
async def test_auth_gives_json_to_the_literal_accept_only(served, accept, status):
    """transcripts/appproxy-26.9/54 to 58."""
    addresses, app, _ = served
    token = await token_of(addresses.api, app.port)
    url = f"{addresses.api}/v2/proxy/auth?app=j&protocol=http&token={token}&session_id={SESSION_ID}"
    answer = await ask(url, **({"Accept": accept} if accept else {}))
    assert answer.status == status
    if status == 308:
        assert answer["location"].startswith(f"{addresses.worker}/setup?token=")
        assert answer.body == b"308: Permanent Redirect"
        assert answer["access-control-allow-origin"] is None
    else:
        assert set(answer.json) == {"redirect_url", "reuse"}
        assert answer["access-control-allow-origin"] == "*"


async def test_reuse_is_by_session_app_and_who_may_and_never_told_of_tcp(served):
    """transcripts/appproxy-26.9/55; appproxy-26.9-tcp/04, 14 and 19."""
    addresses, app, _ = served
    token = await token_of(addresses.api, app.port)

    async def reused(query: str) -> bool:
        url = f"{addresses.api}/v2/proxy/auth?{query}&token={token}&session_id={SESSION_ID}"
        return bool((await ask(url, Accept=JSON)).json["reuse"])

    for query, again in (
        ("app=a&protocol=http", True),
        ("app=v&protocol=vnc", True),
        ("app=r&protocol=rdp", True),
        ("app=t&protocol=tcp", False),
    ):
        assert await reused(query) is False
        assert await reused(query) is again
    assert await reused("app=a&protocol=http&redirect=/x&port=1024") is True
    assert await reused("app=a&protocol=http&open_to_public=true") is False
    assert await reused("app=a&protocol=http&no_reuse=true") is False


async def test_setup_leaves_the_cookie_and_goes_to_the_app(served):
    """transcripts/appproxy-26.9/59 to 61."""
    addresses, app, _ = served
    setup = await setup_of(addresses.api, await token_of(addresses.api, app.port))
    for fields in ({}, {"Accept": JSON}, {"Origin": "http://ui"}):
        answer = await ask(setup, **fields)
        assert answer.line == "HTTP/1.1 302 Found"
        assert answer["cache-control"] == "no-store"
        assert answer["access-control-allow-origin"] == "*"
        assert answer["access-control-allow-headers"] == "*"
        assert answer["access-control-expose-headers"] == "*"
        cookie = answer["set-cookie"]
        assert cookie.startswith('appproxy_permit="') and '=="; HttpOnly; Max-Age=604800' in cookie
        assert cookie.endswith("; Path=/; SameSite=Lax")
        assert answer["location"].startswith("http://127.0.0.1:")


@pytest.mark.parametrize(
    ("redirect", "path"),
    [("lab?a=1", "/lab?a=1"), ("http://evil/x", "/http://evil/x"), ("//evil/x", "//evil/x")],
)
async def test_setup_appends_what_it_is_told(served, redirect, path):
    """transcripts/appproxy-26.9/72 to 74."""
    addresses, app, _ = served
    url, _ = await opened(addresses.api, app.port, f"app=j&protocol=http&redirect={redirect}")
    assert url.split("/", 3)[3] == path[1:]


async def test_setup_has_500_for_every_bad_token_and_404_for_an_unknown_circuit(served):
    """transcripts/appproxy-26.9/63 to 71."""
    addresses, _, keys = served
    good = {"id": NEVER, "version": "v2", "redirect": "", "circuit": NEVER}
    setup = f"{addresses.worker}/setup"
    bad = [
        "abc",
        jwts.sign(good, "another key"),
        jwts.sign({**good, "circuit": "x"}, keys.jwt),
        jwts.sign({"id": NEVER}, keys.jwt),
        jwts.sign({**good, "exp": 1}, keys.jwt),
    ]
    for token in bad:
        answer = await ask(f"{setup}?token={token}", Accept=JSON)
        assert (answer.status, answer["content-type"]) == (
            500,
            "application/problem+json; charset=utf-8",
        )
        assert answer["access-control-allow-origin"] is None
    answer = await ask(f"{setup}?token={jwts.sign(good, keys.jwt)}", Accept=JSON)
    assert (answer.status, answer.json["title"]) == (404, "E00002: No such worker:circuit.")
    answer = await ask(setup, Accept=JSON)
    assert (answer.status, answer.slug) == (400, "invalid-api-params")
    assert (await ask(setup, "HEAD")).status == 405


async def test_a_tcp_app_needs_a_worker_of_its_own(served):
    """transcripts/appproxy-26.9/122; appproxy-26.9-tcp/03 and 08."""
    addresses, app, _ = served
    token = await token_of(addresses.api, app.port)
    setup = await setup_of(addresses.api, token, "app=sshd&protocol=tcp")
    assert not setup.startswith(addresses.worker)
    answer = await ask(setup)
    assert answer.status == 200 and set(answer.json) == {"redirect", "redirectURI"}
    url = answer.json["redirectURI"]
    assert url.startswith("http://localhost:45678/start?directTCP=true&auth=eyJ")
    assert "&proto=tcp&gateway=tcp%3A%2F%2F127.0.0.1%3A" in url
    setup = await setup_of(addresses.api, token, "app=s2&protocol=tcp&redirect=/x")
    assert (await ask(setup)).status == 302
    assert NEWEST.appproxy is not None
    async with appproxy.serving(NEWEST.appproxy, Secrets(), tcp_worker=False) as single:
        token = await token_of(single.api, app.port)
        url = f"{single.api}/v2/proxy/auth?app=s&protocol=tcp&token={token}&session_id={SESSION_ID}"
        answer = await ask(url)
        assert (answer.status, answer.slug) == (503, "appproxy/worker-not-available")


async def test_a_port_that_is_taken_is_409(served):
    """transcripts/appproxy-26.9/143."""
    addresses, app, _ = served
    token = await token_of(addresses.api, app.port)
    query = f"app=a&protocol=http&port={app.port}&token={token}&session_id={SESSION_ID}"
    answer = await ask(f"{addresses.api}/v2/proxy/auth?{query}")
    assert (answer.status, answer.slug) == (409, "appproxy/port-not-available")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
async def test_no_release_has_a_way_to_close_what_it_opened(row):
    """Protocol 7.8: where the clients of a terminated session ask, there is nothing."""
    async with standin(row) as addresses, kernel() as app:
        url, cookie = await opened(addresses.api, app.port)
        for path in (f"/v2/proxy/{ACCESS_KEY}/{SESSION_ID}", f"/v2/proxy/T/{SESSION_ID}/delete"):
            answer = await ask(addresses.api + path, Accept=JSON, Origin="http://ui")
            assert (answer.status, answer.slug) == (404, "url-not-found")
            late = row.appproxy.errors_have_cors
            assert answer["access-control-allow-origin"] == ("*" if late else None)
        assert (await ask(url, Cookie=cookie)).status == 200


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
async def test_setup_and_cookie_of_each_release(row):
    """Protocol 5.1, 5.5."""
    traits = row.appproxy
    async with standin(row) as addresses, kernel() as app:
        assert addresses.version is Version.V2
        status = (await ask(f"{addresses.api}/status")).json
        assert ("advertise_address" in status) is (row.name != "appproxy-25.13")
        token = await token_of(addresses.api, app.port)
        answer = await ask(
            await setup_of(addresses.api, token, "app=j&protocol=http&redirect=/lab")
        )
        newer = row.name in ("appproxy-26.4", "appproxy-26.9")
        assert answer.status == (302 if newer else 308)
        assert answer["cache-control"] == ("no-store" if newer else None)
        keeps = row.name not in ("appproxy-25.13", "appproxy-25.15")
        assert answer["location"].endswith("/lab") is keeps
        assert ("HttpOnly" in answer["set-cookie"]) is keeps
        assert traits.setup_status == answer.status


@pytest.mark.parametrize(
    ("name", "protocol", "status"),
    [
        ("appproxy-25.13", "vnc", 400),
        ("appproxy-25.15", "vnc", 200),
        ("appproxy-25.19", "vnc", -1),
        ("appproxy-26.4", "rdp", 200),
        ("appproxy-26.9", "rdp", 200),
    ],
)
async def test_desktops_of_each_release(name, protocol, status):
    """Protocol 5.4, 7.9 (a 503 that has the status -1 on the wire in 25.x)."""
    async with standin(proxies()[name]) as addresses:
        token = await token_of(addresses.api, 1)
        query = f"app=d&protocol={protocol}&token={token}&session_id={SESSION_ID}"
        answer = await ask(f"{addresses.api}/v2/proxy/auth?{query}", Accept=JSON)
        assert answer.status == status


async def test_who_says_nothing_gets_html_before_26_4():
    """Protocol 4.1."""
    for name, page in (("appproxy-25.19", True), ("appproxy-26.4", False)):
        async with standin(proxies()[name]) as addresses:
            assert (await ask(f"{addresses.api}/none")).is_page is page
            assert (await ask(f"{addresses.api}/none", Accept="text/html")).is_page
            assert not (await ask(f"{addresses.api}/none", Accept="*/*")).is_page
