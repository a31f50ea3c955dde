"""``wsproxy status URL``: the address doctor."""

import asyncio
import sys
import time

import click
from rich.text import Text

from wsproxy.cli.output import EXIT_FAILED, json_option, print_json, stdout
from wsproxy.core.address import Malformed, parse, shown
from wsproxy.core.doctor import Examination, examine
from wsproxy.core.findings import Finding, Level
from wsproxy.core.version import Answer, judge
from wsproxy.net.asking import Asker, AskRules

_STYLES = {Level.NOTE: "cyan", Level.WARNING: "yellow", Level.PROBLEM: "bold red"}


@click.command("status", short_help="Address doctor.")
@click.argument("url")
@click.option(
    "--deadline",
    type=click.FloatRange(0.05, 60),
    default=2.0,
    show_default=True,
    help="Seconds for each question.",
)
@json_option
def command(url: str, deadline: float, as_json: bool) -> None:
    """Say what answers at URL, which version it speaks, what is wrong, and how to mend it.

    Each fault is told with its mend and the place in the documents that explains it.
    Exit code 0 when a healthy wsproxy answers there, else 1.
    """
    examination = asyncio.run(look(url, deadline))
    if as_json:
        print_json(examination.document())
    else:
        _show(examination)
    sys.exit(0 if examination.healthy else EXIT_FAILED)


async def look(url: str, deadline: float) -> Examination:
    """Ask ``/status``, and ``/`` too when that is not a wsproxy's."""
    text = url.strip()
    address = parse(text)
    if isinstance(address, Malformed):
        return examine(text, judge(address, shown(text)), time.time())
    asker = Asker(AskRules(deadline=deadline))
    report = judge(await asker.ask(address, whole=True), shown(text))
    root = None
    if report.degraded and isinstance(report.seen, Answer):
        root = await asker.ask(address, "/", whole=True)
    return examine(text, report, time.time(), root)


def _show(examination: Examination) -> None:
    report, console = examination.report, stdout()
    mark = Text("✓ ", "bold green") if examination.healthy else Text("✗ ", "bold red")
    console.print(mark + Text(f"{report.address}: {report.version} ({report.reason})", "bold"))
    console.print(f"  {report.happened}")
    if examination.looks_like:
        console.print(f"  It looks like {examination.looks_like}.")
    for finding in examination.findings:
        _show_finding(finding, told=finding.code == report.reason)
    if examination.clock:
        console.print(Text(f"  clock: {examination.clock}", "dim"))


def _show_finding(finding: Finding, told: bool) -> None:
    """``told``: its text is on the screen already."""
    console = stdout()
    if not told:
        console.print(Text(f"  {finding.level}: ", _STYLES[finding.level]) + Text(finding.text))
    console.print(Text(f"  → {finding.mend}") + Text(f" ({finding.see})", "dim"))
