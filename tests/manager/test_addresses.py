"""Addresses are read from the manager, kept, and survive its absence."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.v2 import Clock
from wsproxy.core.failure import Failure, FailureKind, Side
from wsproxy.core.version import GroupUnknown, NoAddress, Observation
from wsproxy.manager import addresses
from wsproxy.manager.addresses import REST, AddressBook, BookedGroups
from wsproxy.manager.requests import Said

AWAY = Failure(FailureKind.REFUSED, Side.MANAGER)
REFUSED = Said(200, b'{"data": {"scaling_groups": null}, "errors": []}')


def groups(**addresses: str | None) -> Said:
    listed = [{"name": name, "wsproxy_addr": address} for name, address in addresses.items()]
    return Said(200, json.dumps({"data": {"scaling_groups": listed}}).encode())


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """How long a caller waits for a new answer: here always long enough, unless a test says."""

    def wait(seconds: float) -> None:
        monkeypatch.setattr(addresses, "PATIENCE", seconds)

    wait(20.0)
    return wait


class Manager:
    """Answers what the test says; None: it waits for ``go``."""

    def __init__(self, answer: Said | Failure | None) -> None:
        self.answer = answer
        self.asked = 0
        self.go = asyncio.Event()

    async def request(self, method: str, path: str, query: Any = None, body: Any = None):
        assert (method, path) == ("POST", "/admin/gql")
        assert "wsproxy_addr" in body["query"]
        self.asked += 1
        if self.answer is None:
            await self.go.wait()
        assert self.answer is not None
        return self.answer


class Book:
    """A book with a clock that the test moves."""

    def __init__(self, answer: Said | Failure | None, deadline: float = 20.0) -> None:
        self.clock = Clock()
        self.manager = Manager(answer)
        self.book = AddressBook(self.manager, deadline, keep=30.0, clock=self.clock)

    async def __aenter__(self) -> "Book":
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.book.close()
        await self.book.close()


async def test_one_question_for_everybody_until_it_is_old():
    async with Book(groups(gpu="http://a:1", none=None)) as b:
        found = await asyncio.gather(*(b.book.find(name) for name in ("gpu", "none", "other")))
        assert found == ["http://a:1", NoAddress(), None]
        b.clock.now += 29
        await b.book.find("gpu")
        assert b.manager.asked == 1


async def test_changed_and_removed_addresses_are_noticed():
    async with Book(groups(gpu="http://a:1", gone="http://a:2")) as b:
        assert await b.book.find("gone") == "http://a:2"
        b.manager.answer = groups(gpu="http://b:1")
        b.clock.now += 31
        assert await b.book.find("gpu") == "http://b:1"
        assert await b.book.find("gone") is None


async def test_while_the_manager_is_away_the_last_addresses_hold():
    async with Book(groups(gpu="http://a:1")) as b:
        await b.book.find("gpu")
        for answer in (AWAY, Said(502, b"")):
            b.manager.answer = answer
            b.clock.now += 31
            asked = b.manager.asked
            for _ in range(3):
                assert await b.book.find("gpu") == "http://a:1"
            assert b.manager.asked == asked + 1  # it rests
        b.manager.answer = groups(gpu="http://b:1")
        b.clock.now += 31
        assert await b.book.find("gpu") == "http://b:1"


async def test_nobody_waits_for_a_manager_that_hangs_where_addresses_are_known(patience):
    async with Book(groups(gpu="http://a:1"), deadline=60.0) as b:
        await b.book.find("gpu")
        b.manager.answer = None
        b.clock.now += 31
        patience(0.05)
        assert await b.book.find("gpu") == "http://a:1"
        patience(20.0)
        b.manager.answer = groups(gpu="http://b:1")
        b.manager.go.set()
        assert await b.book.find("gpu") == "http://b:1"


async def test_a_key_that_may_not_read_them_is_not_tried_for_a_while():
    async with Book(groups(gpu="http://a:1")) as b:
        await b.book.find("gpu")
        b.manager.answer = REFUSED
        b.clock.now += 31
        assert await b.book.find("gpu") is None  # somebody took the right away
        b.clock.now += REST - 1
        assert await b.book.find("gpu") is None
        assert b.manager.asked == 2
        b.manager.answer = groups(gpu="http://b:1")
        b.clock.now += 2
        assert await b.book.find("gpu") == "http://b:1"


async def test_a_manager_that_hangs_costs_one_deadline():
    async with Book(None, deadline=0.05) as b:
        assert await b.book.find("gpu") is None
        assert b.book.settled


class Others:
    """What the manager says of groups."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.closed = False

    async def find(self, group: str, project: str) -> str | Observation:
        self.asked.append((group, project))
        return GroupUnknown()

    async def close(self) -> None:
        self.closed = True


async def test_about_groups_that_are_not_listed_the_manager_is_asked():
    async with Book(groups(gpu="http://a:1")) as b:
        others = Others()
        booked = BookedGroups(b.book, others)
        assert await booked.find("gpu", "p") == "http://a:1"
        assert others.asked == [("gpu", "p")]  # both at once, the first time
        assert await booked.find("gpu", "p") == "http://a:1"
        assert await booked.find("new", "p") == GroupUnknown()
        assert others.asked == [("gpu", "p"), ("new", "p")]
        await booked.close()
        assert others.closed


async def test_without_a_list_the_manager_is_asked_about_each():
    async with Book(REFUSED) as b:
        others = Others()
        booked = BookedGroups(b.book, others)
        assert await booked.find("gpu", "") == GroupUnknown()
        assert await booked.find("gpu", "") == GroupUnknown()
        assert b.manager.asked == 1
