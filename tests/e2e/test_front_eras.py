"""Front mode before the manager and before the web server of every release line."""

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote

import aiohttp
import pytest

from tests.support.apps import eventually, raw_client, unused_port
from tests.support.node import SECRETS, Got, Node, node, settings
from wsproxy.compat.eras.managers import managers
from wsproxy.compat.zoo.table import ANIMALS
from wsproxy.core import signing
from wsproxy.sim.echo import Echo
from wsproxy.sim.installation import Installation, installation
from wsproxy.sim.traits import ManagerTraits, NoAddress
from wsproxy.sim.webserver import COOKIE, HEADER
from wsproxy.sim.world import App, Keypair, Session, World

USER = Keypair("AKIAUSER", "secret-of-the-user")
ADMIN = Keypair("AKIAADMIN", "secret-of-the-admin", email="admin@example.com", admin=True)
ERAS = [pytest.param(row.traits, id=name) for name, row in managers().items()]
BEHIND = ["manager", "webserver"]
ASKED = [
    pytest.param(row.traits, behind, id=f"{name}-{behind}")
    for name, row in managers().items()
    for behind in BEHIND
    if behind == "manager" or name in ("manager-22.03", "manager-26.2", "manager-26.4")
]
"""The web server passes the question on; three of them show it."""
ADDED = re.compile(rb"(?im)^(?:X-BackendAI-Wsproxy-Version|Date|Connection):.*\r\n")
DEADLINE = 3.0
FATAL = {"infinite-body"}
"""Animals that a manager would read until its memory is full."""

HANGING = {"hang", "drip", "unanswered", "stalled-body"}
FEW = (
    "healthy-v1",
    "healthy-v2",
    "refuse",
    "hang",
    "close",
    "404",
    "503-with-good-body",
    "json-list",
)
ALL_AT = ("22.03.0", "26.2.0", "26.8.1")
"""Releases that are asked about every animal; the others about a few of each kind."""


@dataclass(slots=True)
class Front:
    """``server``: what the gateway stands before."""

    node: Node
    running: Installation
    session: Session
    webserver: bool
    login: str

    @property
    def server(self) -> str:
        return self.running.webserver if self.webserver else self.running.endpoint

    @property
    def prefix(self) -> str:
        return "/func" if self.webserver else ""

    def fields(
        self, style: str, method: str, target: str, at: str, who: Keypair = USER
    ) -> dict[str, str]:
        """How a client shows who it is, of either kind, to the server at ``at``."""
        if self.webserver:
            header = style == "python" and self.running.era.header_login
            return {HEADER: self.login} if header else {"Cookie": f"a=b; {COOKIE}={self.login}"}
        host = at.removeprefix("http://")
        return signed(style, self.running.era.api_version, who, method, target, host)

    async def ask(self, target: str, style: str = "js", at: str = "", **options: object) -> Got:
        at = at or self.node.api
        fields = self.fields(style, "GET", self.prefix + target, at)
        return await self.node.get(at + self.prefix + target, headers=fields, **options)


def signed(
    style: str, version: str, who: Keypair, method: str, target: str, host: str
) -> dict[str, str]:
    """As the two clients sign: other date fields, other content types (protocol 3.2)."""
    now = datetime.now(UTC)
    if style == "js":
        keypair = signing.Keypair(who.access_key, who.secret_key)
        return dict(signing.signed_fields(keypair, method, target, host, now, version))
    covered = signing.ToSign(
        method, target, host, now.isoformat(), signing.DEFAULT_CONTENT_TYPE, version
    )
    sign = signing.signature(who.secret_key, covered, now.strftime("%Y%m%d"))
    return {
        "Date": covered.date,
        "X-BackendAI-Version": version,
        "X-BackendAI-Domain": "default",
        "Authorization": f"BackendAI signMethod=HMAC-SHA256, credential={who.access_key}:{sign}",
    }


@contextlib.asynccontextmanager
async def front(
    era: ManagerTraits, behind: str, groups: Mapping[str, str | None] | None = None
) -> AsyncIterator[Front]:
    world = World()
    world.add_user(USER)
    world.add_user(ADMIN)
    world.add_group("local")
    for name, address in (groups or {}).items():
        world.add_group(name, address)
    echo = await Echo().start()
    try:
        apps = (
            App("sshd", "127.0.0.1", echo.port, "tcp"),
            App("dead", "127.0.0.1", await unused_port(), "tcp"),
        )
        session = world.add_session("work", "local", USER.access_key, *apps)
        async with installation(world, era, patience=900.0) as running:
            server = running.webserver if behind == "webserver" else running.endpoint
            config = settings(
                manager={"endpoint": server, "forward": True},
                policy={"probe-deadline": DEADLINE},
                v2={**SECRETS},
            )
            async with node(config) as gateway:
                login = world.log_in(USER.access_key)
                yield Front(gateway, running, session, behind == "webserver", login)
    finally:
        await echo.close()


async def raw(at: str, method: str, target: str, fields: Mapping[str, str], body: bytes) -> bytes:
    """The whole answer, without what may differ."""
    host = at.removeprefix("http://")
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in fields.items()]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    async with raw_client(int(host.rpartition(":")[2])) as client:
        await client.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        return ADDED.sub(b"", await client.end())


def questions(before: Front) -> list[tuple[str, str, bytes]]:
    """Method, target and body; the answers of the server itself are of all kinds."""
    session = quote(str(before.session.id))
    start = json.dumps({"app": "sshd"}).encode()
    return [
        ("GET", "/", b""),
        ("GET", f"/session/{session}", b""),
        ("GET", "/session/work?owner_access_key=AKIAUSER", b""),
        ("GET", "/session/_/match?id=wo%72k", b""),
        ("GET", f"/stream/session/{session}/apps", b""),
        ("GET", f"/stream/session/{session}/tcpproxy?app=sshd", b""),  # no upgrade
        ("GET", "/session/no%20such?a=%2B+", b""),
        ("POST", f"/session/{session}/start-service", start),
        ("POST", f"/session/{session}/start-service", b"no json"),
        ("PATCH", "/session/work", b"{}"),
        ("PUT", "/no/such/route", b"x" * 100_000),
        ("DELETE", "/session/no-such?forced=true", b""),
        ("DELETE", "/session/work?owner_access_key=AKIAADMIN", b""),
        ("GET", "/scaling-groups?group=default", b""),
        ("GET", "/resource/presets", b""),
    ]


@pytest.mark.parametrize("style", ["js", "python"])
@pytest.mark.parametrize("behind", BEHIND)
@pytest.mark.parametrize("era", ERAS)
async def test_the_answers_are_those_of_the_server_itself(era, behind, style):
    """Signed for the address that the client talks to, with traces of a proxy before us."""
    traces = {
        "X-Forwarded-For": "203.0.113.9",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "ui.example",
        "Forwarded": "for=203.0.113.9",
    }
    async with front(era, behind) as before:
        for method, path, body in questions(before):
            target = before.prefix + path
            answers = []
            for at in (before.server, before.node.api):
                fields = before.fields(style, method, target, at) | traces
                answers.append(await raw(at, method, target, fields, body))
            assert answers[0] == answers[1], (method, target)
            assert b"401" not in answers[0].partition(b"\r\n")[0], (method, target)
        assert before.session.id in before.running.world.sessions


@pytest.mark.parametrize("behind", BEHIND)
@pytest.mark.parametrize("era", ERAS)
async def test_who_may_not_is_refused_in_the_servers_words(era, behind):
    async with front(era, behind) as before:
        target = before.prefix + "/session/work"
        wrong = before.fields("js", "GET", target, "http://other:1")
        if before.webserver:
            wrong = {"Cookie": f"{COOKIE}=nobody"}
        for fields in ({}, wrong):
            answers = [
                await raw(at, "GET", target, fields, b"") for at in (before.server, before.node.api)
            ]
            assert answers[0] == answers[1]
            assert answers[0].split(b" ")[1] in (b"400", b"401")


@pytest.mark.parametrize(("era", "behind"), ASKED)
async def test_the_version_is_told_whatever_the_group_s_address_does(era, behind):
    """Every animal of the zoo as the address; those that hang cost the manager minutes."""
    async with contextlib.AsyncExitStack() as stack:
        groups: dict[str, str | None] = {"no-address": None, "blank": ""}
        every = behind == "manager" and era.release in ALL_AT
        for name in ANIMALS.keys() - FATAL if every else FEW:
            groups[name] = await stack.enter_async_context(ANIMALS[name]())
        before = await stack.enter_async_context(front(era, behind, groups))

        async def direct(name: str) -> Got | None:
            """None: no answer while the front has one long since."""
            path = f"/scaling-groups/{name}/wsproxy-version?group=default"
            timeout = aiohttp.ClientTimeout(total=DEADLINE)
            try:
                return await before.ask(path, at=before.server, timeout=timeout)
            except TimeoutError:
                return None

        async def fronted(name: str) -> Got:
            async with asyncio.timeout(60):  # the manager itself would take 301 or 903 seconds
                return await before.ask(f"/scaling-groups/{name}/wsproxy-version?group=default")

        own = dict(zip(groups, await asyncio.gather(*map(direct, groups)), strict=True))
        hang = [name for name, said in own.items() if said is None]
        answers = dict(zip(hang, await asyncio.gather(*map(fronted, hang)), strict=True))
        for name, said in own.items():
            answer = answers[name] if name in answers else await fronted(name)
            document = answer.json
            assert answer.status == 200, (name, document)
            said_so = said.json["wsproxy_version"] if said and said.status == 200 else None
            if said_so in ("v1", "v2"):
                assert document["wsproxy_version"] == said_so, name
                assert document["degraded"] is False
            elif name in ("no-address", "blank"):
                assert era.no_address is NoAddress.NOT_FOUND, said
                assert document["reason"] == "address-not-set"
            elif said is not None or name in HANGING:
                assert (document["wsproxy_version"], document["degraded"]) == ("v1", True), name
        assert own["hang"] is None
        refused = own["refuse"]
        assert refused is not None and refused.status >= 500
        assert (await fronted("no-such-group")).json["reason"] == "group-not-found"


@pytest.mark.parametrize("behind", BEHIND)
@pytest.mark.parametrize("era", ERAS)
async def test_streams_pass_with_their_close_codes(era, behind):
    async with front(era, behind) as before:
        for kind in ("tcpproxy", "httpproxy"):
            for style in ("js", "python"):
                async with stream(before, kind, "sshd", style) as socket:
                    await socket.send_bytes(b"hello")
                    heard = b""
                    while not heard.endswith(b"hello"):
                        heard += await socket.receive_bytes(timeout=20)
            async with stream(before, kind, "dead", "js") as socket:
                if before.webserver:  # which hides it: 101, and then silence
                    with pytest.raises(TimeoutError):
                        await socket.receive(timeout=0.2)
                else:
                    message = await socket.receive(timeout=20)
                    assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, 1013)
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            async with stream(before, "tcpproxy", "no-such-app", "js"):
                pass
        assert refused.value.status == (502 if before.webserver else 404)


@contextlib.asynccontextmanager
async def stream(
    before: Front, kind: str, app: str, style: str
) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    target = f"{before.prefix}/stream/session/{before.session.id}/{kind}?app={app}"
    fields = before.fields(style, "GET", target, before.node.api)
    async with before.node.http.ws_connect(
        before.node.api + target, headers=fields, max_msg_size=0
    ) as socket:
        yield socket


@pytest.mark.parametrize("by", ["id", "name"])
@pytest.mark.parametrize("behind", BEHIND)
@pytest.mark.parametrize("era", ERAS)
async def test_a_deletion_that_passes_ends_what_the_session_had_open(era, behind, by):
    async with front(era, behind) as before:
        session = str(before.session.id)
        conf = {
            "endpoint": before.running.endpoint,
            "access_key": USER.access_key,
            "secret_key": USER.secret_key,
            "api_version": f"{before.running.era.api_version[1]}.",
        }
        token = (await before.node.ask("PUT", "/conf", json=conf)).json["token"]
        added = await before.node.get(f"/proxy/{token}/{session}/add?app=sshd&protocol=tcp")
        async with raw_client(added.json["port"]) as client:
            await client.until(b"echo\r\n")
            reference = session if by == "id" else "work"
            target = f"{before.prefix}/session/{reference}?forced=true&recursive=true"
            fields = before.fields("python", "DELETE", target, before.node.api)
            said = await before.node.ask("DELETE", target, headers=fields)
            assert said.status == 200, said.body
            await client.end()
        circuits = before.node.gateway.traffic.circuits
        await eventually(lambda: not circuits.find(session), "the circuit to be closed")
        assert before.session.id not in before.running.world.sessions
