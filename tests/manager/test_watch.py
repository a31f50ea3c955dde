"""Sessions that the manager no longer knows drop their listeners."""

import asyncio
import logging

import pytest

from tests.support.apps import eventually
from wsproxy.manager.watch import AT_ONCE, MOST_DOUBTED, OthersSessions, SessionWatch, WatchRules


class World:
    """What exists, and what was closed."""

    def __init__(self, answers: dict[str, bool | None]) -> None:
        self.answers = answers
        self.closed: list[tuple[str, str]] = []

    async def exists(self, owner: str, session: str) -> bool | None:
        assert owner == "c"
        if session == "hangs":
            await asyncio.Event().wait()
        if session == "breaks":
            raise OSError("no network")
        return self.answers.get(session)

    async def gone(self, owner: str, session: str) -> None:
        self.closed.append((owner, session))

    def watch(self, *sessions: str, **options) -> SessionWatch:
        pairs = [("c", session) for session in sessions]
        return SessionWatch(lambda: pairs, self.exists, self.gone, **options)


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


def test_another_users_session_is_gone_only_if_it_was_there():
    others = OthersSessions("OURS", most=2)
    assert others.believe("OURS", "mine", False) is False
    assert others.believe("THEIRS", "hidden", False) is None
    assert others.believe("THEIRS", "seen", True) is True
    assert others.believe("THEIRS", "seen", None) is None
    assert others.believe("THEIRS", "seen", False) is False
    for one in ("a", "b", "b"):
        others.believe("THEIRS", one, True)
    assert others.believe("THEIRS", "seen", False) is None  # forgotten: bounded
    assert others.believe("THEIRS", "b", False) is False


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


async def test_a_session_that_is_doubted_is_asked_about_at_once_but_not_all_the_time():
    now = [0.0]
    world = World({"ended": False, "alive": True})
    watch = world.watch(clock=lambda: now[0])
    asking = watch.doubt("c", "alive")
    assert asking is not None and await asking is False
    assert watch.doubt("c", "alive") is None
    other = watch.doubt("c", "ended")
    assert other is not None and await other is True
    assert world.closed == [("c", "ended")]
    now[0] += WatchRules().doubt
    for number in range(MOST_DOUBTED + 1):
        again = watch.doubt("c", f"s{number}")
        assert again is not None and await again is False
    again = watch.doubt("c", "s0")  # forgotten: bounded
    assert again is not None
    again.close()


async def test_a_question_that_hangs_does_not_hold_up_the_others():
    names = [f"s{number}" for number in range(5 * AT_ONCE)]
    world = World(dict.fromkeys(names, False))
    look = asyncio.ensure_future(world.watch("hangs", *names).look())
    await eventually(lambda: len(world.closed) == len(names), "the others to be closed")
    assert not look.done()
    look.cancel()
    with pytest.raises(asyncio.CancelledError):
        await look
    assert sorted(world.closed) == sorted(("c", name) for name in names)
