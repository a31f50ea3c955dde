"""Every program in ``examples/`` runs, against the simulated installation."""

import asyncio
import os
import shlex
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from aiohttp import web
from yarl import URL

from tests.sim.conftest import USER, simulated
from tests.sim.fakes import FakeLab
from tests.support.node import SECRETS, settings
from wsproxy import app
from wsproxy.cli.demo import settings_of
from wsproxy.sim import stage as staging
from wsproxy.sim import transfer
from wsproxy.sim.site import Site
from wsproxy.sim.stage import Stage, free_port
from wsproxy.sim.visitor import new_http

EXAMPLES = Path(__file__).parents[2] / "examples"
ROOT = EXAMPLES.parent
COMMAND = (sys.executable, "-c", "from wsproxy.cli.main import main; main()")


async def run(*command: str, **variables: str) -> tuple[int, str]:
    """(exit code, what it printed) of a program; it has a minute."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    process = await asyncio.create_subprocess_exec(
        *command,
        env=kept | {"PYTHONPATH": str(ROOT)} | variables,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(60):
        printed, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, printed.decode()


def keys(endpoint: str) -> dict[str, str]:
    return {
        "BACKEND_ENDPOINT": endpoint,
        "BACKEND_ACCESS_KEY": USER.access_key,
        "BACKEND_SECRET_KEY": USER.secret_key,
    }


async def test_delete_sessions_deletes_though_the_gateway_is_dead():
    async with simulated() as sim:
        other = sim.world.add_session("other", "broken", USER.access_key)
        code, printed = await run(
            sys.executable,
            str(EXAMPLES / "delete_sessions.py"),
            "work",
            str(other.id),
            "never-was",
            WSPROXY_GATEWAY=f"http://127.0.0.1:{free_port()}",
            **keys(sim.running.endpoint),
        )
        assert sorted(sim.ended) == ["other", "work"]
    assert "work: session deleted, circuits failed" in printed
    assert "never-was: session already-gone" in printed
    assert code == 0


async def test_delete_sessions_fails_when_one_is_left():
    async with simulated() as sim:
        sim.world.add_session("work", "local", USER.access_key)
        script = str(EXAMPLES / "delete_sessions.py")
        code, printed = await run(sys.executable, script, "work", **keys(sim.running.endpoint))
        assert sim.ended == []
    assert (code, "work: session failed" in printed) == (1, True)


@pytest.fixture
async def healthy():
    async def about(request: web.Request) -> web.Response:
        return web.json_response({"api_version": "v2", "advertise_address": "http://x"})

    proxy = web.Application()
    proxy.add_routes([web.get("/status", about)])
    site = await Site(proxy).start()
    yield site.url
    await site.close()


async def test_the_address_doctor_is_silent_while_all_is_well(healthy, tmp_path):
    assert await ask_doctor(tmp_path, healthy, healthy + "/") == (0, "")


async def test_the_address_doctor_names_the_wrong_address_and_the_reason(healthy, tmp_path):
    wrong = f"http://127.0.0.1:{free_port()}"
    code, printed = await ask_doctor(tmp_path, healthy, wrong)
    assert code == 1
    assert wrong in printed
    assert "address-refused" in printed
    assert healthy not in printed


async def ask_doctor(directory: Path, *addresses: str) -> tuple[int, str]:
    """The script finds the command on its PATH, as cron's does."""
    path = with_command(directory)
    return await run("sh", str(EXAMPLES / "address_doctor.sh"), *addresses, PATH=path)


def with_command(directory: Path) -> str:
    """A PATH on which the command is."""
    command = directory / "wsproxy"
    command.write_text(f'#!/bin/sh\nexec {shlex.join(COMMAND)} "$@"\n')
    command.chmod(0o755)
    return f"{directory}{os.pathsep}{os.environ['PATH']}"


async def test_a_gateway_is_played_against_before_an_upgrade(tmp_path):
    report, patterns = tmp_path / "report.xml", ("webui-26.9/*/healthy", "webui-26.9/v2/refuse")
    script = str(EXAMPLES / "before_an_upgrade.sh")
    async with app.running(settings(v2=SECRETS)) as gateway:
        place = (gateway.addresses.api, str(report))
        variables = {"PATH": with_command(tmp_path), "WSPROXY_API_SECRET": SECRETS["api-secret"]}
        code, printed = await run("sh", script, *place, *patterns, **variables)
    assert code == 0, printed
    assert ET.parse(report).getroot().get("tests") == "3"


@pytest.fixture
async def staged_gateway(monkeypatch):
    """The demo's stage without JupyterLab, and a gateway that serves it."""
    monkeypatch.setattr(staging, "JupyterLab", FakeLab)
    port = free_port()
    gateway = f"http://127.0.0.1:{port}"
    async with staging.staged(gateway) as stage, app.running(settings_of(stage, port)):
        yield stage, gateway


async def open_app(stage: Stage, gateway: str, session: str, name: str) -> tuple[int, str]:
    keys = {
        "BACKEND_ENDPOINT": stage.installation.endpoint,
        "BACKEND_ACCESS_KEY": stage.user.access_key,
        "BACKEND_SECRET_KEY": stage.user.secret_key,
    }
    script = str(EXAMPLES / "open_app.py")
    variables = keys | ({"WSPROXY_GATEWAY": gateway} if gateway else {})
    return await run(sys.executable, script, session, name, **variables)


@pytest.mark.parametrize(("session", "version"), [("alpha", "v1"), ("beta", "v2"), ("gamma", "v1")])
async def test_open_app_opens_in_the_version_that_holds(staged_gateway, session, version):
    stage, gateway = staged_gateway
    code, printed = await open_app(stage, gateway, session, "files")
    assert code == 0, printed
    said, _reason, place = printed.split()
    assert said == version
    async with new_http() as http, http.get(URL(place, encoded=True)) as answer:
        assert "The shelf" in await answer.text()
    code, printed = await open_app(stage, gateway, session, "sshd")
    assert code == 0, printed
    host, _, port = printed.split()[2].rpartition(":")
    await transfer.echo(host, int(port), b"through " + session.encode())


async def test_open_app_says_why_not(staged_gateway):
    stage, gateway = staged_gateway
    code, printed = await open_app(stage, gateway, "alpha", "nosuch")
    assert (code, "[app-not-found]" in printed) == (1, True)
    code, printed = await open_app(stage, "", "alpha", "files")
    assert (code, "v1 holds (address-not-set)" in printed) == (1, True)
