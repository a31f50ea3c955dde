"""``wsproxy open SESSION APP``: open an app from a terminal, v1 or v2, whichever holds."""

import asyncio
import os
import signal
from contextlib import suppress
from dataclasses import dataclass

import click

from wsproxy.cli.identity import EXIT_INTERRUPTED, identity, insecure_option, manager_option
from wsproxy.cli.local import Local, run_local_v1
from wsproxy.cli.output import (
    EXIT_FAILED,
    EXIT_OK,
    EXIT_UNREACHABLE,
    error,
    json_option,
    print_json,
    stderr,
    stdout,
    warn,
)
from wsproxy.client import Client, Fault, ListenerNeeded, NotOpened, Opened
from wsproxy.core.circuit import Protocol, Transport
from wsproxy.core.configuration import Configuration
from wsproxy.core.hosts import is_loopback
from wsproxy.core.wire import Version
from wsproxy.manager.handshake import HandshakeRules
from wsproxy.manager.stream import StreamRules
from wsproxy.net.binding import PortTaken

DEFAULT_HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Bind:
    host: str = DEFAULT_HOST
    port: int = 0


def _bind(context: click.Context, parameter: click.Parameter, text: str) -> Bind:
    """``[HOST:]PORT``; an IPv6 address in brackets."""
    host, colon, port = text.rpartition(":")
    host = host.strip("[]") if colon else DEFAULT_HOST
    if not (port.isascii() and port.isdigit() and int(port) <= 65535):
        raise click.BadParameter(f"{text!r} has no port from 0 to 65535.")
    if not is_loopback(host):
        raise click.BadParameter(f"{host!r} is not an address of this machine alone.")
    return Bind(host, int(port))


@click.command("open", short_help="Open an app of a session.")
@click.argument("session")
@click.argument("app")
@click.option(
    "--gateway",
    metavar="URL",
    default="",
    envvar="WSPROXY_GATEWAY",
    help="A gateway on this machine that opens v1 apps, and knows groups.",
)
@manager_option
@click.option("--group", metavar="G", default="", help="The session's resource group, if known.")
@click.option("--project", default="", help="Name or id of the project, where a manager asks.")
@click.option(
    "--bind",
    default="0",
    metavar="[HOST:]PORT",
    callback=_bind,
    help="Where to listen in v1; any free port of 127.0.0.1 by default.",
)
@click.option(
    "--protocol",
    type=click.Choice([protocol.value for protocol in Protocol]),
    default=None,
    help="What the app speaks, instead of what the manager lists.",
)
@insecure_option
@json_option
def command(
    session: str,
    app: str,
    gateway: str,
    manager: str,
    group: str,
    project: str,
    bind: Bind,
    protocol: str | None,
    insecure: bool,
    as_json: bool,
) -> None:
    """Open APP of SESSION and print where it is: a URL, or HOST:PORT for TCP apps.

    Where v1 holds, a gateway on this machine opens it; without one this command listens itself
    until it is interrupted. Who you are comes from BACKEND_ENDPOINT with BACKEND_ACCESS_KEY and
    BACKEND_SECRET_KEY, or with BACKEND_SESSION. Exit codes: 0 opened, 1 not opened, 2 usage, 3 the
    manager cannot be reached.
    """
    spoken = Protocol(protocol) if protocol else None
    wanted = Wanted(session, app, group, project, bind, spoken, insecure, as_json)
    try:
        code = asyncio.run(_open(identity(manager), gateway, wanted))
    except KeyboardInterrupt:
        code = EXIT_INTERRUPTED
    raise click.exceptions.Exit(code)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for on the command line."""

    session: str
    app: str
    group: str
    project: str
    bind: Bind
    protocol: Protocol | None
    insecure: bool
    as_json: bool


async def _open(who: Configuration, gateway: str, wanted: Wanted) -> int:
    """The exit code."""
    async with Client(who, gateway, verify_tls=not wanted.insecure) as client:
        outcome = await client.open_app(
            wanted.session,
            wanted.app,
            group=wanted.group,
            project=wanted.project,
            port=wanted.bind.port,
            protocol=wanted.protocol,
        )
    if isinstance(outcome, NotOpened):
        error(outcome.fault.detail, outcome.fault.code)
        return EXIT_UNREACHABLE if outcome.unreachable else EXIT_FAILED
    if isinstance(outcome, Opened):
        _show(outcome, wanted.as_json)
        return EXIT_OK
    if outcome.gateway_fault is not None:
        _tell_gateway(outcome.gateway_fault)
    return await _open_here(who, wanted, outcome)


async def _open_here(who: Configuration, wanted: Wanted, needed: ListenerNeeded) -> int:
    """v1, and nobody listens for us: this command does, as long as it runs."""
    rules = StreamRules(
        handshake=HandshakeRules(verify_tls=not wanted.insecure),
        http_proxy=os.environ.get("EXT_HTTP_PROXY", ""),
    )
    bind = wanted.bind
    try:
        async with run_local_v1(
            who, wanted.session, wanted.app, bind.host, bind.port, rules
        ) as local:
            return await serve(local, opened_here(local, needed), wanted.as_json)
    except PortTaken as taken:
        error(str(taken), "port-not-available", "Choose another port with --bind.")
        return EXIT_FAILED


def _show(opened: Opened, as_json: bool) -> None:
    if as_json:
        print_json(opened.document())
        return
    stderr().print(f"version {opened.version} ({opened.reason})", soft_wrap=True)
    stdout().print(opened.place, soft_wrap=True)


def _tell_gateway(fault: Fault) -> None:
    warn(f"the gateway did not open it, so this command does. {fault.detail} [{fault.code}]")


def opened_here(local: Local, needed: ListenerNeeded) -> Opened:
    """The app at our own listener."""
    host = f"[{local.host}]" if ":" in local.host else local.host
    url = f"http://{host}:{local.port}/" if needed.transport is Transport.HTTP else ""
    return Opened(Version.V1, needed.reason, url, local.host, local.port)


async def serve(local: Local, opened: Opened, as_json: bool) -> int:
    """Until a signal, which is the normal end, or until the manager does not know the session."""
    stopped, loop = asyncio.Event(), asyncio.get_running_loop()

    def stop() -> None:
        stopped.set()
        local.gone.set()

    with suppress(NotImplementedError):  # Windows: Ctrl-C arrives as KeyboardInterrupt
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop)
    _show(opened, as_json)
    stderr().print("Press Ctrl-C to close it.")
    await local.gone.wait()
    if stopped.is_set():
        return EXIT_OK
    error("The manager does not know the session or the app any more.", "session-not-found")
    return EXIT_FAILED
