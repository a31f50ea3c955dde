"""Enters the stand-in for a row of ``eras.proxies``."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from wsproxy.compat.eras.proxies import ProxyRow
from wsproxy.compat.standins import appproxy, node, python
from wsproxy.compat.standins.addresses import Addresses
from wsproxy.compat.standins.circuits import Secrets


@asynccontextmanager
async def standin(row: ProxyRow, keys: Secrets | None = None) -> AsyncIterator[Addresses]:
    """Serve on ports from the system until the block ends; nothing is left then."""
    keys = keys or Secrets()
    if row.node is not None:
        async with node.serving(row.node) as addresses:
            yield addresses
    elif row.python is not None:
        async with python.serving(row.python, keys) as addresses:
            yield addresses
    elif row.appproxy is not None:
        async with appproxy.serving(row.appproxy, keys) as addresses:
            yield addresses
