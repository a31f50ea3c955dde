"""Conformance cases 49 to 70 and 89: the v2 control routes over real sockets (protocol 11)."""

import json
import time
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import jwt
import pytest

from tests.support.apps import answering, raw_app
from tests.support.circuits import FakeHost
from tests.support.v2 import ACCESS_KEY, API_SECRET, GROUP, KEYS, UI, Wish, block, v2
from wsproxy.core.wire import VERSION_HEADER

PORTS = (10200, 10201, 10202, 10203)
JSON = {"Accept": "application/json"}
REMOTE = Wish(conf_from=())


def fake(**changes: object) -> Wish:
    """A gateway whose listeners are not real; the control routes are."""
    return replace(Wish(host=FakeHost(), ports=PORTS), **changes)  # type: ignore[arg-type]


def session_id() -> str:
    return str(uuid4())


async def test_case_50_conf_without_secret_only_from_managers_networks():
    session = session_id()
    async with v2(fake()) as gateway:
        token = await gateway.conf(session, 8888)
        assert len(token) == 36
    body = {"kernel_host": "127.0.0.1", "kernel_port": 8888, "session": block(session)}
    async with v2(REMOTE) as gateway:
        response, _ = await gateway.ask("/v2/conf", "POST", json=body)
        assert response.status == 401
        assert response.content_type == "application/json"
        shown = {"X-BackendAI-Token": API_SECRET}
        response, _ = await gateway.ask("/v2/conf", "POST", json=body, headers=shown)
        assert response.status == 200


async def test_case_51_conf_of_managers_22_is_bound_by_its_first_use():
    """The list leaves open which; here the first session that shows the token keeps it."""
    mine, theirs = session_id(), session_id()
    async with v2(fake()) as gateway:
        body = {"kernel_host": "127.0.0.1", "kernel_port": 8888}
        token = (await gateway.json("/v2/conf", "POST", json=body))["token"]
        added = await gateway.json(
            f"/v2/proxy/{token}/{mine}/add", params={"app": "jupyter", "protocol": "http"}
        )
        assert added["code"] == 200
        link = await gateway.auth(token, mine)
        assert link.circuit.session_id == mine
        again = {"app": "jupyter", "protocol": "http", "token": token, "session_id": theirs}
        refused = await gateway.json("/v2/proxy/auth", params=again)
        assert refused["msg"].startswith("E20007")


async def test_case_51_an_unbound_token_never_finds_somebody_elses_circuit():
    session = session_id()
    async with v2(fake()) as gateway:
        victim = await gateway.auth(await gateway.conf(session, 8888), session)
        body = {"kernel_host": "127.0.0.1", "kernel_port": 9999}
        token = (await gateway.json("/v2/conf", "POST", json=body))["token"]
        mine = await gateway.auth(token, session)
        assert not mine.reuse
        assert mine.circuit.id != victim.circuit.id


async def test_case_52_project_id_instead_of_group_id():
    session = session_id()
    async with v2(fake()) as gateway:
        named = block(session, project_id=GROUP)
        del named["group_id"]
        token = await gateway.conf(session, 8888, session=named)
        assert (await gateway.auth(token, session)).circuit.project_id == GROUP


async def test_case_53_malformed_json():
    async with v2(fake()) as gateway:
        response, text = await gateway.ask("/v2/conf", "POST", data=b"{nonsense", headers=JSON)
        assert (response.status, response.content_type) == (400, "application/json")
        document = json.loads(text)
        assert document["type"].endswith("/invalid-api-params")
        assert document["msg"].startswith("Malformed body")


async def test_case_54_add_says_where_to_go():
    session = session_id()
    async with v2(fake()) as gateway:
        token = await gateway.conf(session, 8888)
        for headers in ({}, {"Origin": UI}, {"Accept": "text/html"}):
            response, _ = await gateway.ask(
                f"/v2/proxy/{token}/{session}/add?app=jupyter&protocol=http", headers=headers
            )
            document = await response.json()
            assert response.status == document["code"] == 200
            url = document["url"]
            assert url.startswith(f"{gateway.base}/v2/proxy/auth?")
            assert parse_qs(urlsplit(url).query) == {
                "app": ["jupyter"],
                "protocol": ["http"],
                "token": [token],
                "session_id": [session],
            }
            assert response.headers["Access-Control-Allow-Origin"] == "*"
            assert response.headers[VERSION_HEADER] == "v2"


async def added_and_opened(query: str) -> str:
    """The url that ``add`` gives for an app, after it has been followed."""
    session = session_id()
    async with v2(fake()) as gateway:
        token = await gateway.conf(session, 8888)
        document = await gateway.json(f"/v2/proxy/{token}/{session}/add?app=x&{query}")
        assert document["code"] == 200
        assert document["url"].startswith(f"{gateway.base}/v2/proxy/auth?")
        opened = await gateway.json(document["url"])
        assert opened["redirect_url"].startswith("http://127.0.0.1:")
    return str(document["url"])


async def test_case_55_the_url_of_a_raw_app_says_so():
    assert "protocol=tcp" in await added_and_opened("protocol=tcp")


async def test_case_56_what_only_others_understand_is_accepted():
    """``permit_key`` is not passed on: it is another proxy's secret, and nothing here reads it."""
    url = await added_and_opened(
        "protocol=http&is_inference=true&permit_key=k&do-not-redirect=true"
    )
    assert "permit_key" not in url


async def test_case_57_envs_are_json_text():
    """Upstream answers 400 to every app with environment variables."""
    url = await added_and_opened('protocol=http&envs={"A":"1"}')
    assert json.loads(parse_qs(urlsplit(url).query)["envs"][0]) == {"A": "1"}


@pytest.mark.parametrize(
    ("query", "parts"),
    [
        ("protocol=http&open_to_public=True&no_reuse=1", ["open_to_public=True", "no_reuse=True"]),
        ("protocol=http&port=10203&subdomain=Lab", ["port=10203", "subdomain=Lab"]),
        ("protocol=http&redirect=/lab?a=1", ["redirect=%2Flab%3Fa%3D1"]),
        ("protocol=http&allowed_client_ips=10.0.0.0/8,::1", ["allowed_client_ips=10.0.0.0%2F8%2C"]),
        ("protocol=http&port=&envs=&redirect=", ["protocol=http"]),
    ],
    ids=["booleans", "preferences", "redirect", "addresses", "empty"],
)
async def test_add_passes_on_what_counts(query, parts):
    url = await added_and_opened(query)
    assert all(part in url for part in parts)


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("app=x&protocol=bogus", "protocol"),  # case 58
        ("app=x", "protocol"),
        ("protocol=http", "app"),
        ("app=&protocol=http", "app"),
        ("app=x&protocol=http&envs={", "envs"),
        ("app=x&protocol=http&envs=[1]", "envs"),
        ("app=x&protocol=http&port=0", "port"),
        ("app=x&protocol=http&port=65536", "port"),
        ("app=x&protocol=http&port=eight", "port"),
        ("app=x&protocol=http&open_to_public=maybe", "open_to_public"),
        ("app=x&protocol=http&allowed_client_ips=foo", "allowed_client_ips"),  # case 65
        ("app=x&protocol=http&redirect=//evil", "redirect"),
        ("app=x&protocol=http&redirect=http://evil/", "redirect"),
        ("app=x&protocol=http&redirect=@evil", "redirect"),
        ("app=x&protocol=http&redirect=/a%0d%0aSet-Cookie:x=1", "redirect"),
        ("app=x&protocol=http&redirect=/%5Cevil", "redirect"),
    ],
)
async def test_case_58_what_is_wrong_is_named(query, named):
    session = session_id()
    async with v2(fake()) as gateway:
        token = await gateway.conf(session, 8888)
        paths = (
            f"/v2/proxy/{token}/{session}/add?{query}",
            f"/v2/proxy/auth?{query}&token={token}&session_id={session}",
        )
        for path in paths:
            response, _ = await gateway.ask(path, headers=JSON)
            document = await response.json()
            assert response.status == 400
            assert document["type"].endswith("/invalid-api-params")
            assert [entry["loc"] for entry in document["data"]["errors"]] == [[named]]
            assert response.headers["Access-Control-Allow-Origin"] == "*"
        assert not gateway.circuits.table.all()


async def test_case_59_auth_reuses_unless_told_not_to():
    """There are no workers here: the slot is the port of the app."""
    session = session_id()
    async with v2(fake()) as gateway:
        token = await gateway.conf(session, 8888)
        first = await gateway.auth(token, session)
        again = await gateway.auth(token, session)
        fresh = await gateway.auth(token, session, no_reuse="true")
        assert (first.reuse, again.reuse, fresh.reuse) == (False, True, False)
        assert first.circuit.port == again.circuit.port != fresh.circuit.port


@pytest.mark.parametrize("protocol", ["tcp", "vnc", "rdp"])
async def test_case_60_tcp_never_says_reuse(protocol):
    session = session_id()
    async with v2(fake()) as gateway:
        token = await gateway.conf(session, 5900)
        links = [await gateway.auth(token, session, protocol=protocol) for _ in range(2)]
        assert [link.reuse for link in links] == [False, False]
        assert links[0].circuit.id == links[1].circuit.id


@pytest.mark.parametrize(
    ("accept", "as_json"),
    [
        ("application/json", True),
        ("application/json, text/plain, */*", True),
        ("text/html", False),
        ("*/*", False),
        ("", False),
        ("text/html, application/json;q=0.9", False),  # observed 5
    ],
)
async def test_case_61_auth_redirects_unless_json_is_asked_for(accept, as_json):
    """Differs: never 308, which browsers keep for ever with a token that ends."""
    session = session_id()
    async with v2(fake()) as gateway:
        token = await gateway.conf(session, 8888)
        query = {"app": "x", "protocol": "http", "token": token, "session_id": session}
        response, _ = await gateway.ask(
            "/v2/proxy/auth", params=query, headers={"Accept": accept}, skip_auto_headers=["Accept"]
        )
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["Access-Control-Allow-Origin"] == "*"
        assert response.headers[VERSION_HEADER] == "v2"
        if as_json:
            document = await response.json()
            assert (response.status, document["reuse"]) == (200, False)
            page = document["redirect_url"]
        else:
            assert response.status in (302, 303, 307)  # 308 would be kept by browsers
            page = response.headers["Location"]
        assert page.startswith(f"{gateway.base}/setup?token=")


@pytest.mark.parametrize(
    ("changes", "status", "said"),
    [
        ({"session_id": session_id()}, 401, "E20007"),
        ({"token": session_id()}, 404, "E00002: No such token."),
        ({"token": "garbage"}, 404, "E00002: No such token."),
        ({"token": ""}, 404, "E00002: No such token."),
        ({"token": "a.b.c"}, 404, "E00002: No such token."),
        ({"session_id": "not-a-uuid"}, 400, "session_id"),
    ],
)
async def test_case_62_wrong_tokens(changes, status, said):
    session = session_id()
    async with v2(fake()) as gateway:
        token = await gateway.conf(session, 8888)
        good = {"app": "x", "protocol": "http", "token": token, "session_id": session}
        response, text = await gateway.ask("/v2/proxy/auth", params={**good, **changes})
        assert response.status == status
        assert said in text
        assert response.headers["Access-Control-Allow-Origin"] == "*"


async def test_case_62_a_start_token_lives_a_day():
    session = session_id()
    async with v2(fake()) as gateway:
        token = await gateway.conf(session, 8888)
        gateway.clock.now += 86_400
        query = {"app": "x", "protocol": "http", "token": token, "session_id": session}
        response, _ = await gateway.ask("/v2/proxy/auth", params=query)
        assert response.status in (401, 404)


async def test_case_63_no_slot_left_and_a_port_in_use():
    """Differs: a gateway without workers is never without one; 503 says that no port is left."""
    async with v2(fake(ports=(10200,))) as gateway:
        mine, other = session_id(), session_id()
        await gateway.auth(await gateway.conf(mine, 8888), mine)
        token = await gateway.conf(other, 9999)
        query = {"app": "x", "protocol": "http", "token": token, "session_id": other}
        full, _ = await gateway.ask("/v2/proxy/auth", params=query, headers=JSON)
        taken, _ = await gateway.ask(
            "/v2/proxy/auth", params={**query, "port": "10200"}, headers=JSON
        )
        outside, _ = await gateway.ask(
            "/v2/proxy/auth", params={**query, "port": "10999"}, headers=JSON
        )
        assert [r.status for r in (full, taken, outside)] == [503, 409, 409]
        for response in (full, taken, outside):
            assert response.content_type == "application/json"
            assert response.headers["Access-Control-Allow-Origin"] == "*"
        assert full.headers["Retry-After"]


async def test_case_64_a_preferred_subdomain_becomes_a_label():
    mine, other = session_id(), session_id()
    async with v2(fake(domain=".apps.localhost")) as gateway:
        wish = {"subdomain": "My.App_1", "port": "10200"}
        first = await gateway.auth(await gateway.conf(mine, 8888), mine, **wish)
        second = await gateway.auth(await gateway.conf(other, 9999), other, **wish)
        assert first.circuit.label == "my-app-1"
        assert second.circuit.label is not None
        assert second.circuit.label.startswith("my-app-1-")
        tcp = await gateway.auth(await gateway.conf(mine, 7777), mine, app="sshd", protocol="tcp")
        assert tcp.circuit.port in PORTS  # a raw port has no name to be told by


async def test_case_65_an_address_that_is_none_is_refused():
    session = session_id()
    async with v2(fake()) as gateway:
        token = await gateway.conf(session, 8888)
        query = {"app": "x", "protocol": "http", "token": token, "session_id": session}
        for listed in ("foo", "10.0.0.0/8,foo", "10.0.0.0/33"):
            response, text = await gateway.ask(
                "/v2/proxy/auth", params={**query, "allowed_client_ips": listed}, headers=JSON
            )
            assert response.status == 400
            assert "allowed_client_ips" in text
        assert not gateway.circuits.table.all()


async def test_case_65_who_may_use_the_app_is_stored():
    session = session_id()
    async with v2(fake()) as gateway:
        link = await gateway.auth(
            await gateway.conf(session, 8888),
            session,
            open_to_public="true",
            allowed_client_ips="10.0.0.0/8,192.168.1.5",
        )
        assert link.circuit.open_to_public
        assert link.circuit.allowed_client_ips == ("10.0.0.0/8", "192.168.1.5")


async def test_case_66_setup_gives_the_permit_and_survives_several_fetches():
    """Differs: the cookie has the circuit in its name, so that no app's permit opens another.

    Always 302: the 308 of 25.13 is kept by browsers, and its cookie is then lost.
    """
    session = session_id()
    async with v2(fake()) as gateway:
        link = await gateway.auth(await gateway.conf(session, 8888), session)
        for headers in (JSON, {}, {"Accept": "text/html", "Origin": UI}):
            response, _ = await gateway.ask(link.url, headers=headers)
            assert response.status == 302
            assert response.headers["Location"] == f"http://127.0.0.1:{link.circuit.port}"
            assert response.headers["Cache-Control"] == "no-store"
            assert response.headers["Access-Control-Allow-Origin"] == "*"
            cookie = response.headers["Set-Cookie"]
            assert cookie.startswith(f"appproxy_permit_{link.circuit.id}=")
            for attribute in ("HttpOnly", "SameSite=Lax", "Max-Age=604800", "Path=/"):
                assert attribute in cookie
            assert "Domain" not in cookie


async def test_case_66_the_permit_is_set_where_the_app_is_and_nowhere_else():
    session = session_id()
    for wish in (fake(domain=".apps.localhost"), fake(app_host="localhost")):
        async with v2(wish) as gateway:
            link = await gateway.auth(await gateway.conf(session, 8888), session)
            token = parse_qs(urlsplit(link.url).query)["token"][0]
            response, _ = await gateway.ask("/setup", params={"token": token})
            assert response.status == 302
            assert response.headers["Location"] == link.url
            assert "/.wsproxy/setup?token=" in link.url
            assert "Set-Cookie" not in response.headers


async def test_case_67_redirect_goes_through_to_the_app():
    session = session_id()
    async with v2(fake()) as gateway:
        link = await gateway.auth(
            await gateway.conf(session, 8888), session, redirect="/notebooks/a b.ipynb"
        )
        response, _ = await gateway.ask(link.url)
        assert response.headers["Location"].endswith("/notebooks/a%20b.ipynb")


@pytest.mark.parametrize("app_host", ["127.0.0.1", "::1"])
async def test_case_68_setup_of_a_tcp_app(app_host):
    session = session_id()
    async with v2(fake(app_host=app_host)) as gateway:
        link = await gateway.auth(
            await gateway.conf(session, 22), session, app="sshd", protocol="tcp"
        )
        token = parse_qs(urlsplit(link.url).query)["token"][0]
        document = await gateway.json(link.url + "&do-not-redirect=true")
        assert document["redirect"] == document["redirectURI"]
        query = parse_qs(urlsplit(document["redirectURI"]).query)
        host = f"[{app_host}]" if ":" in app_host else app_host
        assert query == {
            "directTCP": ["true"],
            "auth": [token],
            "proto": ["tcp"],
            "gateway": [f"tcp://{host}:{link.circuit.port}"],
        }
        with_path = await gateway.auth(
            await gateway.conf(session, 22), session, app="sshd", protocol="tcp", redirect="/x"
        )
        response, _ = await gateway.ask(with_path.url)
        assert response.status == 302
        assert response.headers["Location"].startswith("http://localhost:45678/start?")


def _signed(key: str = KEYS.jwt_secret, **changes: object) -> str:
    now = 1_700_000_000
    claims = {
        "id": session_id(),
        "version": "v2",
        "redirect": "",
        "circuit": session_id(),
        "exp": now + 60,
        "aud": "wsproxy:setup",
        **changes,
    }
    return jwt.encode(claims, key.ljust(32), algorithm="HS256") if key else ""


@pytest.mark.parametrize(
    ("token", "status"),
    [
        ("garbage", 401),
        ("", 400),
        (None, 400),
        (_signed("some other secret of more than 32 bytes"), 401),
        (jwt.encode({"circuit": session_id()}, "", algorithm="none"), 401),
    ],
)
async def test_case_69_wrong_setup_tokens(token, status):
    """Upstream answers 500 to each of these."""
    async with v2(fake()) as gateway:
        query = {} if token is None else {"token": token}
        for headers, kind in ((JSON, "application/json"), ({"Accept": "text/html"}, "text/html")):
            response, _ = await gateway.ask("/setup", params=query, headers=headers)
            assert response.status == status
            assert response.content_type == kind
            assert response.headers["Access-Control-Allow-Origin"] == "*"
            assert response.headers[VERSION_HEADER] == "v2"


async def test_case_69_a_tampered_an_old_and_an_orphaned_token():
    session = session_id()
    async with v2(fake()) as gateway:
        link = await gateway.auth(await gateway.conf(session, 8888), session)
        tampered, _ = await gateway.ask(link.url[:-3] + "AAA")
        assert tampered.status == 401
        start = parse_qs(urlsplit(link.url).query)["token"][0]
        foreign, _ = await gateway.ask("/setup", params={"token": f"{start}x"})
        assert foreign.status == 401
        await gateway.json(f"/v2/proxy/{ACCESS_KEY}/{session}/delete")
        gateway.clock.now += 301
        old, _ = await gateway.ask(link.url)
        assert old.status == 401


async def test_case_70_check_and_delete():
    """Differs: not found is a 200 with code 404, since clients read the code, not the status."""
    session = session_id()
    async with v2(fake()) as gateway:
        path = f"/v2/proxy/{ACCESS_KEY}/{session}"
        assert await gateway.json(path) == {"success": False, "code": 404}
        assert await gateway.json(f"{path}/delete") == {"success": False, "code": 404}
        token = await gateway.conf(session, 8888)
        link = await gateway.auth(token, session)
        assert await gateway.json(path) == {"success": True, "code": 200}
        assert await gateway.json(f"/v2/proxy/{token}/{session}") == {"success": True, "code": 200}
        assert await gateway.json(f"/v2/proxy/{session_id()}/{session}") == {
            "success": False,
            "code": 404,
        }
        closed = await gateway.json(f"/v2/proxy/{token}/{session}/delete")
        assert closed == {"success": True, "code": 200}
        assert gateway.circuits.table.by_id(link.circuit.id) is None
        assert await gateway.json(path) == {"success": False, "code": 404}
        host = gateway.wish.host
        assert host is not None
        assert not host.bound  # the slot is free


async def test_case_70_deleting_with_the_key_needs_a_permit():
    """Differs: the start token alone may delete; an access key, which is no secret, needs more."""
    session = session_id()
    async with v2(fake()) as gateway:
        token = await gateway.conf(session, 8888)
        link = await gateway.auth(token, session)
        cookie = await gateway.cookie(link)
        path = f"/v2/proxy/{ACCESS_KEY}/{session}/delete"
        response, _ = await gateway.ask(path)
        assert response.status == 200
        assert await response.json() == {"success": False, "code": 403}
        wrong = await gateway.json(path, params={"permit_key": "wrong"})
        assert wrong["code"] == 403
        right = await gateway.json(path, params={"permit_key": cookie.partition("=")[2]})
        assert right == {"success": True, "code": 200}
        await gateway.auth(token, session)
        other_app = await gateway.json(f"{path}?app=ttyd", headers={"Cookie": cookie})
        assert other_app["code"] == 404


async def test_case_70_delete_one_app_of_several():
    session = session_id()
    async with v2(fake()) as gateway:
        token = await gateway.conf(session, 8888)
        await gateway.auth(token, session, app="jupyter")
        await gateway.auth(token, session, app="ttyd")
        closed = await gateway.json(f"/v2/proxy/{token}/{session}/delete?app=jupyter")
        assert closed["code"] == 200
        assert [one.app for one in gateway.circuits.table.all()] == ["ttyd"]


@pytest.mark.parametrize(("gone", "code"), [(True, 200), (False, 403), (None, 403)])
async def test_a_delete_without_the_right_is_a_hint(gone, code):
    asked = []

    async def session_gone(owner: str, session: str) -> bool | None:
        asked.append((owner, session))
        return gone  # type: ignore[no-any-return]

    session = session_id()
    async with v2(fake(session_gone=session_gone)) as gateway:
        await gateway.auth(await gateway.conf(session, 8888), session)
        document = await gateway.json(f"/v2/proxy/{ACCESS_KEY}/{session}/delete")
        assert document["code"] == code
        assert asked == [(ACCESS_KEY, session)]
        assert len(gateway.circuits.table.all()) == (0 if gone else 1)


async def test_case_89_the_terminate_sequence_of_a_browser():
    """Credentials are sent, so the origin is echoed, and the cookie of the app counts."""
    session = session_id()
    async with v2(fake()) as gateway:
        link = await gateway.auth(await gateway.conf(session, 8888), session)
        headers = {
            "Origin": UI,
            "Cookie": await gateway.cookie(link),
            "Sec-Fetch-Site": "same-site",
            "Sec-Fetch-Mode": "cors",
        }
        began = time.monotonic()
        for suffix in ("", "/delete"):
            response, _ = await gateway.ask(
                f"/v2/proxy/{ACCESS_KEY}/{session}{suffix}", headers=headers
            )
            assert response.status == 200
            assert await response.json() == {"success": True, "code": 200}
            assert response.headers["Access-Control-Allow-Origin"] == UI
            assert response.headers["Access-Control-Allow-Credentials"] == "true"
        assert time.monotonic() - began < 5  # no manager was waited for
        assert not gateway.circuits.table.all()


async def test_another_app_on_our_host_name_cannot_close_with_the_users_cookie():
    session = session_id()
    async with v2(fake()) as gateway:
        link = await gateway.auth(await gateway.conf(session, 8888), session)
        cookie = await gateway.cookie(link)
        origin = f"http://127.0.0.1:{link.circuit.port}"
        for context in ({"Origin": origin}, {"Sec-Fetch-Site": "same-site"}):
            response, _ = await gateway.ask(
                f"/v2/proxy/{ACCESS_KEY}/{session}/delete", headers={"Cookie": cookie, **context}
            )
            assert (await response.json())["code"] == 403
            assert "Access-Control-Allow-Credentials" not in response.headers


@pytest.mark.parametrize(("protocol", "scheme"), [("grpc", "grpc"), ("h2", "http")])
async def test_an_interactive_app_may_speak_http2(protocol, scheme):
    """Upstream takes a port, and then the setup page answers 400 E20002."""
    session = session_id()
    async with v2(fake()) as gateway:
        link = await gateway.auth(await gateway.conf(session, 8888), session, protocol=protocol)
        assert link.reuse is False
        document = await gateway.json(gateway.at(link.url))
        url = f"{scheme}://127.0.0.1:{link.circuit.port}"
        assert (document["url"], document["tls"]) == (url, False)
        asked = parse_qs(urlsplit(document["redirectURI"]).query)
        assert asked["gateway"] == [url]
        assert asked["proto"] == [protocol]
        response, page = await gateway.ask(gateway.at(link.url), headers={"Accept": "text/html"})
        assert response.content_type == "text/html"
        assert url in page
        again = await gateway.auth(await gateway.conf(session, 8888), session, protocol=protocol)
        assert again.reuse is False  # with true a client would dial the host of the page
        assert again.circuit.port == link.circuit.port


async def test_the_whole_way_to_a_real_app():
    async with raw_app(answering()) as app, v2() as gateway:
        link, cookie = await gateway.opened(app.port)
        response, text = await gateway.ask(
            f"http://127.0.0.1:{link.circuit.port}/lab?x=1", headers={"Cookie": cookie}
        )
        assert (response.status, text) == (200, "ok")
        assert app.received.startswith(b"GET /lab?x=1 HTTP/1.1\r\n")
        assert b"appproxy_permit" not in app.received
