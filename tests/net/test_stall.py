"""One deadline for taking something, on a loop whose clock the test moves; with real sockets in
``tests/data/test_slow_clients.py``.
"""

import asyncio
from typing import cast

import pytest

from tests.net.wheel_case import Case
from wsproxy.core.wheel import TICK
from wsproxy.net.stall import Stall


class Taking:
    """A transport that says what we want it to have left."""

    left = 100

    def get_write_buffer_size(self) -> int:
        return self.left

    def get_extra_info(self, name: str) -> None:
        return None


class Looked:
    def __init__(self, case: Case) -> None:
        self.loop = case.loop
        self.taking = Taking()
        self.fired: list[float] = []
        transport = cast(asyncio.Transport, self.taking)
        self.stall = Stall(transport, case.wheel, 10, lambda: self.fired.append(case.loop.now))


@pytest.fixture
def looked() -> Looked:
    return Looked(Case())


def test_who_takes_nothing_is_found_once(looked):
    looked.stall.begin()
    looked.loop.advance(10 + TICK)
    looked.loop.advance(100)
    assert len(looked.fired) == 1
    assert 10 <= looked.fired[0] <= 10 + TICK


def test_a_little_is_enough(looked):
    looked.stall.begin()
    for _ in range(20):
        looked.taking.left -= 1
        looked.loop.advance(10 + TICK)
    assert looked.fired == []
    looked.loop.advance(10 + TICK)
    assert len(looked.fired) == 1


def test_beginning_again_does_not_move_it(looked):
    looked.stall.begin()
    looked.loop.advance(6)
    looked.taking.left -= 1
    looked.stall.begin()
    looked.loop.advance(4 + TICK)
    assert looked.fired == []  # it has taken something
    looked.loop.advance(10 + TICK)
    assert len(looked.fired) == 1


@pytest.mark.parametrize("end", [Stall.end, Stall.close])
def test_what_has_ended_is_not_looked_at(looked, end):
    looked.stall.begin()
    end(looked.stall)
    looked.loop.advance(100)
    assert looked.fired == []


def test_it_may_begin_after_it_was_found(looked):
    for _ in range(2):
        looked.stall.begin()
        looked.loop.advance(10 + TICK)
    assert len(looked.fired) == 2
