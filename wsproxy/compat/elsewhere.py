"""Scenes around any other running wsproxy: what it is, and clients that use it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace

import aiohttp
from yarl import URL

from wsproxy.compat.circuits import left_open_at
from wsproxy.compat.eras.clients import clients
from wsproxy.compat.eras.managers import managers, traits_of
from wsproxy.compat.ground import Apps, Ground, ground
from wsproxy.compat.house import before, beside
from wsproxy.compat.matrix import HEALTHY, Cell
from wsproxy.compat.play import Result, Stage
from wsproxy.compat.runner import SetUp, zoo
from wsproxy.compat.verdict import Kind
from wsproxy.core.address import Address
from wsproxy.core.strangers import parsed
from wsproxy.core.version import judge
from wsproxy.core.wire import Version
from wsproxy.net.asking import Asker, AskRules

PATIENCE = 3.0
"""Seconds for any single thing: a target may hang."""

LOOK_SECONDS = 3.0
NOWHERE = "http://127.0.0.1:9"
NEWEST = "manager-26.4"
READ = 1 << 16


class Unreachable(Exception):
    """Nobody accepts a connection there. The message says what happened."""


@dataclass(frozen=True, slots=True)
class Target:
    """Another wsproxy, as a person names it. ``manager``: where its manager is to be served."""

    url: URL
    secret: str = ""
    manager: URL | None = None


@dataclass(frozen=True, slots=True)
class Looked:
    """What a target is. ``fault``: why it is no wsproxy, "" when it is one. ``one_by_one``: it has
    one configuration for everybody, as the Node proxy, so clients must not use it side by side.
    """

    kind: Kind
    fault: str = ""
    one_by_one: bool = False


async def look(address: Address, target: Target) -> Looked:
    """Ask what it is. Raises ``Unreachable``; anything else that is wrong is a ``fault``.

    That it stands before a manager counts only where that manager is ours.
    """
    await _connect(address)
    report = judge(await Asker(AskRules(deadline=LOOK_SECONDS)).ask(address))
    if report.degraded:
        fault = f"the target is no wsproxy: {report.reason} ({report.happened.rstrip('.')})"
        return Looked(Kind(front=False, v1=True, v2=True), fault)
    v1 = await _speaks_v1(target.url)
    front = target.manager is not None and await _is_front(target.url)
    kind = Kind(front=front, v1=v1, v2=report.version is Version.V2)
    return Looked(kind, one_by_one=v1 and await _one_for_all(target))


async def _connect(address: Address) -> None:
    """Whether anybody accepts a connection; what comes of it is another question."""
    try:
        async with asyncio.timeout(LOOK_SECONDS):
            _, writer = await asyncio.open_connection(address.host, address.port)
    except TimeoutError:
        raise Unreachable("the connection attempt gets no answer") from None
    except OSError as error:
        raise Unreachable(error.strerror or str(error)) from None
    writer.transport.abort()


async def _speaks_v1(url: URL) -> bool:
    """v1 answers with a code in the body, whatever it thinks of the token (P 2.3)."""
    said = await _document("GET", url / "proxy/wsproxy-compat/none")
    return isinstance(said, dict) and isinstance(said.get("code"), int)


async def _is_front(url: URL) -> bool:
    """Whether a manager answers through it: only managers say which release they are."""
    said = await _document("GET", url / "")
    return isinstance(said, dict) and isinstance(said.get("manager"), str)


async def _one_for_all(target: Target) -> bool:
    """Whether two configurations get the same token."""
    endpoint = f"{target.manager or NOWHERE}".rstrip("/")
    tokens = []
    for key in ("first", "second"):
        body = {"endpoint": endpoint, "mode": "API", "access_key": key, "secret_key": key}
        said = await _document("PUT", target.url / "conf", body)
        tokens.append(said.get("token") if isinstance(said, dict) else None)
    return tokens[0] is not None and tokens[0] == tokens[1]


async def _document(method: str, url: URL, body: object = None) -> object:
    """The JSON that is answered there; None for anything else."""
    limit = aiohttp.ClientTimeout(total=LOOK_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=limit, trust_env=False) as http,
            http.request(method, url, json=body, allow_redirects=False) as answer,
        ):
            return parsed(await answer.content.read(READ))
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
        return None


def batches(cells: Sequence[Cell], target: Target, looked: Looked) -> list[list[Cell]]:
    """What can be played side by side: at an address of its own only one manager at a time."""
    found: dict[tuple[str, str], list[Cell]] = {}
    for cell in cells:
        manager = clients()[cell.player].manager if target.manager is not None else ""
        player = cell.player if looked.one_by_one else ""
        found.setdefault((manager, player), []).append(cell)
    return list(found.values())


def split(cells: Sequence[Cell], looked: Looked) -> tuple[list[Cell], list[Cell]]:
    """What is played, and what is not: before something that is no wsproxy only the healthy
    addresses say anything."""
    if not looked.fault:
        return list(cells), []
    played = [cell for cell in cells if cell.animal == HEALTHY]
    return played, [cell for cell in cells if cell.animal != HEALTHY]


@asynccontextmanager
async def elsewhere(cells: Sequence[Cell], target: Target, looked: Looked) -> AsyncIterator[SetUp]:
    """The scenes of one batch around ``target``, as long as the block."""
    async with AsyncExitStack() as stack:
        apps = await stack.enter_async_context(Apps())
        addresses = await stack.enter_async_context(zoo(cells))
        left_open = await stack.enter_async_context(left_open_at(f"{target.url}", target.secret))
        grounds: dict[str, Ground] = {}
        for manager in dict.fromkeys(clients()[cell.player].manager for cell in cells):
            under = installed(manager, target, apps)
            grounds[manager] = await stack.enter_async_context(under)
        places = before if looked.kind.front else beside

        @asynccontextmanager
        async def set_up(cell: Cell) -> AsyncIterator[Stage]:
            row = clients()[cell.player]
            yield Stage(
                row=row,
                ground=grounds[row.manager],
                kind=looked.kind,
                places=places(row, grounds[row.manager], target.url),
                own=f"{target.url}".rstrip("/"),
                addresses=addresses,
                left_open=left_open,
                patience=PATIENCE,
            )

        yield set_up


def noted(result: Result, looked: Looked) -> Result:
    """A cell that fails says what the target is, when that is why."""
    if not looked.fault or result.verdict.good:
        return result
    verdict = replace(result.verdict, said=(*result.verdict.said, looked.fault))
    return replace(result, verdict=verdict)


def installed(manager: str, target: Target, apps: Apps) -> AbstractAsyncContextManager[Ground]:
    """An installation of that era, where the target expects it."""
    traits = traits_of(managers()[manager])
    return ground(traits, apps, proxy_token=target.secret, at=target.manager)


async def looked_at(address: Address, target: Target) -> Looked:
    """What the target is, asked while a manager is where it expects one."""
    async with Apps() as apps, installed(NEWEST, target, apps):
        return await look(address, target)
