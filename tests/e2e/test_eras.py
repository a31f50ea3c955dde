"""The gateway beside managers of three eras: both dialects carry, and sessions are deleted."""

from functools import partial

import pytest

from tests.sim.fakes import FakeLab
from wsproxy import app
from wsproxy.cli.demo import delete, settings_of
from wsproxy.sim import stage as staging
from wsproxy.sim import transfer
from wsproxy.sim.stage import free_port, staged
from wsproxy.sim.story import Step, Story
from wsproxy.sim.traits import Era
from wsproxy.sim.visitor import new_http

SIZE = 1 << 20


@pytest.fixture(params=[Era.M23_09, Era.M26_2, Era.M26_8], ids=lambda era: era.release)
async def story(request, monkeypatch):
    monkeypatch.setattr(staging, "JupyterLab", FakeLab)
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    steps: list[Step] = []
    async with staged(base, request.param) as stage, app.running(settings_of(stage, port)):
        yield Story(stage, base, partial(delete, stage, base), steps.append, SIZE)


@pytest.mark.parametrize("version", ["v1", "v2"])
async def test_files_and_tcp_pass_and_the_session_ends_with_its_circuits(story, version):
    session = story.stage.alpha if version == "v1" else story.stage.beta
    async with new_http() as http:
        files = await story.open(http, session, "files", version)
        blob = files.url / "shelf" / "blob"
        sent = await transfer.upload(http, blob, SIZE, seed=1)
        assert await transfer.download(http, blob) == (SIZE, sent)
        opened = await story.open(http, session, "sshd", version, protocol="tcp")
        host, port = opened.address
        await transfer.echo(host, port, b"x" * 100_000)
    said = await story.delete(str(session.id), opened.token)
    assert said == "session: deleted, circuits: closed"
    for host, port in (files.address, opened.address):
        with pytest.raises(ConnectionRefusedError):
            await transfer.echo(host, port, b"gone")


async def test_the_wrong_address_degrades_and_its_session_is_deleted(story):
    manager = story.stage.installation
    await story.deletion(story.stage.gamma)
    assert story.failed == 0
    assert story.stage.gamma.id not in manager.world.sessions
    # the manager alone answers with an error; only one of the three eras says 503
    async with new_http() as http:
        expected = 503 if manager.era is Era.M26_2 else 500
        assert await story.manager_status(http) == expected
