"""Case 90: secrets never appear in logs, the URL query of the access log included."""

import io
from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.support import node as support
from wsproxy.observe import logs


@pytest.fixture
def log() -> io.StringIO:
    """Everything that the process logs, from debug on, as ``serve`` would write it."""
    stream = io.StringIO()
    logs.setup("debug", "text", stream)
    return stream


async def _app(request: web.Request) -> web.Response:
    return web.Response(text="the app")


async def test_case_90_no_secret_of_a_v2_app_is_logged(log: io.StringIO) -> None:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", _app)
    async with TestServer(app) as server, support.node(support.settings()) as node:
        assert server.port is not None
        opened = await node.open(server.port, login_session_token="LOGINSESSION")
        setup = await node.auth(opened.token, opened.session)
        jwt = parse_qs(urlsplit(setup["redirect_url"]).query)["token"][0]
        query = f"?token={jwt}&secret=QUERYSECRET"
        headers = {"Cookie": opened.cookie, "Authorization": "Bearer HEADERSECRET"}
        seen = await node.get(f"{opened.url}/lab{query}", headers=headers)
        assert seen.body == b"the app"
        refused = await node.get(f"{opened.url}/lab{query}", headers={"Cookie": "x=COOKIESECRET"})
        assert refused.status == 401
        broken = await node.get("/v2/proxy/auth?token=GARBAGETOKEN&session_id=x&app=y")
        assert broken.status >= 400
        await server.close()
        gone = await node.get(f"{opened.url}/lab{query}", headers=headers)
        assert gone.status == 502
    text = log.getvalue()
    assert "wsproxy.access" in text
    assert "target=/lab?" in text
    permit = opened.cookie.partition("=")[2].strip('"')
    secrets = [*support.SECRETS.values(), opened.token, jwt, permit, "SECRET", "GARBAGETOKEN"]
    assert [secret for secret in secrets if secret in text] == []
