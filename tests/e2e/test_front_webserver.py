"""Front mode before a web server: logins by cookie and header, ``/func``, streams, deletions."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from tests.support.apps import eventually, raw_client, unused_port
from tests.support.node import SECRETS, Node, node, settings
from wsproxy.core.wire import SPEAKER_HEADER, VERSION_HEADER
from wsproxy.sim.echo import Echo
from wsproxy.sim.installation import Installation, installation
from wsproxy.sim.traits import ManagerTraits as Era
from wsproxy.sim.webserver import COOKIE, HEADER
from wsproxy.sim.world import App, Keypair, Session, World

USER = Keypair("AKIAUSER", "secret-of-the-user")


@dataclass(slots=True)
class Front:
    """The gateway before a web server, and a user who is logged in there."""

    node: Node
    installation: Installation
    session: Session
    login: str

    @property
    def by_cookie(self) -> dict[str, str]:
        return {"Cookie": f"{COOKIE}={self.login}"}

    @property
    def by_header(self) -> dict[str, str]:
        return {HEADER: self.login}

    def conf(self, how: str) -> dict[str, str]:
        """A ``/conf`` body that leads back to the front itself."""
        return {
            "endpoint": self.node.api,
            "mode": "SESSION",
            "auth_mode": how,
            "session": self.login,
            "api_version": "9.",
        }


@contextlib.asynccontextmanager
async def front(era: Era = Era.M26_8, **v1: bool) -> AsyncIterator[Front]:
    world = World()
    world.add_user(USER)
    world.add_group("local")
    world.add_group("broken", f"http://127.0.0.1:{await unused_port()}")
    echo = await Echo().start()
    try:
        app = App("sshd", "127.0.0.1", echo.port, "tcp")
        session = world.add_session("work", "local", USER.access_key, app)
        async with installation(world, era) as running:
            config = settings(
                manager={"endpoint": running.webserver, "forward": True}, v2={**SECRETS}, v1=v1
            )
            async with node(config) as gateway:
                yield Front(gateway, running, session, world.log_in(USER.access_key))
    finally:
        await echo.close()


REPAIRED = [
    # era of the manager, group, what it says itself, reason we give
    (Era.M26_2, "local", 404, "address-not-set"),
    (Era.M26_2, "broken", 503, "manager-cannot-reach-address"),
    (Era.M26_8, "broken", 500, "manager-cannot-reach-address"),
    (Era.M23_09, "broken", 500, "manager-cannot-reach-address"),
    (Era.M26_8, "unknown", 404, "group-not-found"),
]


@pytest.mark.parametrize(("era", "group", "status", "reason"), REPAIRED)
async def test_the_version_route_is_repaired_below_func(era, group, status, reason):
    async with front(era) as before:
        path = f"/func/scaling-groups/{group}/wsproxy-version?group=default"
        direct = await before.node.get(
            before.installation.webserver + path, headers=before.by_cookie
        )
        assert direct.status == status
        for who in (before.by_cookie, before.by_header):
            answer = await before.node.get(path, headers=who)
            assert (answer.status, answer.json["wsproxy_version"]) == (200, "v1")
            assert answer.json["reason"] == reason
            assert answer.headers[VERSION_HEADER] == "v1"


async def test_logins_and_their_cookies_pass():
    async with front() as before:
        known = next(iter(before.installation.world.keypairs.values()))
        body = {"username": known.email, "password": known.password}
        answer = await before.node.ask("POST", "/server/login", json=body)
        assert answer.json["authenticated"] is True
        assert answer.headers[HEADER] in answer.headers["Set-Cookie"]
        assert SPEAKER_HEADER not in answer.headers


@pytest.mark.parametrize("how", ["cookie", "header"])
async def test_v1_leads_through_the_front_and_a_deletion_ends_it(how):
    async with front() as before:
        token = (await before.node.ask("PUT", "/conf", json=before.conf(how))).json["token"]
        session = str(before.session.id)
        added = await before.node.get(f"/proxy/{token}/{session}/add?app=sshd&protocol=tcp")
        async with raw_client(added.json["port"]) as client:
            assert (await client.until(b"\n")).endswith(b"echo\r\n")  # its greeting
            await client.send(b"hello")
            assert await client.size(5) == b"hello"
            path = f"/func/session/{session}?forced=true"
            refused = await before.node.ask("DELETE", path)
            circuits = before.node.gateway.traffic.circuits
            assert refused.status == 401
            assert circuits.find(session)
            deleted = await before.node.ask("DELETE", path, headers=before.by_cookie)
            assert deleted.status == 200
            assert await client.end() == b""
        await eventually(lambda: not circuits.find(session), "the circuit to be closed")
        gone = await before.node.get(f"/proxy/{token}/{session}")
        assert gone.json == {"code": 404}


async def test_a_webui_that_the_front_serves_names_the_front_as_its_endpoint():
    """For other machines only configured endpoints count, and that is the one behind."""
    async with front(remote=True) as before:
        conf = before.conf("header")
        token = (await before.node.ask("PUT", "/conf", json=conf)).json["token"]
        added = await before.node.get(f"/proxy/{token}/{before.session.id}/add?app=sshd")
        async with raw_client(added.json["port"]) as client:
            assert (await client.until(b"\n")).endswith(b"echo\r\n")
        refused = {**conf, "endpoint": "http://127.0.0.1:1"}
        assert (await before.node.ask("PUT", "/conf", json=refused)).status == 403
