"""A real JupyterLab through the gateway, in both dialects, with everything in one process."""

import asyncio
import hashlib
from functools import partial

import pytest
from aiohttp import WSMsgType
from yarl import URL

from wsproxy import app
from wsproxy.cli.demo import delete, settings_of
from wsproxy.sim import transfer
from wsproxy.sim.notebook import Lab
from wsproxy.sim.stage import free_port, staged
from wsproxy.sim.story import Step, Story
from wsproxy.sim.visitor import new_http

pytestmark = [pytest.mark.jupyter, pytest.mark.slow, pytest.mark.timeout(120)]

SIZE = 8 << 20


@pytest.fixture
async def told():
    """A story that was not played yet, and the steps it will tell."""
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    steps: list[Step] = []
    async with staged(base) as stage, app.running(settings_of(stage, port)):
        story = Story(stage, base, partial(delete, stage, base), steps.append, SIZE)
        yield story, steps


async def test_the_whole_story_is_told_in_the_right_versions(told):
    story, steps = told
    assert await story.play(), [step for step in steps if not step.ok]
    versions = [step.version for step in steps]
    reports, v1, v2, deletions = versions[:4], versions[4:9], versions[9:14], versions[14:]
    assert reports == ["v1", "v2", "v1", "-"]
    assert v1 == ["v1"] * 5
    assert v2 == ["v2"] * 5
    assert deletions == ["v1"] * 3 + ["v2"] * 3 + ["v1"] * 3  # delta, epsilon, gamma
    assert [link.version for link in story.links] == ["v1", "v2"]


@pytest.mark.parametrize("version", ["v1", "v2"])
async def test_a_notebook_terminal_and_download_work(told, version):
    story, _ = told
    session = story.stage.alpha if version == "v1" else story.stage.beta
    async with new_http() as http:
        opened = await story.open(http, session, "jupyter", version)
        assert opened.version == version
        lab = Lab(http, opened.url)
        async with lab.kernel() as kernel:
            assert await lab.run(kernel, "'x' * 3_000_000") == repr("x" * 3_000_000)
            assert await lab.run(kernel, "import os; os.getcwd()")
        async with lab.terminal() as shell:
            await shell.send_json(["stdin", "echo $((6*7))x\n"])
            async with asyncio.timeout(20):
                while "42x" not in await shell.receive_str():
                    pass
        blob = b"".join(transfer.made_up(SIZE, seed=3))
        files = await story.open(http, session, "files", version)
        await transfer.upload(http, files.url / "shelf" / "blob", SIZE, seed=3)
        assert await transfer.download(http, opened.url / "files" / "blob") == (
            SIZE,
            hashlib.sha256(blob).hexdigest(),
        )


@pytest.mark.parametrize("version", ["v1", "v2"])
async def test_deleting_the_session_ends_the_notebooks_websocket(told, version):
    story, _ = told
    session = story.stage.alpha if version == "v1" else story.stage.beta
    async with new_http() as http:
        opened = await story.open(http, session, "jupyter", version)
        lab = Lab(http, opened.url)
        await lab.visit()
        async with lab.terminal() as shell:
            await shell.receive(timeout=20)
            said = await story.delete(str(session.id), opened.token)
            assert said.startswith("session: deleted, circuits: closed")
            async with asyncio.timeout(10):
                while (await shell.receive()).type is WSMsgType.TEXT:
                    pass
            assert shell.closed
        with pytest.raises(OSError):
            await http.get(URL(str(opened.url)))
