"""What players of the matrix stand on: an installation, one app, a session for each cell."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from secrets import token_hex
from typing import Self

from aiohttp import WSMsgType, web
from yarl import URL

from wsproxy.compat.scene import Scene
from wsproxy.sim.installation import Installation, installation
from wsproxy.sim.traits import ManagerTraits
from wsproxy.sim.world import App, Group, Keypair, Session, World

MARKER = "this is the app of the matrix"
APP = "jupyter"
HOST = "127.0.0.1"

MANAGER_WAITS = 20.0
"""Seconds a manager waits for an address: real ones wait minutes (O 1), no client does."""


class Apps:
    """One app on many ports: a page with the marker, an echo at ``/ws``. Each session needs a port
    of its own, because a gateway that sees one used by another session closes the older circuit.
    """

    def __init__(self) -> None:
        application = web.Application()
        application.router.add_get("/ws", _echo)
        application.router.add_route("*", "/{tail:.*}", _page)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.5)

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    @asynccontextmanager
    async def one(self) -> AsyncIterator[int]:
        """A port where the app listens as long as the block."""
        with socket.create_server((HOST, 0)) as door:
            site = web.SockSite(self._runner, door)
            await site.start()
            try:
                yield door.getsockname()[1]
            finally:
                await site.stop()


async def _page(request: web.Request) -> web.Response:
    return web.Response(text=f"<p>{MARKER}</p>", content_type="text/html")


async def _echo(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        if message.type is WSMsgType.TEXT:
            await socket.send_str(message.data)
    return socket


@dataclass(frozen=True, slots=True)
class Prepared:
    """The scene of one cell, and the truth about it."""

    scene: Scene
    group: Group
    session: Session
    world: World

    @property
    def alive(self) -> bool:
        """Whether the installation still has the session."""
        return self.session.id in self.world.sessions


@dataclass(frozen=True, slots=True)
class Ground:
    """One installation with one user, who is logged in: with ``legacy-tokens`` a gateway serves
    one person at a time, as the programs before it did."""

    running: Installation
    apps: Apps
    user: Keypair
    login: str

    @asynccontextmanager
    async def prepared(
        self, group: str, address: str | None, places: "Places"
    ) -> AsyncIterator[Prepared]:
        """A group at ``address`` and a session with an app, for one cell alone."""
        async with self.apps.one() as port:
            yield self._prepared(group, address, places, port)
        self.running.record.requests.clear()

    def _prepared(self, group: str, address: str | None, places: "Places", port: int) -> Prepared:
        world, user = self.running.world, self.user
        name = f"work-{token_hex(4)}"
        place = world.add_group(group, address)
        session = world.add_session(name, group, user.access_key, App(APP, HOST, port))
        scene = Scene(
            manager=places.manager,
            webserver=places.webserver,
            proxy=places.proxy,
            group=group,
            project=str(session.project),
            session=str(session.id),
            session_name=name,
            app=APP,
            marker=MARKER,
            access_key=user.access_key,
            secret_key=user.secret_key,
            login=self.login,
        )
        return Prepared(scene, place, session, world)


@dataclass(frozen=True, slots=True)
class Places:
    """What a client's settings name."""

    manager: URL
    webserver: URL
    proxy: URL


@asynccontextmanager
async def ground(
    traits: ManagerTraits, apps: Apps, *, proxy_token: str = "", at: URL | None = None
) -> AsyncIterator[Ground]:
    """An installation of that age, as long as the block."""
    world = World()
    user = world.add_user(Keypair("AKIA" + token_hex(8).upper(), token_hex(20)))
    login = world.log_in(user.access_key)
    async with installation(
        world, traits, patience=MANAGER_WAITS, proxy_token=proxy_token, at=at
    ) as running:
        yield Ground(running, apps, user, login)
