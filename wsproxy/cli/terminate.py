"""``wsproxy terminate SESSION…``: delete sessions; a broken proxy never stands in the way."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from wsproxy.cli.identity import EXIT_INTERRUPTED, identity, insecure_option, manager_option
from wsproxy.cli.output import error, json_option, print_json, stderr, stdout, warn
from wsproxy.client import CircuitsPart, Client, Fate, Terminated
from wsproxy.core.deletion import exit_code, unfinished
from wsproxy.core.strangers import line, names_a_session


def _named(context: click.Context, parameter: click.Parameter, sessions: tuple[str, ...]) -> object:
    """Each session once; what cannot be one is a usage error, before anything is deleted."""
    for session in sessions:
        if not names_a_session(session):
            raise click.BadParameter(f"{line(session)!r} is neither an id nor a name.")
    return tuple(dict.fromkeys(sessions))


@click.command("terminate", short_help="Delete sessions.")
@click.argument("sessions", nargs=-1, required=True, metavar="SESSION...", callback=_named)
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
@manager_option
@insecure_option
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
    client = Client(identity(manager), gateway, gateway_token, verify_tls=not insecure)
    found: dict[str, Terminated] = {}

    async def work(advance: Callable[[Terminated], None]) -> None:
        def done(result: Terminated) -> None:
            found[result.id] = result
            advance(result)

        async with client:
            await client.terminate_many(
                sessions, forced=forced, owner_access_key=owner_access_key, done=done
            )

    interrupted = False
    with _progress(len(sessions), visible=not as_json) as advance:
        try:
            asyncio.run(work(advance))
        except KeyboardInterrupt:
            interrupted = True
    results = [found.get(session) or unfinished(session) for session in sessions]
    _tell(results, as_json)
    raise click.exceptions.Exit(EXIT_INTERRUPTED if interrupted else int(exit_code(results)))


@contextmanager
def _progress(total: int, visible: bool) -> Iterator[Callable[[Terminated], None]]:
    """A bar on stderr while several sessions are deleted, where somebody looks."""
    console = stderr()
    with Progress(
        TextColumn("Deleting"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.description}", markup=False),
        console=console,
        transient=True,
        disable=not (visible and total > 1 and console.is_terminal),
    ) as bar:
        task = bar.add_task("", total=total)
        yield lambda result: bar.update(task, advance=1, description=result.id)


def _tell(results: Sequence[Terminated], as_json: bool) -> None:
    if as_json:
        print_json([result.document() for result in results])
        return
    for result in results:
        _tell_one(result)


def _tell_one(result: Terminated) -> None:
    session, circuits = result.session, result.circuits
    if session.gone:
        words = "deleted" if session.fate is Fate.DELETED else "already gone"
        stdout().print(f"{result.id}: {words}{_also(circuits)}", soft_wrap=True)
        if session.fault is not None:
            stdout().print(f"  {session.fault.detail}", soft_wrap=True)
    elif session.fault is not None:
        error(f"{result.id}: not deleted. {session.fault.detail}", session.fault.code)
    if circuits.fault is not None and circuits.fault != session.fault:
        some = "some circuits" if circuits.fate is Fate.CLOSED else "circuits"
        warn(
            f"{result.id}: {some} were not closed. {circuits.fault.detail} [{circuits.fault.code}]"
        )


def _also(circuits: CircuitsPart) -> str:
    if circuits.fate is Fate.DEFERRED:
        return ", its circuits are closed later"
    if circuits.fate is not Fate.CLOSED:
        return ""
    if circuits.closed is None:
        return ", its circuits closed"
    return f", {circuits.closed} circuit{'' if circuits.closed == 1 else 's'} closed"
