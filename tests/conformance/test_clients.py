"""Protocol section 11, cases 30 and 89 from the side of clients, through the whole gateway."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession

from tests.sim.fakes import FakeLab
from wsproxy import app
from wsproxy.cli.demo import settings_of
from wsproxy.client import Client, credentials
from wsproxy.sim import stage as staging
from wsproxy.sim.stage import Stage, free_port, staged


@pytest.fixture
async def installed(monkeypatch) -> AsyncIterator[tuple[Stage, str]]:
    monkeypatch.setattr(staging, "JupyterLab", FakeLab)
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    async with staged(base) as stage, app.running(settings_of(stage, port)):
        yield stage, base


async def terminated_as_a_web_ui_does(base: str, prefix: str, stage: Stage) -> list[int]:
    """Check and delete with the access key, each awaited at most a second; the statuses."""
    key, session = stage.user.access_key, stage.beta.id
    seen = []
    async with ClientSession() as http:
        for end in ("", "/delete"):
            async with asyncio.timeout(1.0):
                async with http.get(f"{base}{prefix}/proxy/{key}/{session}{end}") as answer:
                    await answer.read()
                    seen.append(answer.status)
    return seen


async def test_case_30_terminate_with_the_access_key_as_token(installed):
    stage, base = installed
    assert set(await terminated_as_a_web_ui_does(base, "", stage)) <= {200, 403}


async def test_case_89_terminate_of_a_v2_session(installed):
    stage, base = installed
    keys = {
        "BACKEND_ACCESS_KEY": stage.user.access_key,
        "BACKEND_SECRET_KEY": stage.user.secret_key,
    }
    async with Client(credentials(keys, stage.installation.endpoint), base) as client:
        for opened in (False, True):
            if opened:
                await client.open_app(str(stage.beta.id), "files")
            assert await terminated_as_a_web_ui_does(base, "/v2", stage) == [200, 200]
