"""``wsproxy compat``: who works with whom, found out by running it."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import click
from yarl import URL

from wsproxy import app
from wsproxy.cli import output
from wsproxy.cli.compat_table import Progress, table
from wsproxy.cli.serve import Signals, loop_factory, raise_file_limit
from wsproxy.compat import elsewhere, matrix, upstream
from wsproxy.compat.eras.clients import clients
from wsproxy.compat.eras.rows import EraError
from wsproxy.compat.house import Made, Wanted, house
from wsproxy.compat.matrix import Cell, NoSuchCell
from wsproxy.compat.outcome import THIS, UPSTREAM, Run
from wsproxy.compat.play import Result
from wsproxy.compat.reports.document import document
from wsproxy.compat.reports.explained import explained
from wsproxy.compat.reports.html import html
from wsproxy.compat.reports.junit import junit
from wsproxy.compat.reports.markdown import markdown
from wsproxy.compat.runner import Done, SetUp, run
from wsproxy.compat.verdict import unplayed
from wsproxy.compat.zoo.table import ANIMALS
from wsproxy.config.settings import Settings
from wsproxy.core.address import Address, Malformed, parse
from wsproxy.observe import logs

JOBS = 8
"""Cells at once: enough for one processor."""

BUDGET = 110.0
"""Seconds for another target: what is not played then is said to be so."""

STOPPED = 130

FORMATS: Mapping[str, Callable[[Run], str]] = {
    "md": markdown,
    "json": document,
    "junit": junit,
    "html": html,
}


@click.command(name="compat")
@click.option("--target", default="", metavar="URL", help="Another running wsproxy.")
@click.option(
    "--secret",
    default="",
    envvar="WSPROXY_API_SECRET",
    help="Its api-secret, for /v2/conf and the open circuits; or WSPROXY_API_SECRET.",
)
@click.option(
    "--manager",
    default="",
    metavar="URL",
    help="Serve the simulated manager and web server at exactly this address of this machine: for "
    "a target that knows one manager only, or stands before it.",
)
@click.option(
    "--upstream", "before", is_flag=True, help="The proxies before this gateway, as stand-ins."
)
@click.option(
    "--only",
    multiple=True,
    metavar="PATTERN",
    help="CLIENT/MODE/ADDRESS as file names are matched, or any one of them. May be repeated.",
)
@click.option(
    "--jobs", type=click.IntRange(1, 64), default=JOBS, show_default=True, help="Cells at once."
)
@click.option("--explain", default="", metavar="CELL", help="The conversation of one cell.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", *FORMATS]),
    default="table",
    show_default=True,
    help="What the result is written as.",
)
@click.option(
    "--output",
    "to",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    default=None,
    help="Write the result to this file.",
)
def command(
    target: str,
    secret: str,
    manager: str,
    before: bool,
    only: tuple[str, ...],
    jobs: int,
    explain: str,
    form: str,
    to: Path | None,
) -> None:
    """Play clients of every age, with every kind of address, and say what works.

    Each cell of the matrix is a client, an installation of v1 or v2, and an address: does the app
    open, is the version report right and in time, is the session deleted? Without --target this
    gateway is asked: it is started for it.

    Exit codes: 0 all that should work does, 1 something does not, 2 usage, 3 nothing at --target.
    """
    if before and target:
        output.fail("--upstream and --target exclude each other", exit_code=output.EXIT_USAGE)
    if manager and not target:
        output.fail("--manager belongs to a --target", exit_code=output.EXIT_USAGE)
    if to is not None and not to.parent.is_dir():
        output.fail(f"{to.parent} is no directory", exit_code=output.EXIT_USAGE)
    cells = _cells(before, only, explain)
    place = _target(target, secret, manager) if target else None
    logs.setup("error", "text")
    raise_file_limit()
    playing = Playing(cells, jobs, place, before)
    result = _until_signal(playing)
    if explain:
        text = explained(result.results[0], result.target)
    else:
        text = table(result) if form == "table" else FORMATS[form](result)
    _write(text, to)
    if not explain and (form != "table" or to is not None):
        output.stderr().print(f"{result.target}: {result.words}", soft_wrap=True)
    raise click.exceptions.Exit(output.EXIT_OK if result.good else output.EXIT_FAILED)


def _cells(before: bool, only: Sequence[str], explain: str) -> tuple[Cell, ...]:
    try:
        every = upstream.cells() if before else matrix.cells(clients(), ANIMALS)
        return (matrix.named(explain, every),) if explain else matrix.only(every, only)
    except (NoSuchCell, EraError) as error:
        output.fail(str(error), exit_code=output.EXIT_USAGE)


Place = tuple[Address, elsewhere.Target]


def _target(target: str, secret: str, manager: str) -> Place:
    address = _address(target, "--target")
    served = URL(str(_address(manager, "--manager"))) if manager else None
    return address, elsewhere.Target(URL(target.strip().rstrip("/")), secret, served)


def _address(text: str, option: str) -> Address:
    address = parse(text.strip())
    if isinstance(address, Malformed):
        output.fail(f"{option} is not a URL: {address.why}", exit_code=output.EXIT_USAGE)
    return address


def _write(text: str, to: Path | None) -> None:
    if to is None:
        click.echo(text, nl=False)
        return
    try:
        to.write_text(text, encoding="utf-8")
    except OSError as error:
        output.fail(f"{to} cannot be written: {error.strerror}")


class Playing:
    """One run, whatever it is against."""

    def __init__(
        self,
        cells: Sequence[Cell],
        jobs: int = JOBS,
        place: Place | None = None,
        before: bool = False,
    ) -> None:
        self._cells = cells
        self._jobs = jobs
        self._place = place
        self._before = before

    async def __call__(self) -> Run:
        started = time.monotonic()
        with Progress(len(self._cells)) as progress:
            if self._place is not None:
                target, fault, results = await self._elsewhere(*self._place, progress.done)
            else:
                target, fault, results = await self._here(progress.done)
        return Run(target, results, fault, time.monotonic() - started)

    async def _here(self, done: Done) -> tuple[str, str, list[Result]]:
        if self._before:
            async with upstream.upstream(self._cells) as set_up:
                return UPSTREAM, "", await self._run(self._cells, set_up, done)
        async with house(self._cells, gateway) as set_up:
            return THIS, "", await self._run(self._cells, set_up, done)

    async def _elsewhere(
        self, address: Address, target: elsewhere.Target, done: Done
    ) -> tuple[str, str, list[Result]]:
        ends = time.monotonic() + BUDGET
        looked = await elsewhere.looked_at(address, target)
        played, left = elsewhere.split(self._cells, looked)
        found = {cell: Result(cell, unplayed(looked.fault)) for cell in left}
        for batch in elsewhere.batches(played, target, looked):
            async with elsewhere.elsewhere(batch, target, looked) as set_up:
                left_seconds = max(0.0, ends - time.monotonic())
                results = await self._run(batch, set_up, done, left_seconds)
                found |= {one.cell: elsewhere.noted(one, looked) for one in results}
        return str(address), looked.fault, [found[cell] for cell in self._cells]

    async def _run(
        self, cells: Sequence[Cell], set_up: SetUp, done: Done, seconds: float | None = None
    ) -> list[Result]:
        return await run(cells, set_up, jobs=self._jobs, done=done, seconds=seconds)


def played(playing: Playing) -> Run | None:
    """None when a person stopped it. Raises ``OSError`` and ``Unreachable``."""
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(_interruptible(playing))


def _until_signal(playing: Playing) -> Run:
    try:
        found = played(playing)
    except elsewhere.Unreachable as error:
        remedy = "Start it, or correct the address."
        output.fail(f"nothing answers at the target: {error}", "", remedy, output.EXIT_UNREACHABLE)
    except OSError as error:
        output.fail(f"cannot start: {error.strerror or error}")
    if found is None:
        output.error("stopped")
        raise click.exceptions.Exit(STOPPED)
    return found


async def _interruptible(playing: Playing) -> Run | None:
    """None when a person stopped it: everything that was started has ended then."""
    main = asyncio.current_task()
    assert main is not None
    signals = Signals(main.cancel)
    with signals:
        try:
            return await playing()
        except asyncio.CancelledError:
            if not signals.count:
                raise
            return None


@asynccontextmanager
async def gateway(wanted: Wanted) -> AsyncIterator[Made]:
    """This gateway in this process, before the server at ``wanted.endpoint``."""
    settings = settings_for(wanted)
    async with app.running(settings) as running:
        yield Made(running.addresses.api, settings.v2.api_secret.get_secret_value())


def settings_for(wanted: Wanted) -> Settings:
    """What a person would write for clients of every age."""
    return Settings.model_validate(
        {
            "gateway": {
                "bind": "127.0.0.1:0",
                "admin-bind": "",
                "grace": 0.0,
                "allowed-origins": ["null"],  # the desktop app of before 2026
            },
            "manager": {"endpoint": wanted.endpoint, "forward": True},
            "groups": {name: {"address": address} for name, address in wanted.groups.items()},
            "v1": {"legacy-tokens": True, "rate-limit": 0},
            "v2": {
                "api-secret": secrets.token_hex(16),
                "jwt-secret": secrets.token_hex(16),
                "permit-secret": secrets.token_hex(16),
                "targets": ["127.0.0.0/8"],  # the apps of the matrix are on loopback
                "ports": "20000-29999",
            },
        }
    )
