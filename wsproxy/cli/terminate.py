"""``wsproxy terminate SESSION…``: delete sessions; a broken proxy never stands in the way."""

import asyncio
import os
from collections.abc import Callable, Sequence

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from wsproxy.cli.output import (
    EXIT_USAGE,
    error,
    fail,
    json_option,
    print_json,
    stderr,
    stdout,
    warn,
)
from wsproxy.client import Client, Configuration, Fate, NoCredentials, Terminated, credentials
from wsproxy.core.address import Malformed, parse, shown
from wsproxy.core.deletion import exit_code

EXIT_INTERRUPTED = 130


@click.command("terminate", short_help="Delete sessions.")
@click.argument("sessions", nargs=-1, required=True, metavar="SESSION...")
@click.option("--forced", is_flag=True, help="Delete whatever the session's status is.")
@click.option("-o", "--owner-access-key", metavar="AK", default="", help="Whose session it is.")
@click.option(
    "--gateway",
    metavar="URL",
    default="",
    envvar="WSPROXY_GATEWAY",
    help="Close the session's circuits there. Without one only the session is deleted.",
)
@click.option(
    "--gateway-token",
    metavar="TOKEN",
    default="",
    envvar="WSPROXY_GATEWAY_TOKEN",
    help="Shown to the gateway instead of the access key.",
)
@click.option("--manager", metavar="URL", default="", help="Instead of BACKEND_ENDPOINT.")
@click.option("--insecure", is_flag=True, help="Do not check certificates.")
@json_option
def command(
    sessions: tuple[str, ...],
    forced: bool,
    owner_access_key: str,
    gateway: str,
    gateway_token: str,
    manager: str,
    insecure: bool,
    as_json: bool,
) -> None:
    """Delete sessions by id or name, and close their circuits at a gateway.

    Who you are comes from BACKEND_ENDPOINT with BACKEND_ACCESS_KEY and BACKEND_SECRET_KEY, or with
    BACKEND_SESSION. Exit codes: 0 every session is gone (a warning where circuits were not closed),
    1 some were not deleted, 2 usage, 3 the manager cannot be reached.
    """
    who = _identity(manager)
    client = Client(who, _checked_gateway(gateway), gateway_token, verify_tls=not insecure)
    wanted = tuple(dict.fromkeys(sessions))

    async def work(done: Callable[[Terminated], None]) -> list[Terminated]:
        async with client:
            return await client.terminate_many(
                wanted, forced=forced, owner_access_key=owner_access_key, done=done
            )

    results: list[Terminated] = []
    try:
        with _progress(len(wanted), visible=not as_json) as advance:

            def done(result: Terminated) -> None:
                results.append(result)
                advance(result)

            ordered = asyncio.run(work(done))
    except KeyboardInterrupt:
        _tell(results, as_json)
        error("interrupted; what is not listed may or may not have been deleted", "interrupted")
        raise click.exceptions.Exit(EXIT_INTERRUPTED) from None
    _tell(ordered, as_json)
    raise click.exceptions.Exit(int(exit_code(ordered)))


def _identity(manager: str) -> Configuration:
    try:
        return credentials(os.environ, manager)
    except NoCredentials as wrong:
        fail(str(wrong), "no-credentials", exit_code=EXIT_USAGE)


def _checked_gateway(text: str) -> str:
    """An unusable gateway is said, and does not stop the deletion."""
    if not text:
        return ""
    address = parse(text.strip())
    if isinstance(address, Malformed):
        warn(f"--gateway {shown(text)} is not usable: {address.why}; circuits are not closed")
        return ""
    return text.strip()


class _progress:
    """A bar on stderr while several sessions are deleted, where somebody looks."""

    def __init__(self, total: int, visible: bool) -> None:
        console = stderr()
        self._shown = visible and total > 1 and console.is_terminal
        self._bar = Progress(
            TextColumn("Deleting"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.description}", markup=False),
            console=console,
            transient=True,
            disable=not self._shown,
        )
        self._task = self._bar.add_task("", total=total)

    def __enter__(self) -> Callable[[Terminated], None]:
        self._bar.start()
        return self._advance

    def __exit__(self, *failure: object) -> None:
        self._bar.stop()

    def _advance(self, result: Terminated) -> None:
        self._bar.update(self._task, advance=1, description=result.id)


def _tell(results: Sequence[Terminated], as_json: bool) -> None:
    if as_json:
        print_json([result.document() for result in results])
        return
    for result in results:
        _tell_one(result)


_CIRCUITS = {
    Fate.NONE: "",
    Fate.DEFERRED: ", its circuits are closed later",
    Fate.FAILED: "",
}


def _tell_one(result: Terminated) -> None:
    session, circuits = result.session, result.circuits
    if session.gone:
        words = "deleted" if session.fate is Fate.DELETED else "already gone"
        if circuits.fate is Fate.CLOSED:
            also = f", {circuits.closed} circuit{'' if circuits.closed == 1 else 's'} closed"
        else:
            also = _CIRCUITS[circuits.fate]
        stdout().print(f"{result.id}: {words}{also}", soft_wrap=True)
        if session.fault is not None:
            stdout().print(f"  {session.fault.detail}", soft_wrap=True)
    elif session.fault is not None:
        error(f"{result.id}: not deleted. {session.fault.detail}", session.fault.code)
    if circuits.fault is not None:
        warn(f"{result.id}: circuits were not closed. {circuits.fault.detail}")
