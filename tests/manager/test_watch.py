"""Sessions that the manager no longer knows drop their listeners."""

import asyncio
import logging

import pytest

from wsproxy.core.configuration import Configuration, Mode
from wsproxy.manager.watch import V1Watch, WatchRules

MANAGER = Configuration("http://m", Mode.API, "AK", "SK")


class World:
    """What exists, and what was closed."""

    def __init__(self, answers: dict[str, bool | None]) -> None:
        self.answers = answers
        self.closed: list[tuple[str, str]] = []

    async def exists(self, configuration: Configuration, session: str) -> bool | None:
        assert configuration == MANAGER
        if session == "hangs":
            await asyncio.Event().wait()
        if session == "breaks":
            raise OSError("no network")
        return self.answers.get(session)

    async def gone(self, owner: str, session: str) -> None:
        self.closed.append((owner, session))

    def watch(self, *sessions: str, **options) -> V1Watch:
        pairs = [("c", session) for session in sessions]
        find = {"c": MANAGER}.get
        return V1Watch(lambda: pairs, find, self.exists, self.gone, **options)


async def test_only_sessions_that_certainly_ended_are_closed():
    world = World({"alive": True, "ended": False, "unknown": None})
    assert await world.watch("alive", "ended", "ended", "unknown").look() == 1
    assert world.closed == [("c", "ended")]


async def test_doubt_closes_nothing(caplog):
    world = World({})
    caplog.set_level(logging.ERROR)
    rules = WatchRules(deadline=0.01)
    assert await world.watch("hangs", "breaks", rules=rules).look() == 0
    assert "could not be asked" in caplog.text


async def test_a_configuration_that_is_gone_is_not_asked_with():
    world = World({"ended": False})
    watch = V1Watch(lambda: [("other", "ended")], lambda _: None, world.exists, world.gone)
    assert await watch.look() == 0


async def test_it_looks_again_and_again():
    world = World({"ended": False})
    pauses = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await world.watch("ended", rules=WatchRules(interval=60.0), sleep=sleep).run()
    assert pauses == [60.0, 60.0, 60.0]
    assert len(world.closed) == 2
