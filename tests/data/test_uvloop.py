"""Every engine test once more on uvloop, which is what serves in production."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from types import ModuleType

import pytest
import uvloop

from tests.conformance import test_http_engine as conformance
from tests.data import (
    test_bad_input,
    test_exchange,
    test_failures,
    test_gone,
    test_listeners,
    test_moving,
    test_quick,
    test_slow_clients,
    test_tls,
    test_upgrade,
    test_wire,
)
from tests.regressions import test_http_engine as regressions

MODULES: tuple[ModuleType, ...] = (
    conformance,
    regressions,
    test_bad_input,
    test_exchange,
    test_failures,
    test_gone,
    test_listeners,
    test_moving,
    test_quick,
    test_slow_clients,
    test_tls,
    test_upgrade,
    test_wire,
)
"""Their tests without arguments are run."""

Test = Callable[[], Awaitable[None]]


def plain_tests() -> list[Test]:
    return [
        function
        for module in MODULES
        for name, function in vars(module).items()
        if name.startswith("test_")
        and inspect.iscoroutinefunction(function)
        and not inspect.signature(function).parameters
    ]


@pytest.mark.parametrize("test", plain_tests(), ids=lambda test: str(test.__name__))
def test_on_uvloop(test: Test):
    async def main() -> None:
        await test()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
