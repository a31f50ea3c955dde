"""Bugs of coordinators and workers that show in a whole node (observed 5, 6; protocol 12)."""

import asyncio
import contextlib

import pytest

from tests.support.apps import answering, raw_app, unused_range
from tests.support.node import JSON, SECRETS, node, settings

SHOWN = {"X-BackendAI-Token": SECRETS["api-secret"]}
NAMELESS = "00000000-0000-4000-8000-000000000000"


async def test_d11_a_malformed_id_was_500():
    async with node() as gateway:
        for path in ("/api/circuit/zzz", "/api/circuit/%00", "/api/circuit/" + "9" * 400):
            answer = await gateway.ask("DELETE", path, headers=SHOWN)
            assert (answer.status, answer.json["type"].rpartition("/")[2]) == (
                404,
                "object-not-found",
            )


async def test_d23_only_one_of_several_circuits_of_a_session_was_deleted():
    async with raw_app(answering()) as app, node() as gateway:
        opened = await gateway.open(app.port)
        other = await gateway.auth(opened.token, opened.session, app="ttyd")
        assert other["reuse"] is False
        reader, writer = await asyncio.open_connection("127.0.0.1", opened.port)
        writer.write(f"GET / HTTP/1.1\r\nHost: x\r\nCookie: {opened.cookie}\r\n\r\n".encode())
        await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
        path = f"/v2/proxy/{opened.token}/{opened.session}/delete"
        assert (await gateway.get(path)).json == {"success": True, "code": 200}
        with contextlib.suppress(ConnectionError):
            await asyncio.wait_for(reader.read(), 10)  # nor may its connections stay
        writer.close()
        assert (await gateway.get("/api/circuits", headers=SHOWN)).json == {"circuits": []}


async def test_d24_setup_failed_for_every_port_but_the_first_and_the_last():
    free = await unused_range(5)
    config = settings(v2={"ports": f"{free[0]}-{free[-1]}"})
    async with raw_app(answering()) as app, node(config) as gateway:
        for preferred in free:
            token = await gateway.announce(app.port, NAMELESS)
            opened = await gateway.auth(token, NAMELESS, app="x", port=str(preferred))
            page = await gateway.get(opened["redirect_url"])
            assert page.headers["Location"] == f"http://127.0.0.1:{preferred}"


async def test_bug_the_count_of_occupied_slots_drifted_until_none_was_left():
    free = await unused_range(2)
    config = settings(v2={"ports": f"{free[0]}-{free[1]}"})
    async with raw_app(answering()) as app, node(config) as gateway:
        for _ in range(6):
            opened = await gateway.open(app.port)
            refused = await gateway.get(
                "/v2/proxy/auth",
                params={
                    "app": "x",
                    "protocol": "http",
                    "token": opened.token,
                    "session_id": opened.session,
                    "port": "1",
                },
                headers=JSON,
            )
            assert refused.status == 409  # a failed opening gives its slot back too
            status = (await gateway.get("/health/status", headers=SHOWN)).json
            assert status["workers"][0]["occupied_slots"] == 1
            await gateway.get(f"/v2/proxy/{opened.token}/{opened.session}/delete")
            status = (await gateway.get("/health/status", headers=SHOWN)).json
            assert (
                status["workers"][0] | {"occupied_slots": 0, "available_slots": 2}
                == (status["workers"][0])
            )


async def test_bug_health_was_json_in_json_or_failed():
    async with raw_app(answering()) as app, node() as gateway:
        await gateway.open(app.port)
        (circuit,) = (await gateway.get("/api/circuits", headers=SHOWN)).json["circuits"]
        for path in (
            "/health",
            "/health/status",
            "/health/summary",
            "/health/endpoints",
            f"/health/circuits/{circuit['id']}",
        ):
            answer = await gateway.get(path, headers=SHOWN)
            assert answer.status == 200
            assert isinstance(answer.json, dict)
        missing = await gateway.get(f"/health/circuits/{NAMELESS}", headers=SHOWN)
        assert missing.status == 404


async def test_bug_options_and_head_were_refused_where_browsers_and_probes_send_them():
    preflight = {"Origin": "https://ui.example", "Access-Control-Request-Method": "GET"}
    async with node() as gateway:
        for path in ("/v2/proxy/x/y/add", "/v2/proxy/auth", "/setup", "/status", "/v2/conf"):
            answer = await gateway.ask("OPTIONS", path, headers=preflight)
            assert answer.status == 204
            assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert (await gateway.ask("HEAD", "/status")).status == 200


@pytest.mark.parametrize("value", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>'])
async def test_bug_what_was_sent_stood_unescaped_in_error_pages(value):
    html = {"Accept": "text/html"}
    async with raw_app(answering()) as app, node() as gateway:
        opened = await gateway.open(app.port)
        good = {"app": "x", "protocol": "http"}
        auth = {**good, "token": opened.token, "session_id": opened.session}
        asked = [
            *((f"/v2/proxy/{opened.token}/{opened.session}/add", {**good, n: value}) for n in good),
            *(("/v2/proxy/auth", {**auth, name: value}) for name in auth),
            *(
                ("/v2/proxy/auth", {**auth, name: value})
                for name in ("port", "redirect", "allowed_client_ips", "envs", "no_reuse")
            ),
            ("/setup", {"token": value}),
            (f"/{value}", {}),
            ("/scaling-groups/" + value.replace("/", "") + "/wsproxy-version", {"group": value}),
            (opened.url + "/" + value, {value: value}),
        ]
        for path, query in asked:
            answer = await gateway.get(path, params=query, headers=html)
            assert value.encode() not in answer.body, path
            assert b"<script" not in answer.body, path
            assert b"<img" not in answer.body, path


@pytest.mark.parametrize("several", [",", " , ,", "%2C"])
async def test_bug_a_list_without_an_address_let_everybody_in(several):
    async with raw_app(answering()) as app, node() as gateway:
        opened = await gateway.open(app.port)
        answer = await gateway.get(
            f"/v2/proxy/{opened.token}/{opened.session}/add",
            params={"app": "x", "protocol": "http", "allowed_client_ips": several},
        )
        assert answer.status == 400
        assert answer.json["data"]["errors"][0]["loc"] == ["allowed_client_ips"]
