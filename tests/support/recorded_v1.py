"""A v1 gateway to which a recording of a WebUI is played."""

import contextlib
from collections.abc import AsyncIterator

from tests.support.node import node, settings
from tests.support.replay import Replay


@contextlib.asynccontextmanager
async def recorded_v1() -> AsyncIterator[Replay]:
    """The web servers are where they were; nobody asks them."""
    async with node(settings(v2=None)) as gateway:
        values = {"{at:5050}": gateway.api.removeprefix("http://")}
        values |= {f"{{at:{port}}}": f"127.0.0.1:{port}" for port in (21090, 21091, 21301)}
        yield Replay(values)
