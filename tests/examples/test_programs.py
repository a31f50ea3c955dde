"""Every program in ``examples/`` runs, against the simulated installation."""

import asyncio
import os
import shlex
import sys
from pathlib import Path

import pytest
from aiohttp import web

from tests.sim.conftest import USER, simulated
from wsproxy.sim.site import Site
from wsproxy.sim.stage import free_port

EXAMPLES = Path(__file__).parents[2] / "examples"
ROOT = EXAMPLES.parent
COMMAND = (sys.executable, "-c", "from wsproxy.cli.main import main; main()")


async def run(*command: str, **variables: str) -> tuple[int, str]:
    """(exit code, what it printed) of a program; it has half a minute."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    process = await asyncio.create_subprocess_exec(
        *command,
        env=kept | {"PYTHONPATH": str(ROOT)} | variables,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(30):
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

    app = web.Application()
    app.add_routes([web.get("/status", about)])
    site = await Site(app).start()
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
    command = directory / "wsproxy"
    command.write_text(f'#!/bin/sh\nexec {shlex.join(COMMAND)} "$@"\n')
    command.chmod(0o755)
    path = f"{directory}{os.pathsep}{os.environ['PATH']}"
    return await run("sh", str(EXAMPLES / "address_doctor.sh"), *addresses, PATH=path)
