"""A whole gateway for tests, and the steps of a client against it."""

import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import aiohttp
from multidict import CIMultiDictProxy

from wsproxy.app import Gateway, running
from wsproxy.config.settings import Settings

SECRETS = {"api-secret": "a" * 16, "jwt-secret": "b" * 16, "permit-secret": "c" * 16}
JSON = {"Accept": "application/json"}


def settings(**sections: Mapping[str, Any] | None) -> Settings:
    """A v2 gateway on free ports of loopback that may reach apps on loopback.

    ``sections`` are merged into the file, one level deep; ``v2=None`` makes it a v1 gateway.
    """
    document: dict[str, Any] = {
        "gateway": {"bind": "127.0.0.1:0", "admin-bind": "", "grace": 2.0},
        "v2": {**SECRETS, "ports": "20000-29999", "targets": ["127.0.0.0/8", "::1/128"]},
    }
    for name, values in sections.items():
        if values is None:
            document.pop(name, None)
        else:
            document[name] = {**document.get(name, {}), **values}
    return Settings.model_validate(document)


@dataclass(frozen=True, slots=True)
class Got:
    """An answer, read whole."""

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(slots=True)
class Node:
    """A running gateway and a client without a cookie jar."""

    gateway: Gateway
    http: aiohttp.ClientSession

    @property
    def api(self) -> str:
        return self.gateway.addresses.api

    async def get(self, path: str, **options: Any) -> Got:
        return await self.ask("GET", path, **options)

    async def ask(self, method: str, path: str, **options: Any) -> Got:
        """One request to the API, or to a whole URL; redirects are not followed."""
        url = path if path.startswith("http") else self.api + path
        async with self.http.request(method, url, allow_redirects=False, **options) as response:
            return Got(response.status, response.headers, await response.read())

    async def announce(self, port: int, session: str, **more: Any) -> str:
        """``/v2/conf`` as a manager sends it; the start token."""
        body = {
            "login_session_token": None,
            "kernel_host": "127.0.0.1",
            "kernel_port": port,
            "session": {
                "id": session,
                "user_uuid": str(uuid4()),
                "group_id": str(uuid4()),
                "access_key": "AKTEST",
                "domain_name": "default",
            },
            **more,
        }
        async with self.http.post(self.api + "/v2/conf", json=body) as response:
            document = await response.json()
            assert response.status == 200, document
            return str(document["token"])

    async def auth(self, token: str, session: str, **query: str) -> dict[str, Any]:
        """``add`` and ``auth`` as the WebUI does; the answer of auth."""
        query = {"app": "jupyter", "protocol": "http", **query}
        added = await self.get(f"/v2/proxy/{token}/{session}/add", params=query)
        document = added.json
        assert added.status == 200, document
        answer = await self.get(document["url"], headers=JSON)
        result: dict[str, Any] = answer.json
        assert answer.status == 200, result
        return result

    async def open(self, port: int, session: str = "", **query: str) -> "OpenApp":
        """The whole way to an HTTP app of v2: its address and its permit."""
        session = session or str(uuid4())
        token = await self.announce(port, session)
        opened = await self.auth(token, session, **query)
        page = await self.get(opened["redirect_url"])
        assert page.status == 302, page.body
        cookie = page.headers["Set-Cookie"].partition(";")[0]
        return OpenApp(page.headers["Location"].rstrip("/"), cookie, session, token)

    async def open_tcp(self, port: int, session: str = "", **query: str) -> tuple[str, int]:
        """The whole way to a raw app of v2: where it is told to be."""
        session = session or str(uuid4())
        token = await self.announce(port, session)
        query = {"app": "sshd", "protocol": "tcp", **query}
        opened = await self.auth(token, session, **query)
        page = await self.get(opened["redirect_url"])
        assert page.status == 200, page.body
        told = parse_qs(urlsplit(page.json["redirectURI"]).query)["gateway"][0]
        place = urlsplit(told)
        assert place.hostname and place.port
        return place.hostname, place.port


@dataclass(frozen=True, slots=True)
class OpenApp:
    """Where an app is, and the Cookie field that opens it."""

    url: str
    cookie: str
    session: str
    token: str

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])


@contextlib.asynccontextmanager
async def node(
    config: Settings | None = None, trust: ssl.SSLContext | None = None
) -> AsyncIterator[Node]:
    """A running gateway; when the block ends nothing of it is left.

    ``trust``: what its client checks certificates with.
    """
    async with running(config or settings()) as gateway:
        connector = aiohttp.TCPConnector(ssl=trust or True)
        jar = aiohttp.DummyCookieJar()
        async with aiohttp.ClientSession(connector=connector, cookie_jar=jar) as http:
            yield Node(gateway, http)
