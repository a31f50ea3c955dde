"""The players of 23.09 and 26.8 against what their browsers were recorded to send.

``{…}`` stands for what differs from run to run. Requests to the app's own port, which the
recordings of v1 do not show, are those the observation tells.
"""

import json

import pytest

from tests.support.scenes import Theatre, theatre
from tests.support.stub_proxy import START_TOKEN, TOKEN, Seen, StubProxy, stub_proxy
from wsproxy.compat.players import player

PREFLIGHT = (
    *("Host", "Connection", "Accept", "Access-Control-Request-Method"),
    *("Access-Control-Request-Headers", "Origin", "User-Agent", "Sec-Fetch-Mode"),
    *("Sec-Fetch-Site", "Sec-Fetch-Dest", "Referer", "Accept-Encoding", "Accept-Language"),
)
CONF = (
    *("Host", "Connection", "sec-ch-ua-platform", "User-Agent", "Accept", "sec-ch-ua"),
    *("Content-Type", "sec-ch-ua-mobile", "Origin", "Sec-Fetch-Site", "Sec-Fetch-Mode"),
    *("Sec-Fetch-Dest", "Referer", "Accept-Encoding", "Accept-Language"),
)
FETCH = (
    *("Host", "Connection", "sec-ch-ua-platform", "User-Agent", "sec-ch-ua", "sec-ch-ua-mobile"),
    *("Accept", "Origin", "Sec-Fetch-Site", "Sec-Fetch-Mode", "Sec-Fetch-Dest", "Referer"),
    *("Accept-Encoding", "Accept-Language"),
)
AS_JSON = (
    *("Host", "Connection", "sec-ch-ua-platform", "User-Agent", "Accept", "sec-ch-ua"),
    *("sec-ch-ua-mobile", "Origin", "Sec-Fetch-Site", "Sec-Fetch-Mode", "Sec-Fetch-Dest"),
    *("Referer", "Accept-Encoding", "Accept-Language"),
)
UNSEEN = (
    *("Host", "Connection", "sec-ch-ua-platform", "User-Agent", "sec-ch-ua", "sec-ch-ua-mobile"),
    *("Accept", "Sec-Fetch-Site", "Sec-Fetch-Mode", "Sec-Fetch-Dest", "Referer"),
    *("Accept-Encoding", "Accept-Language", "Cookie"),
)
TAB = (
    *("Host", "Connection", "sec-ch-ua", "sec-ch-ua-mobile", "sec-ch-ua-platform"),
    *("Upgrade-Insecure-Requests", "User-Agent", "Accept", "Sec-Fetch-Site", "Sec-Fetch-Mode"),
    *("Sec-Fetch-User", "Sec-Fetch-Dest", "Referer", "Accept-Encoding", "Accept-Language"),
    "Cookie",
)

V1_LAUNCH = [
    ("OPTIONS /conf", PREFLIGHT),
    ("PUT /conf", CONF),
    ("GET /proxy/STUBTOKEN/{session}/add?app=jupyter&protocol=http", FETCH),
]
APP = "/?token=STUBTOKEN&sess=x"
V2 = "/v2/proxy/{start}/{session}/add?app=jupyter&protocol=http"
AUTH = "/v2/proxy/auth?app=jupyter&protocol=http&token={start}&session_id={session}"

RECORDED = {
    # O 3: the url is used three times, with the postfix of its age
    ("webui-23.03", "v1"): [
        *V1_LAUNCH,
        (f"GET {APP}&redirect=/tree", AS_JSON),
        (f"GET {APP}&redirect=/tree", UNSEEN),
        (f"GET {APP}&redirect=/tree", TAB),
        # terminate: 404 in the body is the end of it
        ("GET /proxy/{access_key}/{session}", FETCH),
    ],
    ("webui-26.8", "v1"): [
        *V1_LAUNCH,
        (f"GET {APP}", AS_JSON),
        (f"GET {APP}", UNSEEN),
        (f"GET {APP}", TAB),
        # terminate: another token, and the deletion in spite of 404
        ("OPTIONS /conf", PREFLIGHT),
        ("PUT /conf", (*CONF, "Cookie")),
        ("GET /proxy/STUBTOKEN/{session}", FETCH),
        ("GET /proxy/STUBTOKEN/{session}/delete", (*FETCH, "Cookie")),
    ],
    ("webui-23.03", "v2"): [
        (f"GET {V2}", FETCH),
        (f"GET {AUTH}&redirect=/tree", AS_JSON),
        ("GET /setup?token=JWT", UNSEEN),
        ("GET /app", UNSEEN),
        (f"GET {AUTH}&redirect=/tree", TAB),
        ("GET /setup?token=JWT", TAB),
        ("GET /app", TAB),
        ("GET /v2/proxy/{access_key}/{session}", FETCH),
        ("GET /v2/proxy/{access_key}/{session}/delete", (*FETCH, "Cookie")),
    ],
    ("webui-26.8", "v2"): [
        (f"GET {V2}", FETCH),
        (f"GET {AUTH}", AS_JSON),
        ("GET /setup?token=JWT", UNSEEN),
        ("GET /app", UNSEEN),
        ("GET /setup?token=JWT", TAB),
        ("GET /app", TAB),
        ("GET /v2/proxy/{access_key}/{session}", FETCH),
        ("GET /v2/proxy/{access_key}/{session}/delete", (*FETCH, "Cookie")),
    ],
}


async def seen_by(proxy: StubProxy, at: Theatre, name: str) -> list[Seen]:
    """What a browser sent to the proxy; the manager's own requests are left out."""
    at.elsewhere(proxy.url)
    await player(name, patience=10.0, closes=False).play(at.scene)
    return [seen for seen in proxy.asked if "aiohttp" not in seen.fields.get("User-Agent", "")]


@pytest.mark.parametrize(("name", "version"), RECORDED)
async def test_the_same_requests_in_the_same_order_with_the_same_fields(name, version):
    era = {"webui-23.03": "manager-23.09", "webui-26.8": "manager-26.4"}[name]
    async with stub_proxy() as proxy:
        address = proxy.url if version == "v2" else None
        async with theatre(address, manager_era=era) as at:
            seen = await seen_by(proxy, at, name)
            shapes = {
                "session": at.scene.session,
                "start": START_TOKEN,
                "access_key": at.scene.access_key,
            }
    expected = [(line.format(**shapes), names) for line, names in RECORDED[name, version]]
    assert [one.line for one in seen] == [line for line, _ in expected]
    for one, (line, names) in zip(seen, expected, strict=True):
        sent = [name for name in one.names if name != "Content-Length"]
        assert sent == list(names), line


VALUES = [
    # request, field, value
    (0, "Access-Control-Request-Method", "PUT"),
    (0, "Access-Control-Request-Headers", "content-type"),
    (1, "Accept", "application/json"),
    (2, "Accept", "*/*"),
    (2, "Sec-Fetch-Site", "same-site"),
    (2, "Sec-Fetch-Mode", "cors"),
    (3, "Accept", "application/json"),
    (4, "Sec-Fetch-Mode", "no-cors"),
    (5, "Sec-Fetch-Mode", "navigate"),
    (5, "Sec-Fetch-Dest", "document"),
]


async def test_the_values_that_servers_judge_by():
    async with stub_proxy() as proxy, theatre() as at:
        seen = await seen_by(proxy, at, "webui-26.8")
        page = str(at.scene.webserver)
        login = at.scene.login
    for index, name, value in VALUES:
        assert seen[index].fields[name] == value, (index, name)
    assert {one.fields["Origin"] for one in seen if "Origin" in one.fields} == {page}
    assert {one.fields["Referer"] for one in seen} == {f"{page}/"}
    assert seen[4].fields["Cookie"] == f"AIOHTTP_SESSION={login}"


BODIES = [
    # era, manager, the body of /conf but for addresses and the login
    ("webui-22.03", "manager-22.09", {"mode": "SESSION", "api_version": "6."}),
    (
        "webui-23.03",
        "manager-23.09",
        {"mode": "SESSION", "auth_mode": "header", "api_version": "7."},
    ),
    (
        "webui-26.8",
        "manager-26.4",
        {"mode": "SESSION", "auth_mode": "header", "api_version": "9."},
    ),
    (
        "desktop-26.8",
        "manager-26.4",
        {"mode": "API", "access_key": "AKIAUSER", "api_version": "9."},
    ),
]


@pytest.mark.parametrize(("name", "era", "said"), BODIES)
async def test_what_conf_is_told(name, era, said):
    async with stub_proxy() as proxy, theatre(manager_era=era) as at:
        seen = await seen_by(proxy, at, name)
        manager, webserver = str(at.scene.manager), str(at.scene.webserver)
        secrets = {"session": at.scene.login, "secret_key": at.scene.secret_key}
    body = json.loads(next(one.body for one in seen if one.method == "PUT"))
    session = body["mode"] == "SESSION"
    assert body.pop("endpoint") == (webserver if session else manager)
    secret = "session" if session else "secret_key"
    assert body.pop(secret) == secrets[secret]
    assert body == said


async def test_cookies_of_the_apps_page_go_back_to_every_port_of_its_host():
    async with stub_proxy() as proxy, theatre(proxy.url) as at:
        seen = await seen_by(proxy, at, "webui-26.8")
    last = seen[-1]
    assert last.line.endswith("/delete")
    assert last.fields["Cookie"].endswith('; appproxy_permit="MWI4ZQ=="')
    assert TOKEN not in last.line
