"""Scenes around this gateway: for each client an installation of its time, and a gateway before it.

How a gateway is made belongs to the composition root, so it is an argument here.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from yarl import URL

from wsproxy.compat.circuits import left_open_at
from wsproxy.compat.eras.clients import Client, SpeaksTo, clients
from wsproxy.compat.eras.managers import managers, traits_of
from wsproxy.compat.ground import Apps, Ground, Places, ground
from wsproxy.compat.matrix import HEALTHY, Cell
from wsproxy.compat.play import Stage, group_of
from wsproxy.compat.runner import SetUp, zoo
from wsproxy.compat.verdict import THIS_GATEWAY

PATIENCE = 20.0
"""Seconds for any single thing. No client of a gateway that works waits so long."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The gateway that is to be made: before ``endpoint``, with addresses of ``groups``."""

    endpoint: str
    groups: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Made:
    """A running gateway."""

    url: str
    api_secret: str


Make = Callable[[Wanted], AbstractAsyncContextManager[Made]]


@asynccontextmanager
async def house(cells: Sequence[Cell], make: Make) -> AsyncIterator[SetUp]:
    """A gateway for each client of ``cells``, as long as the block."""
    async with AsyncExitStack() as stack:
        apps = await stack.enter_async_context(Apps())
        addresses = await stack.enter_async_context(zoo(cells))
        stages = {}
        for name in dict.fromkeys(cell.player for cell in cells):
            bad = [cell for cell in cells if cell.player == name and cell.animal != HEALTHY]
            groups = {group_of(cell): addresses[cell.animal] for cell in bad}
            row = clients()[name]
            under = await stack.enter_async_context(
                ground(traits_of(managers()[row.manager]), apps)
            )
            wanted = Wanted(endpoint_of(row, under), groups)
            made = await stack.enter_async_context(make(wanted))
            left_open = await stack.enter_async_context(left_open_at(made.url, made.api_secret))
            stages[name] = Stage(
                row=row,
                ground=under,
                kind=THIS_GATEWAY,
                places=before(row, under, URL(made.url)),
                own=made.url,
                addresses=addresses,
                left_open=left_open,
                patience=PATIENCE,
            )

        @asynccontextmanager
        async def set_up(cell: Cell) -> AsyncIterator[Stage]:
            yield stages[cell.player]

        yield set_up


def speaks_to_webserver(row: Client) -> bool:
    return row.ui is not None and row.ui.mode is SpeaksTo.SESSION


def endpoint_of(row: Client, under: Ground) -> str:
    """The server that a client of this row talks to."""
    running = under.running
    return running.webserver if speaks_to_webserver(row) else running.endpoint


def before(row: Client, under: Ground, front: URL) -> Places:
    """What clients name when ``front`` stands before the server that they talk to."""
    running = under.running
    if speaks_to_webserver(row):
        return Places(manager=URL(running.endpoint), webserver=front, proxy=front)
    return Places(manager=front, webserver=URL(running.webserver), proxy=front)


def beside(row: Client, under: Ground, proxy: URL) -> Places:
    """What clients name when ``proxy`` is only their proxy."""
    return Places(URL(under.running.endpoint), URL(under.running.webserver), proxy)
