"""A real redis-server of the test's own: on a UNIX socket, without persistence."""

import asyncio
import contextlib
import json
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from tests.support.apps import WAIT

LIVE, STREAM = 2, 4
"""The databases that managers use (protocol 6.5)."""


class RedisServer:
    """May be stopped and started again; what it held is gone then."""

    def __init__(self, folder: Path) -> None:
        program = shutil.which("redis-server")
        assert program, "redis-server is missing: run `make setup`"
        self._program = program
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None
        self.url = f"unix://{folder}/r.sock"

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            self._program,
            *("--port", "0", "--unixsocket", f"{self._folder}/r.sock"),
            *("--save", "", "--appendonly", "no", "--dir", str(self._folder)),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        for _ in range(int(WAIT / 0.01)):
            if await self._answers():
                return
            await asyncio.sleep(0.01)
        raise AssertionError("redis-server does not answer")

    async def _answers(self) -> bool:
        try:
            async with self.client(LIVE) as client:
                return bool(await client.ping())
        except (RedisError, OSError):
            return False

    async def stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            await process.wait()

    @contextlib.asynccontextmanager
    async def client(self, db: int) -> AsyncIterator[Redis]:
        pool = ConnectionPool.from_url(self.url, retry=Retry(NoBackoff(), 0))
        pool.connection_kwargs["db"] = db
        client = Redis(connection_pool=pool)
        try:
            yield client
        finally:
            await client.aclose(close_connection_pool=True)

    # as managers 25.12 to 26.4.3 write

    async def tell(self, endpoint_id: str, **keys: Any) -> None:
        """Set keys ``endpoint.<id>.<name>``; what is no text is written as JSON."""
        async with self.client(LIVE) as client:
            for name, value in keys.items():
                text = value if isinstance(value, str) else json.dumps(value)
                await client.set(f"endpoint.{endpoint_id}.{name}", text, ex=3600)

    async def tell_routes(self, endpoint_id: str, *routes: dict[str, Any]) -> None:
        await self.tell(endpoint_id, route_connection_info={"vllm": list(routes)})

    async def hint(self, name: str = "endpoint_route_list_updated") -> None:
        """The event that managers post when routes have changed."""
        async with self.client(STREAM) as client:
            await client.xadd("events", {"name": name, "source": "manager", "args": uuid4().hex})

    async def ended(self, args: bytes, name: str = "session_terminated") -> None:
        """The event that managers post when a session has ended."""
        async with self.client(STREAM) as client:
            await client.xadd("events", {"name": name, "source": "manager", "args": args})

    async def text(self, key: str) -> str | None:
        async with self.client(LIVE) as client:
            found: Any = await client.get(key)
            return None if found is None else str(bytes(found), "utf-8")

    async def life(self, key: str) -> int:
        """The seconds that a key has left."""
        async with self.client(LIVE) as client:
            return int(await client.ttl(key))

    async def keys(self) -> set[str]:
        async with self.client(LIVE) as client:
            found: Any = await client.keys("*")
            return {key.decode() for key in found}

    async def health(self, route_id: str) -> tuple[dict[str, str], int]:
        """What is told of a route, and for how long."""
        async with self.client(LIVE) as client:
            key = f"route_health:{route_id}"
            told: dict[Any, Any] = await client.hgetall(key)
            return {k.decode(): v.decode() for k, v in told.items()}, await client.ttl(key)


@contextlib.asynccontextmanager
async def redis_server() -> AsyncIterator[RedisServer]:
    """A running server; killed at the end."""
    with tempfile.TemporaryDirectory(prefix="redis") as folder:  # a socket's path must be short
        server = RedisServer(Path(folder))
        await server.start()
        try:
            yield server
        finally:
            await server.stop()
