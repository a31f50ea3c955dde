"""What two real web servers answered to stream requests below ``/func``.

The simulated ones answer so too, directly and behind this gateway in front mode, and what they
receive is what was sent.
"""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pytest

from tests.support.apps import answering, raw_app, unused_port
from tests.support.node import SECRETS, node, settings
from tests.support.recorded_manager import USER
from tests.support.replay import Exchange, Replay, differences, exchanges
from wsproxy.sim.installation import Installation, installation
from wsproxy.sim.traits import ManagerTraits
from wsproxy.sim.world import App, World

ERAS = {"2309": ManagerTraits.M23_09, "2681": ManagerTraits.M26_8}

UPGRADE = (
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
)
"""What the recording leaves out of a handshake."""

COOKIE_OF_STRANGERS = ["no set-cookie"]
"""A stranger gets a new, empty login of the web server of 23.09; the simulated one spares it."""


@dataclass
class Server:
    """``direct`` and ``front``: where the web server and the gateway before it listen."""

    running: Installation
    replay: Replay
    direct: str
    front: str


@contextlib.asynccontextmanager
async def webserver(release: str) -> AsyncIterator[Server]:
    world = World()
    world.add_user(USER)
    world.add_group("default")
    async with raw_app(answering()) as app:
        apps = [App(name, app.host, app.port) for name in ("jupyter", "ttyd", "sshd")]
        apps.append(App("dead", app.host, await unused_port()))
        session = world.add_session("work", "default", USER.access_key, *apps)
        async with installation(world, ERAS[release]) as running:
            manager = {"endpoint": running.webserver, "forward": True}
            async with node(settings(manager=manager, v2={**SECRETS})) as gateway:
                login = world.log_in(USER.access_key)
                number = ("1", "1") if release == "2309" else ("2", "5")
                values = {f"{{uuid{number[0]}}}": str(session.id), f"{{login{number[1]}}}": login}
                places = [url.partition("://")[2] for url in (running.webserver, gateway.api)]
                yield Server(running, Replay(values), *places)


ROWS = [
    (release, one)
    for release in ERAS
    for one in exchanges("webserver-stream", f"stream_via_webserver_{release}")
]


@pytest.mark.parametrize("through", [False, True], ids=["direct", "front"])
@pytest.mark.parametrize(("release", "one"), ROWS, ids=[one.name[22:60] for _, one in ROWS])
async def test_answers_have_the_recorded_shape(release: str, one: Exchange, through: bool) -> None:
    async with webserver(release) as server:
        place = server.front if through else server.direct
        stream = "proxy?" in one.target
        fields = (("Host", place), *one.fields, *(UPGRADE if stream else ()))
        given = await server.replay.send(replace(one, to=place, fields=fields))
        found = differences(one, given)
        strange = one.status == 401 and release == "2309"
        assert found == (COOKIE_OF_STRANGERS if strange else [])
        seen = server.running.record.of(one.method, one.target.partition("?")[0][:6], "webserver")
        assert [request.target for request in seen] == [server.replay.fill(one.target)]
        for name, value in one.fields:
            assert seen[0].headers[name] == server.replay.fill(value)
        assert seen[0].headers["Host"] == place
        if stream:
            assert seen[0].headers["Sec-WebSocket-Key"] == dict(UPGRADE)["Sec-WebSocket-Key"]
