"""``wsproxy circuits``: what is open now, its activity; close one."""

import asyncio
import time
from collections.abc import Sequence
from typing import NoReturn

import click
from rich.console import RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text
from yarl import URL

from wsproxy.cli.output import (
    EXIT_UNREACHABLE,
    EXIT_USAGE,
    fail,
    json_option,
    print_json,
    stdout,
)
from wsproxy.client.management import GatewayCircuits, NotAnswered, Row, Unreachable
from wsproxy.core.strangers import line

ADMIN = "http://127.0.0.1:5051"
"""The default of ``admin-bind``."""

SHORTEST_PREFIX = 4


@click.command("circuits", short_help="What is open now, its activity; close one.")
@click.option(
    "--gateway",
    metavar="URL",
    default=ADMIN,
    show_default=True,
    envvar="WSPROXY_ADMIN",
    help="The gateway's admin port; or its control API, with --token.",
)
@click.option(
    "--token",
    metavar="SECRET",
    default="",
    envvar="WSPROXY_API_SECRET",
    help="The api-secret of [v2]. The admin port needs none.",
)
@click.option(
    "--close",
    "closing",
    metavar="ID",
    multiple=True,
    help="Close it; the start of its id is enough.",
)
@click.option("--watch", is_flag=True, help="Show it again and again, until interrupted.")
@click.option(
    "--interval",
    type=click.FloatRange(0.05, 3600),
    default=2.0,
    show_default=True,
    help="Seconds between two looks of --watch.",
)
@json_option
def command(
    gateway: str, token: str, closing: tuple[str, ...], watch: bool, interval: float, as_json: bool
) -> None:
    """Show every open circuit of a gateway, of both versions, and what it carries.

    Exit codes: 0 done, 1 refused, or a circuit to close is not open, 2 usage, 3 the gateway cannot
    be reached.
    """
    if watch and (as_json or closing):
        raise click.UsageError("--watch goes with neither --json nor --close.")
    circuits = GatewayCircuits(_url(gateway), token)
    try:
        if watch:
            asyncio.run(_watch(circuits, interval))
        elif closing:
            asyncio.run(_close(circuits, closing, as_json))
        else:
            asyncio.run(_list(circuits, as_json))
    except KeyboardInterrupt:
        return  # how watching ends
    except Unreachable as error:
        remedy = "Is it running, and is admin-bind set? Another one is named by --gateway."
        fail(f"no answer from {gateway}: {error}", "gateway-unreachable", remedy, EXIT_UNREACHABLE)
    except NotAnswered as answer:
        _refused(gateway, answer)


def _url(gateway: str) -> URL:
    try:
        url = URL(gateway.strip())
        usable = url.scheme in {"http", "https"} and bool(url.host)
    except ValueError:
        url, usable = URL(), False
    if not usable:
        remedy = "Write it as http://HOST:PORT, an IPv6 address in brackets."
        fail("--gateway is not usable", "gateway-malformed", remedy, EXIT_USAGE)
    return url


def _refused(gateway: str, answer: NotAnswered) -> NoReturn:
    remedy = f"See `wsproxy status {gateway}`."
    if answer.status == 401:
        remedy = "Give the api-secret of [v2] with --token, or ask the admin port."
    fail(f"{gateway} refuses: {answer}", answer.code or f"status-{answer.status}", remedy)


async def _list(circuits: GatewayCircuits, as_json: bool) -> None:
    async with circuits:
        rows = await circuits.listing()
    if as_json:
        print_json(rows)
    else:
        stdout().print(shown(rows, time.time()))


async def _watch(circuits: GatewayCircuits, interval: float) -> None:
    """In a terminal the table stays in its place; elsewhere each one follows the last."""
    console = stdout()
    async with circuits:
        if not console.is_terminal:
            while True:
                console.print(shown(await circuits.listing(), time.time()))
                await asyncio.sleep(interval)
        with Live(console=console, auto_refresh=False, screen=True) as live:
            while True:
                live.update(shown(await circuits.listing(), time.time()), refresh=True)
                await asyncio.sleep(interval)


async def _close(circuits: GatewayCircuits, wanted: Sequence[str], as_json: bool) -> None:
    async with circuits:
        known = [str(row.get("id", "")) for row in await circuits.listing()]
        chosen = [_chosen(text, known) for text in wanted]
        results = [{"id": one, "closed": await circuits.close(one)} for one in chosen]
    if as_json:
        print_json(results)
        return
    for result in results:
        stdout().print(f"{line(result['id'])}: {'closed' if result['closed'] else 'gone already'}")


def _chosen(text: str, known: Sequence[str]) -> str:
    """The one circuit whose id begins so; leaves the command when there is none, or several."""
    if len(text) < SHORTEST_PREFIX:
        message = f"{line(text)!r} is too short: {SHORTEST_PREFIX} characters at least"
        fail(message, "id-too-short", exit_code=EXIT_USAGE)
    found = [one for one in known if one.startswith(text.lower())]
    if not found:
        fail(f"no open circuit begins with {line(text)!r}", "object-not-found")
    if len(found) > 1:
        fail(f"{len(found)} circuits begin with {line(text)!r}", "id-ambiguous")
    return found[0]


def shown(rows: Sequence[Row], now: float) -> RenderableType:
    """The table for a person; everything in it was said by a server and is shown as text."""
    if not rows:
        return Text("No circuit is open.")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("CIRCUIT", "VERSION", "APP", "PROTOCOL", "SESSION", "LISTENER"):
        table.add_column(name, no_wrap=True)
    for name in ("OPEN", "REQUESTS", "IN", "OUT", "LAST USE"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(line(cell)) for cell in _cells(row, now)))
    return table


def _cells(row: Row, now: float) -> tuple[object, ...]:
    listener = row.get("subdomain") or row.get("port") or "-"
    sessions = row.get("session_ids")
    session = sessions[0] if isinstance(sessions, list) and sessions else "-"
    return (
        row.get("id", "-"),
        row.get("wsproxy_version", "-"),
        row.get("app", "-"),
        row.get("protocol", "-"),
        session,
        listener,
        row.get("connections", "-"),
        row.get("requests", "-"),
        size(row.get("bytes_in")),
        size(row.get("bytes_out")),
        _last_use(row, now),
    )


def size(count: object) -> str:
    """Bytes for a person: ``17 B``, ``1.5 kB``, ``64.0 MB``."""
    if not isinstance(count, int | float):
        return "-"
    if count < 1000:
        return f"{count:.0f} B"
    amount = float(count)
    for unit in ("kB", "MB", "GB"):
        amount /= 1000
        if amount < 999.95:
            return f"{amount:.1f} {unit}"
    return f"{amount / 1000:.1f} TB"


def _last_use(row: Row, now: float) -> str:
    if row.get("connections"):
        return "now"
    when = row.get("last_access")
    if not isinstance(when, int | float):
        return "never"
    return ago(now - when / 1000)


def ago(seconds: float) -> str:
    """``5 s ago``, ``12 min ago``, ``3 h ago``, ``4 d ago``; clocks may differ a little."""
    seconds = max(0.0, seconds)
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length:.0f} {unit} ago"
    return f"{seconds:.0f} s ago"
