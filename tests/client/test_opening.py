"""Opening an app from outside: v2 through a coordinator, v1 through a local gateway, or neither."""

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from tests.support.installations import (
    LOGIN,
    ONE,
    Answer,
    SmallManager,
    problem,
    serving,
)
from wsproxy.client import Client, ClientRules, Configuration, ListenerNeeded, NotOpened, Opened
from wsproxy.compat.zoo.table import ANIMALS, Animal
from wsproxy.core.circuit import Transport
from wsproxy.core.configuration import AuthMode, Mode
from wsproxy.core.wire import Version

APPS: list[dict[str, Any]] = [
    {"name": "jupyter", "protocol": "http", "ports": [8080]},
    {"name": "sshd", "protocol": "tcp", "ports": [2200]},
]
TOKEN = "33333333-aaaa-4111-8111-111111111111"


@dataclass
class Proxy:
    """A coordinator and a local gateway at once; remembers what it was asked."""

    url: str = ""
    asked: list[str] = field(default_factory=list)
    confs: list[dict[str, Any]] = field(default_factory=list)
    accepts: list[str] = field(default_factory=list)
    override: dict[str, Answer] = field(default_factory=dict)

    async def handle(self, request: web.Request) -> web.Response:
        self.asked.append(f"{request.method} {request.raw_path}")
        self.accepts.append(request.headers.get("Accept", ""))
        for part, (status, body) in self.override.items():
            if part in request.raw_path:
                return web.Response(status=status, body=body)
        return web.json_response(await self._document(request))

    async def _document(self, request: web.Request) -> dict[str, Any]:
        match request.path.split("/")[1:]:
            case ["status"]:
                return {"api_version": "v1"}
            case ["conf"]:
                self.confs.append(await request.json())
                return {"token": "tok"}
            case ["proxy", "tok", _, "add"]:
                place = self.url.rpartition(":")[0] + ":4001"
                return {"code": 200, "proxy": place, "url": f"{self.url}/redirect?port=4001"}
            case ["scaling-groups", _, "wsproxy-version"]:
                return {"wsproxy_version": "v1", "reason": "address-silent", "degraded": True}
            case ["v2", "proxy", _, _, "add"]:
                protocol = request.query["protocol"]
                return {"code": 200, "url": f"{self.url}/v2/proxy/auth?protocol={protocol}"}
            case ["v2", "proxy", "auth"]:
                page = f"{self.url}/setup?token=jwt&protocol={request.query['protocol']}"
                return {"redirect_url": page, "reuse": False}
            case ["setup"]:
                gateway = "tcp%3A%2F%2Fworker%3A10201"
                text = f"http://localhost:45678/start?directTCP=true&gateway={gateway}"
                return {"redirect": text, "redirectURI": text}
            case _:
                raise web.HTTPNotFound


@pytest.fixture
async def proxy():
    running = Proxy()
    async with serving(running.handle) as running.url:
        yield running


@pytest.fixture
async def manager(manager: SmallManager, proxy: Proxy) -> SmallManager:
    """Its group is a v2 one, at ``proxy``."""
    manager.apps = APPS
    started = {"token": TOKEN, "wsproxy_addr": proxy.url}
    manager.start = (200, json.dumps(started).encode())
    manager.version = (200, b'{"wsproxy_version": "v2"}')
    return manager


NOT_SILENT = {name: animal for name, animal in ANIMALS.items() if animal.reason != "address-silent"}
V1_ONLY = problem(503, "service-unavailable", "No coordinator configured")


async def opened(who: Configuration, app: str = "jupyter", session: str = ONE, **more: Any) -> Any:
    gateway = more.pop("gateway", "")
    rules = ClientRules(patience=more.pop("patience", 10.0))
    async with Client(who, gateway, rules=rules) as client:
        return await client.open_app(session, app, **more)


class TestV2:
    @pytest.mark.parametrize("group", ["", "gpu"])
    async def test_an_http_app(self, manager: SmallManager, proxy: Proxy, group):
        found = await opened(manager.api(), group=group, project="my project")
        assert isinstance(found, Opened)
        assert (found.version, found.reason) == (Version.V2, "confirmed")
        assert found.url == f"{proxy.url}/setup?token=jwt&protocol=http"
        assert f"http://{found.host}:{found.port}" == proxy.url
        assert proxy.asked == [
            f"GET /v2/proxy/{TOKEN}/{ONE}/add?app=jupyter&protocol=http",
            "GET /v2/proxy/auth?protocol=http",
        ]
        assert set(proxy.accepts) == {"application/json"}
        versions = [target for target in manager.targets() if "wsproxy-version" in target]
        asked = ["/scaling-groups/gpu/wsproxy-version?group=my%20project"]
        assert versions == (asked if group else [])

    async def test_a_tcp_app(self, manager: SmallManager):
        found = await opened(manager.api(), "sshd")
        assert found == Opened(Version.V2, "confirmed", "", "worker", 10201)

    async def test_session_mode_gives_the_way_back(self, manager: SmallManager):
        """start-service gets the login session, for the fall back through the web server."""
        found = await opened(manager.login())
        assert isinstance(found, Opened) and found.version is Version.V2
        [start] = [asked for asked in manager.asked if asked.target.endswith("start-service")]
        assert start.body == {"app": "jupyter", "login_session_token": LOGIN}

    async def test_a_name_becomes_an_id(self, manager: SmallManager, proxy: Proxy):
        assert isinstance(await opened(manager.api(), session="one"), Opened)
        assert f"/{ONE}/add" in proxy.asked[0]

    async def test_a_name_that_nobody_resolves_is_used_as_it_is(
        self, manager: SmallManager, proxy: Proxy
    ):
        manager.override = lambda method, path: (404, b"") if "match" in path else None
        assert isinstance(await opened(manager.api(), session="one"), Opened)
        assert "/one/add" in proxy.asked[0]


class TestV1:
    async def test_through_a_gateway(self, manager: SmallManager, proxy: Proxy):
        manager.start = V1_ONLY
        found = await opened(manager.api(), gateway=proxy.url, port=4000)
        url = f"{proxy.url}/redirect?port=4001"
        assert found == Opened(Version.V1, "address-not-set", url, "127.0.0.1", 4001)
        assert proxy.asked == [
            "GET /status",
            "PUT /conf",
            f"GET /proxy/tok/{ONE}/add?app=jupyter&protocol=http&port=4000",
        ]
        assert proxy.confs == [
            {
                "endpoint": manager.url,
                "mode": "API",
                "api_version": 8,
                "access_key": "AKUSER",
                "secret_key": "secret-of-the-user",
            }
        ]

    async def test_a_tcp_app_in_session_mode(self, manager: SmallManager, proxy: Proxy):
        manager.start = V1_ONLY
        found = await opened(manager.login(AuthMode.HEADER), "sshd", gateway=proxy.url)
        assert found == Opened(Version.V1, "address-not-set", "", "127.0.0.1", 4001)
        [conf] = proxy.confs
        assert (conf["mode"], conf["session"], conf["auth_mode"]) == ("SESSION", LOGIN, "header")

    async def test_where_the_gateway_knows_the_group_its_report_counts(
        self, manager: SmallManager, proxy: Proxy
    ):
        found = await opened(manager.api(), gateway=proxy.url, group="gpu", project="p")
        assert isinstance(found, Opened)
        assert (found.version, found.reason) == (Version.V1, "address-silent")
        assert proxy.asked[0] == "GET /scaling-groups/gpu/wsproxy-version?group=p"
        assert not [target for target in manager.targets() if "start-service" in target]

    @pytest.mark.parametrize(
        "answer",
        [
            (404, b'{"wsproxy_version": "v1", "reason": "group-not-found"}'),
            (500, b"<h1>"),
        ],
    )
    async def test_else_the_managers_does(self, manager: SmallManager, proxy: Proxy, answer):
        proxy.override["wsproxy-version"] = answer
        found = await opened(manager.api(), gateway=proxy.url, group="gpu")
        assert isinstance(found, Opened) and found.version is Version.V2

    async def test_the_manager_says_v1(self, manager: SmallManager):
        manager.version = problem(500, "appproxy-connection-error")
        found = await opened(manager.api(), group="gpu")
        assert found == ListenerNeeded("manager-cannot-reach-address", Transport.HTTP)

    async def test_without_a_gateway_a_listener_is_needed(self, manager: SmallManager):
        manager.start = V1_ONLY
        assert await opened(manager.api(), "sshd") == ListenerNeeded(
            "address-not-set", Transport.TCP
        )

    @pytest.mark.parametrize(
        ("path", "answer", "code"),
        [
            ("/status", (200, b"<h1>"), "gateway-not-a-wsproxy"),
            ("/status", (503, b'{"api_version": "v1"}'), "gateway-not-a-wsproxy"),
            ("/status", (200, b'{"api_version": "v9"}'), "gateway-not-a-wsproxy"),
            ("/conf", (403, b'{"code": 403}'), "gateway-refuses-conf"),
            ("/add", (200, b'{"code": 500}'), "gateway-cannot-open"),
        ],
    )
    async def test_a_gateway_that_does_not_open(
        self, manager: SmallManager, proxy: Proxy, path, answer, code
    ):
        manager.start = V1_ONLY
        proxy.override[path] = answer
        found = await opened(manager.api(), gateway=proxy.url)
        assert isinstance(found, ListenerNeeded) and found.gateway_fault is not None
        assert found.gateway_fault.code == code

    @pytest.mark.parametrize(
        ("address", "code"),
        [
            ("http://192.0.2.1:5050", "gateway-not-local"),
            ("http://gateway.example:5050", "gateway-not-local"),
            ("https://gateway.example:5050", "gateway-not-local"),
            ("gateway", "gateway-malformed"),
        ],
    )
    async def test_secrets_stay_on_this_machine(self, manager: SmallManager, address, code):
        manager.start = V1_ONLY
        found = await opened(manager.api(), gateway=address)
        assert isinstance(found, ListenerNeeded) and found.gateway_fault is not None
        assert found.gateway_fault.code == code

    @pytest.mark.parametrize("animal", ["refuse", "close", "reset", "html", "500", "redirect"])
    async def test_no_secret_reaches_what_is_no_gateway(self, manager: SmallManager, animal):
        manager.start = V1_ONLY
        async with ANIMALS[animal]() as address:
            found = await opened(manager.api(), gateway=address)
        assert isinstance(found, ListenerNeeded) and found.gateway_fault is not None

    async def test_a_gateway_that_breaks_later(self, manager: SmallManager):
        """It says it is one, and hangs up on the configuration."""
        manager.start = V1_ONLY
        for fatal in ("/conf", "/add"):

            async def handle(request: web.Request, fatal: str = fatal) -> web.Response:
                if fatal in request.path:
                    assert request.transport is not None
                    request.transport.abort()
                return web.json_response({"api_version": "v1", "token": "t"})

            async with serving(handle) as url:
                found = await opened(manager.api(), gateway=url)
            assert isinstance(found, ListenerNeeded) and found.gateway_fault is not None
            assert found.gateway_fault.code == "gateway-refused"


class TestFailures:
    @pytest.mark.parametrize("animal", NOT_SILENT.values(), ids=NOT_SILENT)
    async def test_every_wrong_address_of_the_group_degrades(
        self, manager: SmallManager, animal: Animal
    ):
        """The manager hands out an address that is wrong for us: v1 is the way, and why is told."""
        async with animal() as address:
            started = {"token": TOKEN, "wsproxy_addr": address}
            manager.start = (200, json.dumps(started).encode())
            found = await opened(manager.api())
        assert isinstance(found, ListenerNeeded)
        assert found.reason.startswith(("address-", "manager-not-a-manager"))
        if animal.reason.startswith(("address-answers", "address-unres", "address-refused")):
            assert found.reason == animal.reason

    async def test_a_silent_address_degrades(
        self, manager: SmallManager, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr("wsproxy.client.opening.STEP", 0.3)
        async with ANIMALS["hang"]() as address:
            started = {"token": TOKEN, "wsproxy_addr": address}
            manager.start = (200, json.dumps(started).encode())
            found = await opened(manager.api())
        assert found == ListenerNeeded("address-silent", Transport.HTTP)

    @pytest.mark.parametrize("step", ["/add", "/auth", "/setup"])
    async def test_every_step_can_fail(self, manager: SmallManager, proxy: Proxy, step):
        proxy.override[step] = problem(503, "appproxy/worker-not-available")
        found = await opened(manager.api(), "sshd")
        assert found == ListenerNeeded("appproxy/worker-not-available", Transport.TCP)

    async def test_an_app_that_hangs_up_at_setup(self, manager: SmallManager, proxy: Proxy):
        async with ANIMALS["close"]() as address:
            proxy.override["/auth"] = (
                200,
                json.dumps({"redirect_url": f"{address}/setup"}).encode(),
            )
            found = await opened(manager.api(), "sshd")
        assert found == ListenerNeeded("address-refused", Transport.TCP)

    @pytest.mark.parametrize(
        ("app", "session", "code"),
        [
            ("lab", ONE, "app-not-found"),
            ("jupyter", "no-such", "object-not-found"),
            ("jupyter", "..", "session-malformed"),
        ],
    )
    async def test_no_such_app_or_session(self, manager: SmallManager, app, session, code):
        found = await opened(manager.api(), app, session)
        assert isinstance(found, NotOpened) and found.fault.code == code
        assert not found.unreachable

    async def test_a_service_that_is_refused(self, manager: SmallManager):
        manager.start = problem(400, "generic-bad-request", "Not for inference apps.")
        found = await opened(manager.api())
        assert isinstance(found, NotOpened) and found.fault.code == "generic-bad-request"

    async def test_a_manager_that_stops_between_the_questions(self, manager: SmallManager):
        async def handle(request: web.Request) -> web.StreamResponse:
            if "apps" in request.path:
                return await manager.handle(request)
            assert request.transport is not None
            request.transport.abort()
            return web.Response()

        async with serving(handle) as url:
            who = Configuration(url, Mode.API, "AKUSER", "secret-of-the-user", api_version=8)
            for group in ("", "gpu"):
                found = await opened(who, group=group)
                assert found == ListenerNeeded("manager-refused", Transport.HTTP)

    @pytest.mark.parametrize("animal", ANIMALS.values(), ids=ANIMALS)
    async def test_every_wrong_manager_is_said(self, animal: Animal):
        patience = 0.5 if animal.reason == "address-silent" else 10.0
        async with animal() as address:
            who = Configuration(address, Mode.API, "AK", "secret", api_version=8)
            found = await opened(who, patience=patience)
        assert isinstance(found, NotOpened) and found.fault.detail
        if animal.name in ("refuse", "hang", "unresolvable", "reset"):
            assert found.unreachable
