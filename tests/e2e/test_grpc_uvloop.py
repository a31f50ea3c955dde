"""gRPC over TLS once more on uvloop, which serves in production: its transports are its own."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import uvloop

from tests.e2e import test_grpc

Test = Callable[[bool, Path], Awaitable[None]]
TESTS: list[Test] = [
    function
    for name, function in vars(test_grpc).items()
    if name.startswith("test_")
    and list(inspect.signature(function).parameters) == ["tls", "tmp_path"]
]


@pytest.mark.parametrize("test", TESTS, ids=lambda test: str(test.__name__))
def test_on_uvloop(test: Test, tmp_path: Path) -> None:
    async def main() -> None:
        assert isinstance(asyncio.get_running_loop(), uvloop.Loop)
        await test(True, tmp_path)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
