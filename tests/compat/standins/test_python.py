"""The Python stand-in answers as 25.5.2 and 25.12.1 did (transcripts/wsproxy-25.5)."""

import base64
import json
from uuid import uuid4

import pytest

from tests.support.standins import (
    ACCESS_KEY,
    SESSION_ID,
    USER_ID,
    ask,
    conf,
    kernel,
    opened,
    setup_of,
    token_of,
)
from wsproxy.compat.eras.proxies import proxies
from wsproxy.compat.standins.circuits import Secrets
from wsproxy.compat.standins.stand import standin
from wsproxy.core import jwts

JSON = "application/json"
ROWS = {name: row for name, row in proxies().items() if row.python}
NEVER = str(uuid4())
PROBLEM = {"type", "title"}
WITH_MSG = {*PROBLEM, "msg"}
WITH_DATA = {*PROBLEM, "msg", "data"}
BARE = "application/problem+json; charset=utf-8"
PLAIN = "application/json; charset=utf-8"
AUTH = "/v2/proxy/auth"
# title in the recording, method, path, body → status, keys, content type
RECORDED = [
    ("conf not JSON", "POST", "/v2/conf", b"{nope", 400, WITH_MSG, PLAIN),
    ("conf missing fields", "POST", "/v2/conf", {"kernel_host": "a"}, 400, WITH_DATA, PLAIN),
    ("conf JSON list", "POST", "/v2/conf", [1], 500, PROBLEM, BARE),
    ("conf session without id", "POST", "/v2/conf", conf(1, session={}), 500, PROBLEM, BARE),
    ("conf port 99999", "POST", "/v2/conf", conf(99999), 200, {"token"}, PLAIN),
    ("conf GET", "GET", "/v2/conf", None, 405, PROBLEM, BARE),
    ("conf v1 path PUT /conf", "PUT", "/conf", {"a": 1}, 404, {*PROBLEM, "data"}, BARE),
    ("unknown path", "GET", "/nope", None, 404, {*PROBLEM, "data"}, BARE),
    ("auth bad token", "GET", f"{AUTH}?A&token=abc&session_id=S", None, 500, PROBLEM, BARE),
    ("auth session of another", "GET", f"{AUTH}?A&token=T&session_id=N", None, 400, PROBLEM, PLAIN),
    ("auth malformed", "GET", f"{AUTH}?A&token=T&session_id=zz", None, 400, WITH_DATA, PLAIN),
    ("auth no params", "GET", AUTH, None, 400, WITH_DATA, PLAIN),
    ("auth unknown protocol", "GET", f"{AUTH}?app=j&protocol=vnc&B", None, 400, WITH_DATA, PLAIN),
    ("auth envs", "GET", f"{AUTH}?A&B&envs=%7B%22A%22%3A%221%22%7D", None, 400, WITH_DATA, PLAIN),
    ("setup bad token", "GET", "/setup?token=abc", None, 500, PROBLEM, BARE),
    ("setup conf token used", "GET", "/setup?token=T", None, 500, PROBLEM, BARE),
    ("setup no token", "GET", "/setup", None, 400, WITH_DATA, PLAIN),
    ("add malformed session", "GET", "/v2/proxy/T/zzz/add?A", None, 200, {"code", "url"}, PLAIN),
    ("add bad token", "GET", "/v2/proxy/garbage/S/add?A", None, 200, {"code", "url"}, PLAIN),
    ("add without app", "GET", "/v2/proxy/T/S/add", None, 400, WITH_DATA, PLAIN),
    ("exists? unknown", "GET", f"/v2/proxy/{ACCESS_KEY}/N", None, 404, PROBLEM, PLAIN),
    ("exists? malformed uuid", "GET", f"/v2/proxy/{ACCESS_KEY}/x-y", None, 404, PROBLEM, PLAIN),
    ("DELETE /api/circuit", "DELETE", f"/api/circuit/{NEVER}", None, 401, WITH_MSG, PLAIN),
]  # fmt: skip


@pytest.fixture(params=ROWS)
async def served(request):
    keys = Secrets()
    async with standin(ROWS[request.param], keys) as addresses, kernel() as app:
        yield addresses, app, keys


@pytest.mark.parametrize("recorded", RECORDED, ids=[one[0] for one in RECORDED])
async def test_it_answers_as_recorded_to_who_wants_json(served, recorded):
    """transcripts/wsproxy-25.5/03-wrong.txt, 01-flow.txt and those of 25.12.1."""
    addresses, _, _ = served
    _, method, path, body, status, keys, content_type = recorded
    token = await token_of(addresses.api, 1)
    path = path.replace("?A", "?app=j&protocol=http").replace("&B", "&token=T&session_id=S")
    path = path.replace("token=T", f"token={token}").replace("=S", f"={SESSION_ID}")
    path = path.replace("session_id=N", f"session_id={NEVER}").replace("/S/", f"/{SESSION_ID}/")
    path = path.replace("/T/", f"/{token}/").replace(f"{ACCESS_KEY}/N", f"{ACCESS_KEY}/{NEVER}")

    answer = await ask(addresses.api + path, method, body, Accept=JSON)

    assert (answer.status, answer["content-type"]) == (status, content_type)
    assert set(answer.json) == keys
    assert answer["server"] == "BackendAI"


@pytest.mark.parametrize(("name", "hides"), [("python-25.10", True), ("python-25.11", False)])
async def test_an_error_for_anybody_else_is_a_page_and_was_a_200(name, hides):
    """D8: transcripts/wsproxy-25.5/01-flow.txt; mended in 25.12.1/01-flow.txt."""
    async with standin(ROWS[name]) as addresses, kernel() as app:
        await opened(addresses.api, app.port)
        for path, status in (
            (f"/v2/proxy/{USER_ID}/{SESSION_ID}", 404),
            (f"/v2/proxy/{ACCESS_KEY}/{NEVER}", 404),
            (f"/v2/proxy/{ACCESS_KEY}/{SESSION_ID}/delete", 403),
        ):
            for accept in ("text/html", "*/*"):
                answer = await ask(addresses.api + path, Accept=accept)
                assert (answer.status, answer.is_page) == (200 if hides else status, True)
        # what no handler raised is JSON for everybody
        assert (await ask(f"{addresses.api}/nope", Accept="text/html"))["content-type"] == BARE


async def test_check_knows_the_access_key_only_and_delete_the_user_too(served):
    """D17, D23, D25: transcripts/wsproxy-25.5/01-flow.txt."""
    addresses, app, _ = served
    token = await token_of(addresses.api, app.port)
    first, cookie = await opened(addresses.api, app.port)
    second, _ = await opened(addresses.api, app.port)
    assert first != second
    permit = cookie.partition("=")[2].strip('"')

    async def at(who: str, more: str = ""):
        return await ask(f"{addresses.api}/v2/proxy/{who}/{SESSION_ID}{more}", Accept=JSON)

    assert (await at(ACCESS_KEY)).json == {"success": True}
    assert [(await at(who)).status for who in (USER_ID, token)] == [404, 404]
    assert [
        ((await at(ACCESS_KEY, f"/delete{query}")).status) for query in ("", "?permit_key=zzz")
    ] == [403, 403]
    assert (await at(token, f"/delete?permit_key={permit}")).status == 404
    # one of the two, and then the other
    assert (await at(ACCESS_KEY, f"/delete?permit_key={permit}")).json == {"success": True}
    assert (await at(ACCESS_KEY)).json == {"success": True}
    assert (await ask(second, Cookie=cookie)).status == 200
    assert (await at(USER_ID, f"/delete?permit_key={permit}")).json == {"success": True}
    assert (await at(ACCESS_KEY)).status == 404


async def test_nothing_is_used_again_and_no_port_is_asked_for(served):
    """D10: transcripts/wsproxy-25.5/01-flow.txt, 03-wrong.txt."""
    addresses, app, _ = served
    token = await token_of(addresses.api, app.port)
    path = f"/v2/proxy/auth?app=j&protocol=http&token={token}&session_id={SESSION_ID}"
    for query in ("", f"&port={app.port}"):  # a port that is taken is no matter
        assert (await ask(addresses.api + path + query, Accept=JSON)).json["reuse"] is False
    answer = await ask(addresses.api + path, Accept="text/html,application/xhtml+xml,*/*;q=0.8")
    assert (answer.status, answer.body) == (308, b"308: Permanent Redirect")


async def test_the_token_can_be_read_by_whoever_has_it(served):
    """D18: transcripts/wsproxy-25.5/01-flow.txt."""
    addresses, app, keys = served
    token = await token_of(addresses.api, app.port)
    claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    assert claims["login_session_token"] == "lst"
    assert (claims["kernel_port"], claims["access_key"]) == (app.port, ACCESS_KEY)
    assert jwts.verify(token, keys.jwt) == claims


async def test_setup_is_a_308_with_a_bare_cookie_and_forgets_the_path(served):
    """D17, D18 and D16: transcripts/wsproxy-25.5/01-flow.txt, 03-wrong.txt."""
    addresses, app, _ = served
    token = await token_of(addresses.api, app.port)
    answer = await ask(await setup_of(addresses.api, token, "app=j&protocol=http&redirect=/lab"))
    assert answer.line == "HTTP/1.1 308 Permanent Redirect"
    assert answer["set-cookie"].endswith('=="; Path=/')
    assert answer["location"].count("/") == 2
    for name in ("origin", "headers"):
        assert answer[f"access-control-allow-{name}"] == "*"
    assert answer["access-control-expose-headers"] == "*"
    assert (await ask(f"{addresses.api}/setup", "HEAD"))["allow"] == "GET"


async def test_other_protocols_are_taken_and_fail_at_setup(served):
    """D12, D16: transcripts/wsproxy-25.5/03-wrong.txt."""
    addresses, app, _ = served
    token = await token_of(addresses.api, app.port)
    answer = await ask(await setup_of(addresses.api, token, "app=g&protocol=grpc"), Accept=JSON)
    assert answer.status == 400
    assert answer.json["msg"] == "E20002: Protocol not available as interactive app"
    answer = await ask(await setup_of(addresses.api, token, "app=sshd&protocol=tcp"))
    assert set(answer.json) == {"redirect", "redirectURI"}
    port = int(answer.json["redirectURI"].rpartition("%3A")[2])
    # there is HTTP at that port, and nothing for SSH
    answer = await ask(f"http://127.0.0.1:{port}/", Accept=JSON)
    assert answer.json["msg"] == "E20004: Authorization cookie not provided"


async def test_what_it_says_of_itself(served):
    """transcripts/wsproxy-25.5/01-flow.txt and 25.12.1/01-flow.txt."""
    addresses, _, _ = served
    release = (await ask(f"{addresses.api}/")).json["wsproxy"]
    status = (await ask(f"{addresses.api}/status")).json
    advertised = {"advertise_address": addresses.api} if release == "25.12.1" else {}
    assert status == {"api_version": "v2", **advertised}
    answer = await ask(f"{addresses.api}/v2/proxy/x/y", "HEAD")
    assert (answer.status, answer["allow"]) == (405, "GET,OPTIONS")
    answer = await ask(f"{addresses.api}/v2/conf", Accept=JSON)
    assert answer["allow"] == "OPTIONS,POST"
    answer = await ask(f"{addresses.api}/status", "OPTIONS", Origin="http://ui")
    assert answer["access-control-allow-origin"] == "http://ui"


async def test_a_circuit_is_never_found_to_be_deleted(served):
    """D11: transcripts/wsproxy-25.5/01-flow.txt."""
    addresses, app, keys = served
    setup = await setup_of(addresses.api, await token_of(addresses.api, app.port))
    circuit = (jwts.verify(setup.partition("token=")[2], keys.jwt) or {})["circuit"]
    fields = {"Accept": JSON, "X_BackendAI_Token": keys.api}
    for found, status in ((circuit, 404), ("zzz", 500)):
        answer = await ask(f"{addresses.api}/api/circuit/{found}", "DELETE", **fields)
        assert answer.status == status
