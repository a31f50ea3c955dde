"""Bugs of managers, web servers and user interfaces that the gateway lives with (protocol 12).

Those of the version query are in ``test_versions``, those of deleting in ``test_deletion``.
"""

import json
import os

import pytest

from tests.support import streams
from tests.support.apps import eventually, exchange, raw_app, raw_client
from tests.support.node import node, settings
from tests.support.v1_gateway import SID, Options, port_of, v1_gateway
from wsproxy.core.v1pages import raw_answer
from wsproxy.data.v1 import V1Rules

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
WEB_SERVER_TAKES = 4 << 20
"""Bytes of one message; aiohttp's default."""


async def test_bug_web_servers_hide_every_refusal_behind_502():
    """It may be an app that starts, so the page waits, but not for ever; the number is shown."""
    async with v1_gateway() as g:
        g.manager.script(streams.status(502))
        await g.conf(g.session_conf())
        port = port_of(await g.add())
        pages = [await exchange(port, GET) for _ in range(7)]
    assert all(page.startswith(b"HTTP/1.1 503 ") and b"502" in page for page in pages)
    assert b"refresh" in pages[0] and b"refresh" not in pages[-1]


async def test_bug_web_servers_lose_close_codes():
    """A dead app is a close without a reason, or silence; the client is never left waiting."""
    for step in (streams.close(1000), streams.drop(), streams.silent):
        async with v1_gateway(options=Options(listener=V1Rules(first_byte=0.2))) as g:
            g.manager.script(step)
            await g.conf(g.session_conf())
            answer = await exchange(port_of(await g.add()), GET)
        assert answer.startswith(raw_answer("")[:32])


async def test_bug_web_servers_refuse_messages_of_more_than_4_mib():
    body = os.urandom(3 * WEB_SERVER_TAKES // 2)
    async with v1_gateway() as g:
        await g.conf(g.session_conf())
        async with raw_client(port_of(await g.add(app="sshd"))) as client:
            await client.send(body)
            assert await client.size(len(body)) == body
    assert 0 < g.manager.largest_frame <= WEB_SERVER_TAKES


@pytest.mark.parametrize("text", ["null", "", "%7B%7D"])
async def test_bug_user_interfaces_send_the_text_null_for_no_arguments(text):
    query = f"envs={text}&args={text}"
    async with v1_gateway() as g:
        await g.conf()
        assert (await g.add(query="&" + query))["code"] == 200
        async with raw_client(port_of(await g.add())) as client:
            await client.send(b"x")
            await client.size(1)
        assert g.manager.requests[0].query_string == "app=jupyter"
    async with raw_app() as app, node() as gateway:
        token = await gateway.announce(app.port, SID)
        opened = await gateway.get(f"/v2/proxy/{token}/{SID}/add?app=x&protocol=http&{query}")
        assert opened.json["code"] == 200


async def test_bug_environments_of_start_service_are_an_object_and_stay_one():
    """Managers want text there; that is between the two, the front rebuilds nothing."""
    sent = json.dumps({"app": "x", "envs": {"A": "1"}, "arguments": "null"}, indent=1).encode()
    async with raw_app() as behind:
        manager = {"endpoint": f"http://127.0.0.1:{behind.port}", "forward": True}
        async with node(settings(manager=manager)) as gateway:
            await gateway.ask("POST", f"/session/{SID}/start-service", data=sent)
        await eventually(lambda: behind.received.endswith(b"\r\n\r\n" + sent), "the same body")
