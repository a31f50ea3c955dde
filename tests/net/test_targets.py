"""Whether a route may lead somewhere, asked before anybody connects."""

import asyncio

from wsproxy.core.targets import TargetRules
from wsproxy.net.targets import TargetCheck, resolve


async def test_a_resolver_that_hangs_does_not_hang_the_manager(monkeypatch):
    async def never(*args: object, **options: object) -> list[object]:
        await asyncio.Event().wait()
        return []

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", never)
    monkeypatch.setattr("wsproxy.net.targets.RESOLVER_DEADLINE", 0.01)
    assert await resolve("slow.example", 80) == ()


async def test_of_several_places_each_is_asked_once_and_the_first_bad_one_is_told():
    asked = []

    async def names(host: str, port: int) -> tuple[str, ...]:
        asked.append((host, port))
        return ("127.0.0.1",) if host == "here.example" else ("10.0.0.5",)

    check = TargetCheck(TargetRules(), lambda port: (), names)
    good = [("a.example", 80), ("a.example", 80), ("10.0.0.7", 80)]
    assert await check.first_problem(good) is None
    assert asked == [("a.example", 80)]
    problem = await check.first_problem([*good, ("here.example", 80), ("169.254.169.254", 80)])
    assert problem is not None
    assert problem.code == "target-not-allowed"
    assert "127.0.0.1" in problem.msg
