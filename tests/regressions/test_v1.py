"""Bugs of the older v1 programs that must not come back (protocol 12, v1; observed 2)."""

import asyncio
import logging

import pytest

from tests.support import streams
from tests.support.apps import exchange, raw_client
from tests.support.v1_gateway import ACCESS, SECRET, SID, Options, port_of, v1_gateway
from wsproxy.api.v1.control import ControlRules
from wsproxy.core.portpool import parse_pool
from wsproxy.data.v1 import V1Rules
from wsproxy.manager.handshake import HandshakeRules
from wsproxy.manager.stream import StreamRules
from wsproxy.manager.tunnel import TunnelRules

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


async def test_bug_any_web_page_could_drive_the_proxy():
    async with v1_gateway() as g:
        await g.conf()
        await g.add()
        for origin in ("https://evil.example", "null"):
            status, body, answer = await g.call("GET", "/", {"Origin": origin})
            assert (status, body) == (200, [])
            assert "Access-Control-Allow-Origin" not in answer.headers
            assert (await g.get(f"/proxy/local/{SID}", Origin=origin))[0] == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize("action", ["", "/add?app=x", "/delete"])
async def test_bug_an_image_of_any_web_page_could_drive_it_with_the_constant_token(site, action):
    """A browser sends no Origin for an image, but it says where the page is."""
    async with v1_gateway(legacy_tokens=True) as g:
        await g.conf()
        await g.add()
        status, _ = await g.get(f"/proxy/local/{SID}{action}", Sec_Fetch_Site=site)
        assert status == 403
        assert (await g.get("/", Sec_Fetch_Site=site))[1] == []
        for own in ("same-origin", "none"):
            assert (await g.get(f"/proxy/local/{SID}", Sec_Fetch_Site=own))[1] == {"code": 200}
        headers = {"Origin": "http://localhost:8080", "Sec-Fetch-Site": site}
        _, body, _ = await g.call("GET", f"/proxy/local/{SID}", headers)
        assert body == {"code": 200}


async def test_bug_open_redirect_and_links_to_arbitrary_local_ports():
    async with v1_gateway() as g:
        await g.conf()
        port = port_of(await g.add())
        for path in ("//evil.example", "/\\evil.example", "http://evil.example"):
            status, _ = await g.get(
                f"/redirect?port={port}&redirect={path.replace(chr(92), '%5C')}"
            )
            assert status == 400
        for page in ("redirect", "sftp", "vnc", "xrdp", "sshd"):
            assert (await g.get(f"/{page}?port=22"))[0] == 400


async def test_bug_a_failed_allocation_leaves_a_zombie():
    rules = ControlRules(pool=parse_pool("abc")[0], host="127.0.0.1")
    async with v1_gateway(options=Options(control=rules)) as g:
        await g.conf()
        assert (await g.add())["code"] == 500
        assert await g.proxy() == (200, {"code": 404})
        assert (await g.add())["code"] == 500


async def test_bug_port_plus_one_of_no_port():
    """``undefined + 1``: no preferred port must mean any port."""
    async with v1_gateway() as g:
        await g.conf()
        for query in ("", "&port=", "&port=abc", "&port=0"):
            assert (await g.add(app=f"a{len(query)}", query=query))["code"] == 200


@pytest.mark.parametrize("name", ["envs", "args"])
async def test_bug_a_literal_percent_hangs_the_request(name):
    async with v1_gateway() as g:
        await g.conf()
        added = await g.add(query=f"&{name}=%7B%22A%22%3A%22100%25%22%7D")
        assert added["code"] == 200


async def test_bug_args_was_sent_under_the_wrong_name():
    async with v1_gateway() as g:
        await g.conf()
        port = port_of(await g.add(query="&args=%7B%22A%22%3A1%7D"))
        async with raw_client(port) as client:
            await client.send(b"x")
            await client.size(1)
        query = g.manager.requests[0].query
        assert query["arguments"] == '{"A":1}'
        assert "args" not in query
        assert "envs" not in query


async def test_bug_one_configuration_for_all_users():
    async with v1_gateway() as g:
        one = await g.conf(g.session_conf())
        await g.add()
        other = await g.conf(g.session_conf(session="f" * 32))
        g.token = other
        assert (await g.proxy())[1] == {"code": 404}
        g.token = one
        assert (await g.proxy())[1] == {"code": 200}


async def test_bug_status_100_with_bare_line_feeds():
    async with v1_gateway() as g:
        g.manager.script(streams.status(500))
        await g.conf()
        answer = await exchange(port_of(await g.add()), GET)
        head = answer.partition(b"\r\n\r\n")[0]
        assert head.startswith(b"HTTP/1.1 503 ")
        assert b"\n" not in head.replace(b"\r\n", b"")


async def test_bug_html_into_protocols_that_are_not_http():
    options = Options(listener=V1Rules(retries=0))
    async with v1_gateway(options=options) as g:
        g.manager.script(streams.status(500))
        await g.conf()
        for start in (b"SSH-2.0-x\r\n", b"\x16\x03\x01\x02\x00", b"\x03\x00\x00\x13", b"RFB 003"):
            assert await exchange(port_of(await g.add("sshd")), start) == b""


async def test_bug_the_limit_was_one_for_all_users_of_a_machine():
    async with v1_gateway(rate_limit=2) as g:
        await g.conf(g.session_conf())
        assert [(await g.proxy())[0] for _ in range(3)] == [200, 200, 429]
        await g.conf(g.session_conf(session="f" * 32))
        assert (await g.proxy())[0] == 200


async def test_bug_sshd_has_no_page():
    async with v1_gateway() as g:
        await g.conf()
        port = port_of(await g.add("sshd"))
        status, body = await g.get(f"/sshd?port={port}&dummy=1")
        assert status == 200
        assert f"ssh -p {port}" in body


async def test_bug_deleting_leaves_tunnels_open():
    async with v1_gateway() as g:
        await g.conf()
        async with raw_client(port_of(await g.add())) as client:
            await client.send(b"x")
            await client.size(1)
            await g.proxy(action="delete", query="app=jupyter")
            assert await client.end() == b""


async def test_bug_a_dead_app_behind_a_web_server_hangs_for_ever():
    """101 and then silence (observed 2)."""
    async with v1_gateway(options=Options(listener=V1Rules(first_byte=0.1))) as g:
        g.manager.script(streams.silent)
        await g.conf(g.session_conf())
        assert (await exchange(port_of(await g.add()), GET)).startswith(b"HTTP/1.1 503 ")


async def test_bug_unescaped_values_in_helper_pages():
    async with v1_gateway() as g:
        await g.conf()
        await g.add()
        for page in ("redirect", "sftp", "vnc", "xrdp", "sshd"):
            status, body = await g.get(f"/{page}?port=%22%3E%3Cscript%3Ealert(1)%3C/script%3E")
            assert status == 400
            assert "<script" not in body


async def test_bug_dead_listeners_were_used_again():
    """The client was led to a port where nobody accepts, and hung."""
    async with v1_gateway() as g:
        await g.conf()
        dead = port_of(await g.add())
        for port in g.listeners._ports.values():
            for server in port.servers:
                server.close()
        with pytest.raises(ConnectionRefusedError):
            await exchange(dead, b"")
        async with raw_client(port_of(await g.add())) as client:
            await client.send(b"x")
            assert await client.size(1) == b"x"


async def test_bug_raw_json_in_the_query_broke_the_signature():
    async with v1_gateway() as g:
        await g.conf()
        query = "&envs=%7B%22A%22%3A%22b%20%5C%22c%5C%22%20%3C%3E%22%7D"
        async with raw_client(port_of(await g.add(query=query))) as client:
            await client.send(b"x")
            await client.size(1)
        request = g.manager.requests[0]
        assert g.manager.signer(request) == ACCESS
        assert request.query["envs"] == '{"A":"b \\"c\\" <>"}'
        assert not set(' "<>{}') & set(request.raw_path)


async def test_bug_a_slash_after_the_endpoint_broke_the_signature():
    async with v1_gateway() as g:
        await g.conf(g.api_conf(endpoint=g.manager.url + "//"))
        async with raw_client(port_of(await g.add())) as client:
            await client.send(b"x")
            await client.size(1)
        assert g.manager.signer(g.manager.requests[0]) == ACCESS
        assert g.manager.requests[0].raw_path.startswith("/stream/")


@pytest.mark.parametrize("mode", ["API", "SESSION"])
async def test_bug_quiet_terminals_were_ended_and_nothing_kept_them_alive(mode):
    """After 60 or 30 seconds; here a ping is less than one, and some of them pass."""
    rules = StreamRules(tunnel=TunnelRules(ping=0.8))
    async with v1_gateway(options=Options(streams=rules)) as g:
        await g.conf(g.api_conf() if mode == "API" else g.session_conf())
        async with raw_client(port_of(await g.add("ttyd"))) as client:
            await client.send(b"x")
            await client.size(1)
            for _ in range(3):
                await g.manager.pings.acquire()
            await client.send(b"y")
            assert await client.size(1) == b"y"
        assert len(g.manager.requests) == 1


@pytest.mark.parametrize(("start", "page"), [(GET, True), (b"SSH-2.0-x\r\n", False)])
async def test_bug_a_handshake_without_an_answer_hung_for_ever(start, page):
    async def hang(manager, request):
        await asyncio.Event().wait()

    rules = StreamRules(handshake=HandshakeRules(answer=0.1))
    async with v1_gateway(options=Options(streams=rules)) as g:
        g.manager.script(hang)
        await g.conf()
        answer = await exchange(port_of(await g.add()), start)
        assert answer.startswith(b"HTTP/1.1 503 ") if page else answer == b""


async def test_bug_no_api_version_led_to_a_path_that_managers_do_not_have():
    async def today(manager, request):
        known = "/stream/session/" in request.path
        return await (streams.echo if known else streams.status(404))(manager, request)

    async with v1_gateway() as g:
        g.manager.script(today)
        conf = g.api_conf()
        del conf["api_version"]
        await g.conf(conf)
        async with raw_client(port_of(await g.add())) as client:
            await client.send(b"x")
            assert await client.size(1) == b"x"


async def test_case_90_secrets_never_reach_the_log(caplog):
    caplog.set_level(logging.DEBUG)
    async with v1_gateway() as g:
        g.manager.script(streams.status(401))
        token = await g.conf()
        await exchange(port_of(await g.add()), GET)
        await g.conf(g.session_conf())
        await exchange(port_of(await g.add()), GET)
        await g.call("PUT", "/conf", json={"endpoint": 5, "secret_key": SECRET})
        logged = caplog.text + "".join(str(record.args) for record in caplog.records)
        for secret in (SECRET, token, g.token, g.session_conf()["session"]):
            assert secret not in logged
