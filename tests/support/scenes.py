"""A scene for players: a session with an app, its installation, and a gateway beside or before."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

from aiohttp import WSMsgType, web
from yarl import URL

from tests.support.installations import serving
from tests.support.node import SECRETS, Node, node, settings
from wsproxy.compat.eras.managers import managers, traits_of
from wsproxy.compat.scene import Play, Scene
from wsproxy.sim.installation import Installation, installation
from wsproxy.sim.world import App, Keypair, Session, World

USER = Keypair("AKIAUSER", "secret-of-the-user")
ADMIN = Keypair("AKIAADMIN", "secret-of-the-admin", admin=True)
MARKER = "this is the app"
GROUP = "pool"


@dataclass(slots=True)
class SceneApp:
    """Answers every path with the marker and echoes at ``/ws``; ``asked`` is what reached it."""

    asked: list[str] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path_qs)
        if request.path != "/ws":
            return web.Response(text=f"<p>{MARKER}</p>", content_type="text/html")
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                self.heard.append(message.data)
                await socket.send_str(message.data)
        return socket


@dataclass(slots=True)
class Theatre:
    """Everything a player meets, and what it left behind."""

    scene: Scene
    running: Installation
    gateway: Node
    session: Session
    app: SceneApp

    @property
    def alive(self) -> bool:
        """Whether the installation still has the session."""
        return self.session.id in self.running.world.sessions

    def elsewhere(self, proxy: str = "", webserver: str = "", manager: str = "") -> None:
        """Let the client's settings name other places."""
        if manager:
            self.scene = replace(self.scene, manager=URL(manager))
        if proxy:
            self.scene = replace(self.scene, proxy=URL(proxy))
        if webserver:
            self.scene = replace(self.scene, webserver=URL(webserver))

    def circuits(self) -> int:
        """How many the gateway still holds for the session."""
        return len(self.gateway.gateway.traffic.circuits.find(self.scene.session))

    def asked(self, server: str = "manager") -> list[tuple[str, str]]:
        """Method and path of every request that reached a server of the installation."""
        return [
            (one.method, one.path) for one in self.running.record.requests if one.server == server
        ]


@contextlib.asynccontextmanager
async def theatre(
    address: str | None = None,
    *,
    v2: bool = False,
    front: str = "",
    origins: tuple[str, ...] = (),
    manager_era: str = "manager-26.4",
) -> AsyncIterator[Theatre]:
    """``address`` is the group's; with ``v2`` it is the gateway's own. ``front``: "manager" or
    "webserver" puts the gateway before that server."""
    traits = traits_of(managers()[manager_era])
    world = World()
    for user in (USER, ADMIN):
        world.add_user(user)
    group = world.add_group(GROUP, address)
    app = SceneApp()
    async with serving(app.handle) as place, installation(world, traits) as running:
        port = URL(place).port
        assert port is not None
        jupyter = App("jupyter", "127.0.0.1", port)
        session = world.add_session("work", GROUP, USER.access_key, jupyter)
        endpoint = running.webserver if front == "webserver" else running.endpoint
        manager = {"endpoint": endpoint, "forward": bool(front)}
        if not front:
            manager |= {"access-key": ADMIN.access_key, "secret-key": ADMIN.secret_key}
        config = settings(
            manager=manager,
            v1={"legacy-tokens": True},
            v2=SECRETS,
            gateway={"allowed-origins": list(origins)},
        )
        async with node(config) as gateway:
            if v2:
                group.address = gateway.api
            yield Theatre(_scene(running, gateway, session, front), running, gateway, session, app)


def _scene(running: Installation, gateway: Node, session: Session, front: str) -> Scene:
    scene = Scene(
        manager=URL(running.endpoint),
        webserver=URL(running.webserver),
        proxy=URL(gateway.api),
        group=session.group,
        project=str(session.project),
        session=str(session.id),
        session_name=session.name,
        app="jupyter",
        marker=MARKER,
        access_key=USER.access_key,
        secret_key=USER.secret_key,
        login=running.world.log_in(USER.access_key),
    )
    if front == "webserver":
        return replace(scene, webserver=URL(gateway.api))
    return replace(scene, manager=URL(gateway.api)) if front else scene


def told(play: Play) -> list[str]:
    """The conversation in short: "GET /path 200", for assertions and their messages."""
    return [f"{one.method} {URL(one.url).path} {one.status}" for one in play.conversation]


def how(play: Play) -> dict[str, str]:
    """What was said of each step, with + or - before it."""
    return {
        step.value: ("+ " if outcome.good else "- ") + outcome.said
        for step, outcome in play.steps.items()
    }
