"""Protocol section 11, the cases about those who talk to managers and delete sessions: 30, 37, 89."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from aiohttp import ClientSession

from tests.sim.fakes import FakeLab
from wsproxy import app
from wsproxy.cli.demo import settings_of
from wsproxy.client import Client, credentials
from wsproxy.core.configuration import Configuration, Mode
from wsproxy.core.signing import ToSign, signature
from wsproxy.core.streamfields import stream_fields
from wsproxy.sim import stage as staging
from wsproxy.sim.stage import Stage, free_port, staged

HOST = "api.example.com:8081"


def test_case_37_the_gateways_handshake_carries_the_first_vector():
    now = datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)
    who = Configuration(f"http://{HOST}", Mode.API, "AK", "SECRETKEY", api_version=9)
    target = "/stream/session/3f1c0b3e-1111-4222-8333-444455556666/httpproxy?app=jupyter"
    fields = dict(stream_fields(who, target, HOST, now))
    assert fields["X-BackendAI-Date"] == "2026-01-02T03:04:05.678Z"
    assert fields["Authorization"] == (
        "BackendAI signMethod=HMAC-SHA256, credential=AK:"
        "57161913c37a278aa48027e3d8eee33294479ec3197f7ff82be799ec9095e2cd"
    )
    assert "Date" not in fields


def test_case_37_the_second_vector():
    covered = ToSign(
        "GET",
        "/stream/session/my-sess/tcpproxy?app=sshd",
        HOST,
        "2026-01-02T03:04:05.678901+00:00",
        "application/octet-stream",
        "v9.20250722",
    )
    assert signature("SECRETKEY", covered, "20260102") == (
        "acbc94a12a731fe620e20423863d31b676d755a16f23e2c805e9bfac2a8c8f8e"
    )


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
