"""The event loop of a process."""

import gc
import sys

import pytest

from wsproxy.net import loops as module


def test_uvloop_runs_it_but_not_on_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    factory = module.loop_factory()
    assert factory is not None
    assert factory.__module__.startswith("uvloop")
    monkeypatch.setattr(sys, "platform", "win32")
    assert module.loop_factory() is None


def test_a_server_searches_less_for_cycles() -> None:
    module.search_less()
    assert gc.get_threshold() == module.THRESHOLDS
    assert gc.get_freeze_count() > 0
