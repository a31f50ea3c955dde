"""Every test of raw connections and tunnels once more on uvloop, which serves in production."""

import asyncio
import inspect
from types import ModuleType

import pytest
import uvloop

from tests.data import test_tcp, test_v1
from tests.manager import test_stream

MODULES: tuple[ModuleType, ...] = (test_tcp, test_v1, test_stream)
"""Their tests without arguments are run."""

TESTS = [
    function
    for module in MODULES
    for name, function in vars(module).items()
    if name.startswith("test_")
    and inspect.iscoroutinefunction(function)
    and not inspect.signature(function).parameters
]


@pytest.mark.parametrize("test", TESTS, ids=lambda test: test.__name__)
def test_on_uvloop(test):
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(test())
