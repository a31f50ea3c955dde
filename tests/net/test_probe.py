"""Keeping, sharing and resting, with a clock that is moved and questions that are scripted."""

import asyncio

import pytest

from wsproxy.compat.zoo.table import ANIMALS
from wsproxy.core.version import Answer, Fault, GroupUnknown, Observation, Trouble, judge
from wsproxy.net import probe as module
from wsproxy.net.asking import Asker, AskRules
from wsproxy.net.probe import UNASKED, Probe, ProbeRules, asking

GOOD = Answer(200, b'{"api_version": "v2"}')
DEAD = Fault(Trouble.REFUSED)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Oracle:
    """Answers from a script; waits at ``gate`` when it is closed."""

    def __init__(self, *script: Observation) -> None:
        self.script = list(script)
        self.asked = 0
        self.gate = asyncio.Event()
        self.begun = asyncio.Event()
        self.gate.set()

    async def __call__(self, key: str) -> Observation:
        self.asked += 1
        self.begun.set()
        await self.gate.wait()
        return self.script.pop(0)


@pytest.fixture
async def build():
    probes: list[Probe[str]] = []

    def make(oracle: Oracle, clock: Clock, **rules) -> Probe[str]:
        probes.append(Probe(oracle, ProbeRules(**rules), clock))
        return probes[-1]

    yield make
    for probe in probes:
        await probe.close()


async def test_a_good_answer_holds_for_thirty_seconds(build):
    oracle, clock = Oracle(GOOD, DEAD), Clock()
    probe = build(oracle, clock)
    assert await probe.see("a") == GOOD
    clock.now += 29.9
    assert await probe.see("a") == GOOD
    assert oracle.asked == 1
    clock.now += 0.2
    assert await probe.see("a") == DEAD
    assert oracle.asked == 2


async def test_many_who_ask_share_one_question(build):
    oracle = Oracle(GOOD)
    oracle.gate.clear()
    probe = build(oracle, Clock())
    waiting = [asyncio.get_running_loop().create_task(probe.see("a")) for _ in range(50)]
    await asyncio.sleep(0)
    oracle.gate.set()
    assert await asyncio.gather(*waiting) == [GOOD] * 50
    assert oracle.asked == 1


async def test_two_keys_are_two_questions(build):
    oracle = Oracle(GOOD, DEAD)
    probe = build(oracle, Clock())
    assert [await probe.see("a"), await probe.see("b")] == [GOOD, DEAD]


async def test_who_leaves_does_not_end_the_question_of_the_others(build):
    oracle = Oracle(GOOD)
    oracle.gate.clear()
    probe = build(oracle, Clock())
    loop = asyncio.get_running_loop()
    leaver, stayer = loop.create_task(probe.see("a")), loop.create_task(probe.see("a"))
    await asyncio.sleep(0)
    leaver.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaver
    oracle.gate.set()
    assert await stayer == GOOD
    assert oracle.asked == 1


async def test_failures_rest_longer_each_time_and_success_forgives(build):
    oracle, clock = Oracle(DEAD, DEAD, DEAD, GOOD, DEAD, DEAD), Clock()
    probe = build(oracle, clock)
    for wait in (1.0, 2.0, 4.0):
        asked = oracle.asked
        assert await probe.see("a") == DEAD
        assert oracle.asked == asked + 1
        clock.now += wait - 0.01
        assert await probe.see("a") == DEAD
        assert oracle.asked == asked + 1
        clock.now += 0.02
    assert await probe.see("a") == GOOD
    clock.now += 30
    assert await probe.see("a") == DEAD
    clock.now += 1.01
    await probe.see("a")
    assert oracle.asked == 6


async def test_an_unknown_group_is_a_failure_too(build):
    oracle, clock = Oracle(GroupUnknown(), GOOD), Clock()
    probe = build(oracle, clock)
    await probe.see("a")
    clock.now += 1.01
    assert await probe.see("a") == GOOD


async def test_after_a_rest_callers_are_not_kept_waiting(build):
    """A dead address costs nothing: the old answer is given while the new question runs."""
    oracle, clock = Oracle(DEAD, GOOD), Clock()
    probe = build(oracle, clock, patience=0.01)
    await probe.see("a")
    clock.now += 1.01
    oracle.gate.clear()
    assert await asyncio.wait_for(probe.see("a"), 20) == DEAD
    assert await asyncio.wait_for(probe.see("a"), 20) == DEAD
    assert oracle.asked == 2
    oracle.gate.set()
    async with asyncio.timeout(20):
        while await probe.see("a") != GOOD:
            pass
    assert oracle.asked == 2


async def test_closing_ends_the_question_and_answers_those_who_wait(build):
    oracle = Oracle(GOOD)
    oracle.gate.clear()
    probe = build(oracle, Clock())
    waiting = asyncio.get_running_loop().create_task(probe.see("a"))
    await oracle.begun.wait()
    assert "1 asking" in repr(probe)
    await probe.close()
    assert await waiting == UNASKED
    assert await probe.see("b") == UNASKED
    assert oracle.asked == 1
    await probe.close()
    assert "0 asking" in repr(probe)


async def test_memory_is_bounded(build, monkeypatch):
    monkeypatch.setattr(module, "MEMORY", 3)
    oracle = Oracle(*[GOOD] * 6)
    probe = build(oracle, Clock())
    for key in "abc":
        await probe.see(key)
    await probe.see("a")  # used again: b is now the oldest
    await probe.see("d")
    assert oracle.asked == 4
    await probe.see("a")
    assert oracle.asked == 4
    await probe.see("b")
    assert oracle.asked == 5


async def test_a_dead_address_is_asked_once_by_a_hundred_callers():
    """The whole of it on real sockets: the caller's time is the deadline once, then nothing."""
    probe = Probe(asking(Asker(AskRules(deadline=0.3))))
    async with ANIMALS["hang"]() as address:
        loop = asyncio.get_running_loop()
        began = loop.time()
        seen = await asyncio.gather(*(probe.see(address) for _ in range(100)))
        for _ in range(100):
            seen.append(await probe.see(address))
        took = loop.time() - began
    await probe.close()
    assert {judge(each).reason for each in seen} == {"address-silent"}
    assert took < 2.0


async def test_a_malformed_address_is_not_asked():
    probe = Probe(asking(Asker()))
    assert judge(await probe.see("localhost:1")).reason == "address-malformed"
    await probe.close()
