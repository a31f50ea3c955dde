"""The demo's stage: three groups, their sessions, and real apps as containers.

group    its wsproxy address     sessions       containers
local    none: v1                alpha, delta   JupyterLab (alpha's), files, sshd (a TCP echo)
gpu      the gateway: v2         beta, epsilon  JupyterLab (beta's), files, sshd
broken   wrong: falls back       gamma          files, sshd

Delta, epsilon and gamma are there to be deleted; alpha and beta stay open for a person.
"""

import asyncio
import secrets
import socket
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from uuid import UUID

from wsproxy.sim.echo import Echo
from wsproxy.sim.installation import Installation, installation
from wsproxy.sim.jupyter import JupyterLab
from wsproxy.sim.shelf import Shelf
from wsproxy.sim.traits import ManagerTraits
from wsproxy.sim.world import App, Keypair, Session, World

HOST = "127.0.0.1"
LOWEST_PORT = 20000
PORT_RANGE = 10000


class Container(Protocol):
    """Something that runs and can be ended."""

    async def close(self) -> None: ...


class Containers:
    """Which containers belong to which session."""

    def __init__(self) -> None:
        self._running: dict[UUID, Sequence[Container]] = {}

    def of(self, session: Session) -> Sequence[Container]:
        return self._running.get(session.id, ())

    def belong(self, session: Session, containers: Sequence[Container]) -> None:
        self._running[session.id] = containers

    async def end(self, session: Session) -> None:
        """End what runs for a session; what an installation calls for a deleted one."""
        containers = self._running.pop(session.id, ())
        await asyncio.gather(*(container.close() for container in containers))

    async def close(self) -> None:
        everything = [one for some in self._running.values() for one in some]
        self._running.clear()
        await asyncio.gather(*(container.close() for container in everything))


@dataclass(frozen=True, slots=True)
class Stage:
    """What stands before the gateway is used. ``user`` owns the sessions."""

    installation: Installation
    containers: Containers
    user: Keypair
    alpha: Session
    beta: Session
    gamma: Session
    delta: Session
    epsilon: Session

    @property
    def sessions(self) -> tuple[Session, ...]:
        return self.alpha, self.beta, self.gamma, self.delta, self.epsilon


@asynccontextmanager
async def staged(gateway: str, era: ManagerTraits = ManagerTraits.M26_8) -> AsyncIterator[Stage]:
    """Everything but the gateway, which is expected at the URL ``gateway``; ends with the block.

    Raises ``ContainerError`` when an app could not be started; nothing is left running then.
    """
    containers = Containers()
    world = World()
    user = world.add_user(Keypair("AKIADEMO" + secrets.token_hex(6).upper(), secrets.token_hex(20)))
    for name, address in (("local", None), ("gpu", gateway), ("broken", wrong_address())):
        world.add_group(name, address)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(containers.close)
        try:
            async with asyncio.TaskGroup() as starting:
                sessions = [
                    starting.create_task(start(world, containers, user, name, group))
                    for name, group, start in PLAN
                ]
        except ExceptionGroup as group:
            raise group.exceptions[0] from group
        running = await stack.enter_async_context(installation(world, era, ended=containers.end))
        yield Stage(running, containers, user, *(session.result() for session in sessions))


async def _session(
    world: World, containers: Containers, user: Keypair, name: str, group: str
) -> Session:
    session = world.add_session(name, group, user.access_key)
    lab, echo = JupyterLab(), Echo()
    containers.belong(session, (lab, echo))
    await lab.start()
    shelf = Shelf(lab.files)
    containers.belong(session, (shelf, lab, echo))
    await shelf.start()
    await echo.start()
    session.apps["jupyter"] = App("jupyter", HOST, lab.port)
    _add_small_apps(session, shelf, echo)
    return session


async def _small_session(
    world: World, containers: Containers, user: Keypair, name: str, group: str
) -> Session:
    session = world.add_session(name, group, user.access_key)
    directory = _Directory()
    shelf, echo = Shelf(directory.path), Echo()
    containers.belong(session, (shelf, echo, directory))
    await shelf.start()
    await echo.start()
    _add_small_apps(session, shelf, echo)
    return session


PLAN = (
    ("alpha", "local", _session),
    ("beta", "gpu", _session),
    ("gamma", "broken", _small_session),
    ("delta", "local", _small_session),
    ("epsilon", "gpu", _small_session),
)
"""Name, group, and what starts its containers, in the order of ``Stage``."""


def _add_small_apps(session: Session, shelf: Shelf, echo: Echo) -> None:
    session.apps["files"] = App("files", HOST, shelf.port)
    session.apps["sshd"] = App("sshd", HOST, echo.port, protocol="tcp")


class _Directory:
    """A temporary directory that ends as containers do."""

    def __init__(self) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="wsproxy-files-")

    @property
    def path(self) -> Path:
        return Path(self._directory.name)

    async def close(self) -> None:
        await asyncio.to_thread(self._directory.cleanup)


def free_port() -> int:
    """A port of loopback that is free now, and likely to stay so for the seconds until it is used:
    it is below those that systems give to whoever asks for any."""
    while True:
        port = LOWEST_PORT + secrets.randbelow(PORT_RANGE)
        with socket.socket() as probe, suppress(OSError):
            probe.bind((HOST, port))
            return port


def wrong_address() -> str:
    """An address where nothing listens."""
    return f"http://{HOST}:{free_port()}"
