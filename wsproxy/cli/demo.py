"""``wsproxy demo``: the story end to end, on a simulated manager, real apps, and this gateway."""

import asyncio
import secrets
import shutil
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import click

from wsproxy import app
from wsproxy.cli import output
from wsproxy.cli.serve import Signals
from wsproxy.client import Client, credentials
from wsproxy.config.settings import Settings
from wsproxy.net.loops import loop_factory
from wsproxy.observe import logs
from wsproxy.sim.jupyter import ContainerError
from wsproxy.sim.stage import HOST, Stage, free_port, staged
from wsproxy.sim.story import Link, Step, Story

CHECK_SECONDS = 110.0
"""For the steps of ``--check``; ending everything afterwards has deadlines of its own."""

CHECK_SIZE = 64 << 20
SHOW_SIZE = 8 << 20
LOWEST_APP_PORT = 30000
PORT_COUNT = 100
"""App ports of v2, from a base that each run chooses: below those that systems give away."""


@click.command(name="demo")
@click.option("--check", is_flag=True, help="Without a person: every step, then exit 0 or 1.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Of the gateway; 0: any.")
def command(check: bool, port: int) -> None:
    """The story end to end: a simulated manager, a real JupyterLab, a gateway between them."""
    play = _check if check else _show
    try:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            succeeded = runner.run(_until_signal(play, port or free_port()))
    except OSError as error:
        output.fail(f"cannot start: {error.strerror or error}")
    except ContainerError as error:
        output.fail(f"cannot start: {error}")
    raise click.exceptions.Exit(output.EXIT_OK if succeeded else output.EXIT_FAILED)


async def _until_signal(play: Callable[[int], Awaitable[bool]], port: int) -> bool:
    """Whether it went well. The first Ctrl-C ends everything in order, a second one at once."""
    main = asyncio.current_task()
    assert main is not None
    signals = Signals(main.cancel)
    with signals:
        try:
            return await play(port)
        except asyncio.CancelledError:
            if not signals.count:
                raise
            return play is _show  # a person ended the demo; nobody should have ended the check


async def _check(port: int) -> bool:
    try:
        async with asyncio.timeout(CHECK_SECONDS), _playing(port, CHECK_SIZE) as story:
            return await story.play()
    except TimeoutError:
        output.error(f"not finished after {CHECK_SECONDS:.0f} s", "demo-timeout")
        return False


async def _show(port: int) -> bool:
    async with _playing(port, SHOW_SIZE) as story:
        if not await story.play():
            output.warn("some steps failed; what did work stays open")
        _print_links(story.links)
        _print_commands(story)
        await asyncio.Event().wait()  # until Ctrl-C
    return True


@asynccontextmanager
async def _playing(port: int, size: int) -> AsyncIterator[Story]:
    """Stage and gateway, running as long as the block."""
    logs.setup("warning", "text")
    base = f"http://{HOST}:{port}"
    output.stdout().print("starting a manager, two JupyterLabs, small apps, and the gateway …")
    async with staged(base) as stage, app.running(settings_of(stage, port)):
        yield Story(stage, base, partial(delete, stage, base), _print_step, size)


def settings_of(stage: Stage, port: int) -> Settings:
    """What a person would write into ``wsproxy.toml`` for this stage."""
    first = LOWEST_APP_PORT + secrets.randbelow(20) * PORT_COUNT
    return Settings.model_validate(
        {
            "gateway": {"bind": f"{HOST}:{port}", "admin-bind": "", "grace": 1.0},
            "manager": {
                "endpoint": stage.installation.endpoint,
                "webserver": stage.installation.webserver,
            },
            "groups": {
                group.name: {"address": group.address or ""}
                for group in stage.installation.world.groups.values()
            },
            "v2": {
                "api-secret": secrets.token_hex(16),
                "jwt-secret": secrets.token_hex(16),
                "permit-secret": secrets.token_hex(16),
                "targets": ["127.0.0.0/8"],  # the containers of the demo are on loopback
                "ports": f"{first}-{first + PORT_COUNT - 1}",
            },
        }
    )


async def delete(stage: Stage, gateway: str, session: str, token: str) -> str:
    """Through the client library, as ``wsproxy terminate`` does."""
    user = stage.user
    keys = {"BACKEND_ACCESS_KEY": user.access_key, "BACKEND_SECRET_KEY": user.secret_key}
    who = credentials(keys, stage.installation.endpoint)
    async with Client(who, gateway, token) as client:
        result = await client.terminate(session)
    return f"session: {result.session.fate}, circuits: {result.circuits.fate}"


def _print_step(step: Step) -> None:
    mark = "ok  " if step.ok else "FAIL"
    line = f"{mark} {step.version:3} {step.seconds:6.2f} s  {step.title}: {step.detail}"
    output.stdout().print(line, style="" if step.ok else "bold red", soft_wrap=True)


def _print_links(links: Sequence[Link]) -> None:
    """One line each, whole: terminals make links of them, however narrow they are."""
    output.stdout().print("open these in a browser:")
    for link in links:
        line = f"  {link.session}'s {link.app}, {link.version}:  {link.url}"
        output.stdout().print(line, soft_wrap=True)


def _program() -> str:
    """How this command was called: after ``make demo`` it is not on the PATH."""
    called = Path(sys.argv[0])
    return "wsproxy" if called.name != "wsproxy" or shutil.which("wsproxy") else str(called)


def _print_commands(story: Story) -> None:
    """The simulated user's credentials, for the other commands in another terminal."""
    stage = story.stage
    program = _program()
    token = story.tokens.get(stage.alpha.id, "TOKEN")
    lines = (
        "or try the other commands; the keys belong to the simulated user:",
        f"  export BACKEND_ENDPOINT={stage.installation.endpoint}",
        f"  export BACKEND_ACCESS_KEY={stage.user.access_key}",
        f"  export BACKEND_SECRET_KEY={stage.user.secret_key}",
        f"  {program} version broken --gateway {story.gateway}",
        f"  {program} status {stage.installation.world.groups['broken'].address}",
        f"  {program} open beta jupyter --gateway {story.gateway}",
        f"  {program} terminate alpha --gateway {story.gateway} --gateway-token {token}",
        "Ctrl-C ends everything.",
    )
    for line in lines:
        output.stdout().print(line, soft_wrap=True)
