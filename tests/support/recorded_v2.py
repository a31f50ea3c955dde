"""A v2 gateway with the apps of the recordings behind it, and what plays a recording to it."""

import contextlib
import random
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass

from tests.support.apps import AppLink, raw_app, unused_port
from tests.support.node import SECRETS, node, settings
from tests.support.recorded_app import RecordedApp
from tests.support.replay import Exchange, Given, Replay

OURS = (5050, 11200, 11201, 11202, 15050, 15051)
"""Where the recorded coordinators and workers had their APIs: all are our one."""

ELSEWHERE = (21090, 21091, 21301)
"""Web servers and apps that nobody asks while it is played again."""

CHOSEN = ("11222", "10290")
"""Ports that clients asked for; free ones of our range stand for them."""

RANGE = range(25000, 30000)
"""The upper half of the gateway's ports: it takes others from below."""


@dataclass(frozen=True)
class Stage:
    """``apps``: those whose answers follow the recording."""

    replay: Replay
    apps: tuple[RecordedApp, ...]

    async def play(self, one: Exchange) -> Given:
        for app in self.apps:
            app.playing = one
        return await self.replay.send(one)


async def _garbage(link: AppLink) -> None:
    await link.head()
    await link.send(b"SSH-2.0-OpenSSH_9.2\r\n")


def _free() -> int:
    """A port of ``RANGE`` that nobody has at the moment."""
    for port in random.sample(RANGE, len(RANGE)):
        with contextlib.suppress(OSError), socket.socket() as one:
            one.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")


@contextlib.asynccontextmanager
async def recorded_v2() -> AsyncIterator[Stage]:
    """21301 and 25101 ignore Expect, 21302 obeys it; 25103 speaks no HTTP; others are dead."""
    app, obedient = RecordedApp(), RecordedApp(continues=True)
    async with (
        raw_app(app) as first,
        raw_app(obedient) as second,
        raw_app(_garbage) as third,
        node(settings()) as gateway,
    ):
        api = gateway.api.removeprefix("http://")
        values = {f"{{at:{port}}}": api for port in OURS}
        values |= {f"{{at:{port}}}": f"127.0.0.1:{port}" for port in ELSEWHERE}
        values["{at:25101}"] = f"127.0.0.1:{first.port}"
        values["{secret1}"] = SECRETS["api-secret"]
        dead = await unused_port()
        kernels = {21301: first.port, 25101: first.port, 21302: second.port, 25103: third.port}
        chosen = {port: _free() for port in CHOSEN}
        replay = Replay(values, {**kernels, 21999: dead, 25199: dead}, chosen)
        yield Stage(replay, (app, obedient))
