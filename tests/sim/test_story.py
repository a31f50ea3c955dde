"""The story when things go wrong: every chapter is tried, every failure is told, nothing hangs."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from tests.sim.fakes import FakeLab
from wsproxy import app
from wsproxy.cli.demo import settings_of
from wsproxy.sim import stage as staging
from wsproxy.sim.site import Site
from wsproxy.sim.stage import free_port, staged
from wsproxy.sim.story import Step, Story


@pytest.fixture(autouse=True)
def no_jupyter(monkeypatch):
    monkeypatch.setattr(staging, "JupyterLab", FakeLab)


@asynccontextmanager
async def story_at(gateway: str):
    steps: list[Step] = []

    async def delete(session: str, token: str) -> str:
        raise AssertionError("nothing was opened, so there is nothing to delete")

    async with staged(gateway) as stage:
        yield Story(stage, gateway, delete, steps.append, 1 << 20), steps


async def test_a_dead_gateway_fails_every_chapter_and_each_says_so():
    async with story_at(f"http://127.0.0.1:{free_port()}") as (story, steps):
        assert not await story.play()
    failed = [step for step in steps if not step.ok]
    assert [step.title for step in failed] == [
        "version of group local",
        "run 6*7 in alpha's JupyterLab",
        "run 6*7 in beta's JupyterLab",
        "ask about the group of delta",
        "ask about the group of epsilon",
        "ask about the group of gamma",
    ]
    assert story.failed == len(failed) == 6
    assert "Cannot connect" in failed[0].detail
    assert "start-service answered 500" in failed[2].detail
    assert story.links == []


async def test_a_report_with_the_wrong_version_is_a_failed_step():
    async def wrong(request: web.Request) -> web.Response:
        return web.json_response({"wsproxy_version": "v2", "reason": "confirmed"})

    fake = web.Application()
    fake.router.add_get("/scaling-groups/{group}/wsproxy-version", wrong)
    site = await Site(fake).start()
    async with story_at(site.url) as (story, steps):
        assert not await story.play()
    await site.close()
    assert "expected ('v1', 'address-not-set'), got ('v2', 'confirmed')" in steps[0].detail
    assert steps[0].version == "v2"


async def test_a_deletion_that_leaves_circuits_open_is_a_failed_step():
    async def careless(session: str, token: str) -> str:
        return "session: deleted, circuits: failed"

    gateway = f"http://127.0.0.1:{free_port()}"
    steps: list[Step] = []
    async with staged(gateway) as stage, app.running(settings_of(stage, int(gateway[-5:]))):
        story = Story(stage, gateway, careless, steps.append, 1 << 10)
        assert not await story.play()
    deletions = [step for step in steps if step.title.startswith("delete ")]
    assert [step.ok for step in deletions] == [False] * 3
    assert all("got 'session: deleted, circuits: failed'" in step.detail for step in deletions)


async def test_an_interrupted_step_is_told_before_everything_ends():
    asked = asyncio.Event()

    async def hang(request: web.Request) -> web.Response:
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError

    fake = web.Application()
    fake.router.add_get("/scaling-groups/{group}/wsproxy-version", hang)
    site = await Site(fake).start()
    async with story_at(site.url) as (story, steps):
        playing = asyncio.create_task(story.play())
        await asyncio.wait_for(asked.wait(), 5)
        playing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await playing
    await site.close()
    assert [(step.ok, step.detail) for step in steps] == [(False, "interrupted")]
