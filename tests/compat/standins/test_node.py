"""The Node proxy's control API, classic and hardened (protocol 2, cases of 11 in brackets)."""

import asyncio

import pytest

from tests.support.standins import ask
from wsproxy.compat.eras.proxies import proxies
from wsproxy.compat.standins import v2
from wsproxy.compat.standins.node import NodeProxy
from wsproxy.compat.standins.stand import standin
from wsproxy.core.wire import Version
from wsproxy.sim.site import Site
from wsproxy.sim.stage import free_port

CLASSIC = proxies()["node-classic"]
HARDENED = proxies()["node-hardened"]
ROWS = {row.name: row for row in (CLASSIC, HARDENED)}
CONF = {"endpoint": "http://127.0.0.1:1", "mode": "API", "access_key": "A", "secret_key": "S"}
JSON = "application/json; charset=utf-8"


@pytest.fixture(params=ROWS)
async def either(request):
    async with standin(ROWS[request.param]) as addresses:
        yield addresses.api


@pytest.fixture
async def classic():
    async with standin(CLASSIC) as addresses:
        yield addresses.api


@pytest.fixture
async def hardened():
    async with standin(HARDENED) as addresses:
        yield addresses.api


async def configured(api: str) -> str:
    return str((await ask(f"{api}/conf", "PUT", CONF)).json["token"])


async def add(api: str, token: str, query: str = "", session: str = "S"):
    return (await ask(f"{api}/proxy/{token}/{session}/add?{query}")).json


class TestBoth:
    """What the hardening left as it was."""

    async def test_status_and_list(self, either):
        """[1, 2]"""
        assert (await ask(f"{either}/status")).json == {"api_version": "v1"}
        answer = await ask(f"{either}/")
        assert (answer.json, answer["content-type"]) == ([], JSON)

    async def test_an_unknown_path_and_broken_json_are_pages(self, either):
        """Protocol 2."""
        answer = await ask(f"{either}/v2/conf", "POST", {"a": 1})
        assert (answer.status, answer.is_page) == (404, True)
        assert b"<pre>Cannot POST /v2/conf</pre>" in answer.body
        answer = await ask(f"{either}/conf", "PUT", b"{nope")
        assert (answer.status, answer.is_page) == (400, True)

    async def test_what_add_answers_for_each_app(self, either):
        """[13, 14, 15]"""
        token = await configured(either)
        opened = await add(either, token)
        port = int(opened["proxy"].rpartition(":")[2])
        assert opened == {
            "code": 200,
            "proxy": f"http://127.0.0.1:{port}",
            "url": f"{either}/redirect?port={port}",
        }
        assert (await ask(f"{either}/")).json == ["S|jupyter"]
        for app in ("sshd", "vnc", "xrdp"):
            opened = await add(either, token, f"app={app}")
            assert isinstance(opened["port"], int)
            assert opened["url"] == f"{either}/{app}?port={opened['port']}&dummy=1"
        opened = await add(either, token, "app=sftp")
        assert "port" not in opened and opened["url"].endswith("&dummy=1")

    async def test_an_app_is_opened_once(self, either):
        """[16]"""
        token = await configured(either)
        opened = await add(either, token, "app=jupyter")
        assert await add(either, token, f"app=jupyter&port={free_port()}") == opened
        assert (await ask(f"{either}/")).json == ["S|jupyter"]

    async def test_a_busy_port_is_left_for_the_next(self, either):
        """[17]"""
        token = await configured(either)
        port = free_port()
        first = await add(either, token, f"app=a&port={port}")
        second = await add(either, token, f"app=b&port={port}")
        assert first["proxy"].endswith(f":{port}")
        assert int(second["proxy"].rpartition(":")[2]) > port

    async def test_check_and_delete(self, either):
        """[22, 23, 25]"""
        token = await configured(either)
        base = f"{either}/proxy/{token}/S"

        async def code(path: str = "") -> int:
            answer = await ask(base + path)
            assert answer.status == 200
            return int(answer.json["code"])

        for app in ("jupyter", "ttyd"):
            await add(either, token, f"app={app}")
        assert await code() == 200
        assert await code("/delete?app=jupyter&permit_key=x") == 200
        assert (await ask(f"{either}/")).json == ["S|ttyd"]
        assert [await code("/delete"), await code("/delete"), await code()] == [200, 404, 404]

    async def test_stopping_closes_the_listener(self, either):
        token = await configured(either)
        port = int((await add(either, token))["proxy"].rpartition(":")[2])
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.transport.abort()
        await ask(f"{either}/proxy/{token}/S/delete")
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)

    async def test_arguments_that_are_no_json_are_never_answered(self, either):
        """[32] is about the gateway; protocol 2.4 says what upstream does."""
        token = await configured(either)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await ask(f"{either}/proxy/{token}/S/add?envs=%7B")


class TestClassic:
    """What any web page could do until mid 2026 (protocol 12)."""

    async def test_it_wants_a_configuration_and_no_token(self, classic):
        """[3, 4]"""
        for path in ("", "/add", "/delete"):
            answer = await ask(f"{classic}/proxy/x/S{path}")
            assert (answer.status, answer.json) == (200, {"code": 401})
        assert await configured(classic) == "local"
        assert (await add(classic, "AKIAANYTHING"))["code"] == 200

    async def test_every_origin_may(self, classic):
        """Protocol 2.7."""
        answer = await ask(f"{classic}/status", Origin="https://evil.example")
        assert answer["access-control-allow-origin"] == "*"
        answer = await ask(
            f"{classic}/conf",
            "OPTIONS",
            Origin="https://evil.example",
            Access_Control_Request_Headers="content-type",
        )
        assert answer.status == 204
        assert answer["access-control-allow-methods"] == "GET,HEAD,PUT,PATCH,POST,DELETE"
        assert answer["access-control-allow-headers"] == "content-type"

    async def test_it_redirects_to_anywhere_of_this_machine(self, classic):
        """Protocol 2.6."""
        answer = await ask(f"{classic}/redirect?port=1&redirect=/lab/<proxy-host>")
        assert answer.status == 302
        assert answer["location"] == "http://127.0.0.1:1/lab/<proxy-host>"
        answer = await ask(f"{classic}/redirect?port=x@evil.example&redirect=//evil")
        assert answer["location"] == "http://127.0.0.1:x@evil.example//evil"

    async def test_its_pages_say_what_they_were_told(self, classic):
        answer = await ask(f'{classic}/sftp?port=1"><script>')
        assert b"<script>" in answer.body and b"sftp://upload@127.0.0.1" in answer.body
        for page in ("vnc", "xrdp", "sshd"):
            assert (await ask(f"{classic}/{page}?port=1")).status == 404


class TestBefore2022:
    @pytest.fixture
    async def oldest(self):
        async with standin(proxies()["node-2021"]) as addresses:
            yield addresses.api

    async def test_down_ends_one_app_and_delete_all(self, oldest):
        """[24], protocol 2.5"""
        await configured(oldest)
        for app in ("jupyter", "ttyd"):
            await add(oldest, "local", f"app={app}")
        base = f"{oldest}/proxy/local/S"
        for query, code in (("?app=jupyter", 200), ("?app=jupyter", 404), ("", 404)):
            assert (await ask(f"{base}/down{query}")).json == {"code": code}
        await add(oldest, "local", "app=jupyter")
        assert (await ask(f"{base}/delete?app=jupyter")).json == {"code": 200}
        assert (await ask(f"{oldest}/")).json == []

    async def test_what_it_did_not_have(self, oldest):
        """Protocol 2.2, 2.4."""
        assert (await ask(f"{oldest}/status")).status == 404
        await configured(oldest)
        opened = await add(oldest, "local", "app=xrdp")
        assert "/redirect?port=" in opened["url"] and "://localhost:" in opened["proxy"]


class TestHardened:
    async def test_its_token_is_its_own_for_as_long_as_it_runs(self, hardened):
        """[5]"""
        token = await configured(hardened)
        assert len(token) == 43 and await configured(hardened) == token
        async with standin(HARDENED) as other:
            assert await configured(other.api) != token

    async def test_a_wrong_token_is_403_before_anything_else(self, hardened):
        """[7, 8]"""
        for token in ("local", "%20", "x" * 43):
            for path in ("", "/add", "/delete"):
                answer = await ask(f"{hardened}/proxy/{token}/S{path}")
                assert (answer.status, answer.json) == (403, {"code": 403})

    async def test_the_right_token_and_an_unknown_session(self, hardened):
        """[9]"""
        token = await configured(hardened)
        answer = await ask(f"{hardened}/proxy/{token}/S/delete")
        assert (answer.status, answer.json) == (200, {"code": 404})

    async def test_a_foreign_origin_configures_nothing(self, hardened):
        """[6, 11]"""
        evil = {"Origin": "https://evil.example"}
        answer = await ask(f"{hardened}/conf", "PUT", CONF, **evil)
        assert (answer.status, answer.json) == (403, {"code": 403})
        assert answer["access-control-allow-origin"] is None
        for origin in ("https://evil.example", "null"):
            answer = await ask(f"{hardened}/status", Origin=origin)
            assert (answer.status, answer["access-control-allow-origin"]) == (200, None)

    @pytest.mark.parametrize(
        "origin", ["http://localhost:5173", "https://x.localhost:1355", "es6://app", "http://[::1]"]
    )
    async def test_origins_of_this_machine_may(self, hardened, origin):
        """[10, 33]"""
        answer = await ask(f"{hardened}/status", Origin=origin)
        assert answer["access-control-allow-origin"] == origin
        assert answer["access-control-allow-credentials"] == "true"
        answer = await ask(f"{hardened}/conf", "OPTIONS", Origin=origin)
        assert answer.status == 204
        assert answer["access-control-allow-methods"] == "GET, PUT, OPTIONS"
        assert answer["access-control-max-age"] == "86400"

    async def test_redirects_are_looked_at(self, hardened):
        """[26, 27]"""
        answer = await ask(f"{hardened}/redirect?port=81&redirect=/lab?token=1")
        assert answer["location"] == "http://127.0.0.1:81/lab?token=1"
        for query in (
            "port=0",
            "port=abc",
            "port=1&redirect=//evil",
            "port=1&redirect=http://evil",
            "port=1&redirect=/a%0Ab",
        ):
            answer = await ask(f"{hardened}/redirect?{query}")
            assert (answer.status, answer.is_page) == (400, True)

    async def test_it_has_pages_for_desktops(self, hardened):
        """[28], protocol 2.6"""
        assert b"vnc://127.0.0.1:5901" in (await ask(f"{hardened}/vnc?port=5901")).body
        assert b"rdp://127.0.0.1:5901" in (await ask(f"{hardened}/xrdp?port=5901")).body
        assert (await ask(f'{hardened}/sftp?port=1"><script>')).status == 400
        assert (await ask(f"{hardened}/sshd?port=1")).status == 404

    @pytest.mark.slow
    async def test_the_601st_request_of_a_minute_is_one_too_many(self, hardened):
        """[31]"""
        token = await configured(hardened)
        said = [(await ask(f"{hardened}/proxy/{token}/S")).status for _ in range(601)]
        assert said == [200] * 600 + [429]
        assert (await ask(f"{hardened}/status")).status == 200


@pytest.mark.parametrize(("row", "again"), [(CLASSIC, True), (HARDENED, False)])
async def test_a_dead_gateway_is_used_again_by_the_classic_one_only(row, again):
    """[18], protocol 2.4, 12."""
    async with v2.new_http() as http:
        proxy = NodeProxy(row.node, http)
        site = await Site(proxy.application()).start()
        token = await configured(site.url)
        opened = await add(site.url, token)
        proxy._gateways["S|jupyter"].stop()
        assert (await add(site.url, token) == opened) is again
        await site.close()
        await proxy.close()


async def test_it_speaks_v1(either):
    async with standin(CLASSIC) as addresses:
        assert (addresses.version, addresses.worker) == (Version.V1, "")
