"""The demo's stage stands with real apps, and nothing of it is left afterwards."""

import asyncio

import pytest

from tests.sim.conftest import USER
from tests.sim.fakes import FakeLab
from wsproxy.sim import stage as staging
from wsproxy.sim.jupyter import ContainerError
from wsproxy.sim.stage import Containers, staged
from wsproxy.sim.world import Session


async def accepts(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionRefusedError:
        return False
    writer.close()
    await writer.wait_closed()
    return True


@pytest.fixture
def labs(monkeypatch):
    made: list[FakeLab] = []

    def make() -> FakeLab:
        made.append(FakeLab())
        return made[-1]

    monkeypatch.setattr(staging, "JupyterLab", make)
    return made


async def test_three_groups_five_sessions_and_apps_that_answer(labs):
    async with staged("http://127.0.0.1:5") as stage:
        groups = stage.installation.world.groups
        assert (groups["local"].address, groups["gpu"].address) == (None, "http://127.0.0.1:5")
        assert groups["broken"].address
        assert [(session.name, session.group) for session in stage.sessions] == [
            ("alpha", "local"),
            ("beta", "gpu"),
            ("gamma", "broken"),
            ("delta", "local"),
            ("epsilon", "gpu"),
        ]
        apps = [sorted(session.apps) for session in stage.sessions]
        assert apps == [["files", "jupyter", "sshd"]] * 2 + [["files", "sshd"]] * 3
        ports = [app.port for app in stage.gamma.apps.values()]
        assert all([await accepts(port) for port in ports])
        await stage.containers.end(stage.gamma)
        assert stage.containers.of(stage.gamma) == ()
        assert not any([await accepts(port) for port in ports])
        alpha = [stage.alpha.apps[name].port for name in ("files", "sshd")]
        assert all([await accepts(port) for port in alpha])
    assert not any([await accepts(port) for port in alpha])
    assert all(lab.closed.is_set() for lab in labs)


async def test_an_app_that_cannot_start_ends_the_others(labs, monkeypatch):
    monkeypatch.setattr(FakeLab, "fails", True)
    with pytest.raises(ContainerError, match="no luck"):
        async with staged("http://127.0.0.1:5"):
            pass
    assert labs
    assert all(lab.closed.is_set() for lab in labs)


async def test_ending_a_session_without_containers_is_nothing():
    await Containers().end(Session("s", "g", USER.access_key))
