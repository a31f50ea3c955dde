"""Scenes around the proxies before this gateway: their stand-ins, and nobody before the manager.

Three parts: every client with every proxy at a healthy address; then every address, with the
proxies and the managers of the client's time; then the same with manager 26.2.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from yarl import URL

from wsproxy.compat.circuits import nobody
from wsproxy.compat.eras.clients import clients
from wsproxy.compat.eras.managers import managers, traits_of
from wsproxy.compat.eras.proxies import proxies
from wsproxy.compat.ground import Apps, ground
from wsproxy.compat.house import beside
from wsproxy.compat.matrix import HEALTHY, MODES, Cell
from wsproxy.compat.play import Stage
from wsproxy.compat.runner import SetUp, is_slow, zoo
from wsproxy.compat.standins.stand import standin
from wsproxy.compat.verdict import Kind
from wsproxy.compat.zoo.table import ANIMALS
from wsproxy.core.wire import Version

PATIENCE = 60.0
"""Seconds for any single thing. Where nobody is silent, nothing takes long."""

PATIENCE_WITH_THE_SILENT = 6.0
"""Managers wait for minutes, and clients give up before them: here, after this many seconds."""

BLOCKING_MANAGER = "manager-26.2"

OF_THEIR_TIME = {
    "webui-20.09": ("node-2021", "python-25.10"),
    "webui-22.03": ("node-classic", "python-25.10"),
    "webui-22.09": ("node-classic", "python-25.10"),
    "webui-23.03": ("node-classic", "python-25.10"),
    "webui-24.03": ("node-classic", "python-25.10"),
    "webui-25.3": ("node-classic", "appproxy-25.13"),
    "webui-25.15": ("node-classic", "appproxy-25.19"),
    "webui-26.8": ("node-hardened", "appproxy-26.4"),
    "webui-26.9": ("node-hardened", "appproxy-26.9"),
    "desktop-22.09": ("node-classic", "python-25.10"),
    "desktop-24.03": ("node-classic", "python-25.10"),
    "desktop-26.8": ("node-hardened", "appproxy-26.4"),
    "python-client-22.09": ("node-classic", "python-25.10"),
    "python-client-24.03": ("node-classic", "python-25.10"),
    "python-client-26.8": ("node-hardened", "appproxy-26.4"),
}
"""The proxies of v1 and v2 beside a client. Those of v2 before 24.09 are not described: the oldest
that is takes their place."""


def cells() -> tuple[Cell, ...]:
    """Every cell of the three parts, each once."""
    found = [*_by_proxy()]
    for name, row in clients().items():
        for manager in (row.manager, BLOCKING_MANAGER):
            found += _by_address(name, manager)
    return tuple(dict.fromkeys(found))


def _by_proxy() -> list[Cell]:
    return [
        Cell(name, mode_of(proxy), HEALTHY, proxy, row.manager)
        for proxy in proxies()
        for name, row in clients().items()
    ]


def _by_address(name: str, manager: str) -> list[Cell]:
    pairs = zip(MODES, OF_THEIR_TIME[name], strict=True)
    return [
        Cell(name, mode, animal, proxy, manager)
        for mode, proxy in pairs
        for animal in (HEALTHY, *ANIMALS)
    ]


def mode_of(proxy: str) -> Version:
    """The dialect of a proxy."""
    return Version.V1 if proxies()[proxy].node is not None else Version.V2


def kind_of(proxy: str) -> Kind:
    v1 = mode_of(proxy) is Version.V1
    return Kind(front=False, v1=v1, v2=not v1)


@asynccontextmanager
async def upstream(wanted: Sequence[Cell]) -> AsyncIterator[SetUp]:
    """An installation for each age of manager; a stand-in for each cell, because the oldest of
    them serve one person at a time."""
    async with AsyncExitStack() as stack:
        apps = await stack.enter_async_context(Apps())
        addresses = await stack.enter_async_context(zoo(wanted))
        grounds = {
            manager: await stack.enter_async_context(ground(traits_of(managers()[manager]), apps))
            for manager in dict.fromkeys(cell.manager for cell in wanted)
        }

        @asynccontextmanager
        async def set_up(cell: Cell) -> AsyncIterator[Stage]:
            row, under = clients()[cell.player], grounds[cell.manager]
            async with standin(proxies()[cell.proxy]) as there:
                yield Stage(
                    row=row,
                    ground=under,
                    kind=kind_of(cell.proxy),
                    places=beside(row, under, URL(there.api)),
                    own=there.api,
                    addresses=addresses,
                    left_open=nobody,
                    patience=PATIENCE_WITH_THE_SILENT if is_slow(cell) else PATIENCE,
                )

        yield set_up
