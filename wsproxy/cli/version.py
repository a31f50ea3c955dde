"""``wsproxy version GROUP``: the version report, asked from a gateway."""

import asyncio
import json
import sys
from typing import Any
from urllib.parse import quote

import click
from rich.text import Text

from wsproxy.cli.output import (
    EXIT_FAILED,
    EXIT_UNREACHABLE,
    EXIT_USAGE,
    fail,
    json_option,
    print_json,
    stdout,
    warn,
)
from wsproxy.core.address import Address, Malformed, parse, shown
from wsproxy.core.version import Answer, judge, shortened
from wsproxy.net.asking import Asker, AskRules
from wsproxy.net.listening import Heard

DEADLINE = 10.0
"""Seconds; the gateway's own probe takes at most 2 of them by default."""

GATEWAY = "http://127.0.0.1:5050"


@click.command("version", short_help="The version report of a group.")
@click.argument("group")
@click.option(
    "--gateway", metavar="URL", default=GATEWAY, show_default=True, envvar="WSPROXY_GATEWAY"
)
@click.option("--project", default="", help="Name or id of the project, where a manager asks.")
@json_option
def command(group: str, gateway: str, project: str, as_json: bool) -> None:
    """Say which protocol generation holds for GROUP, and why.

    Exit code 0 when the gateway names a version, 1 when it knows no such group or is no wsproxy,
    3 when it cannot be reached.
    """
    address = parse(gateway.strip())
    if isinstance(address, Malformed):
        remedy = "Write it as http://HOST:PORT, an IPv6 address in brackets."
        message = f"--gateway {shown(gateway)} is not usable: {address.why}"
        fail(message, "gateway-malformed", remedy, EXIT_USAGE)
    document = _report(asyncio.run(_ask(address, group, project)), address)
    if as_json:
        print_json(document)
    else:
        _show(group, document)
    sys.exit(EXIT_FAILED if document.get("reason") == "group-not-found" else 0)


async def _ask(address: Address, group: str, project: str) -> Heard:
    path = f"/scaling-groups/{quote(group, safe='')}/wsproxy-version"
    query = f"?group={quote(project, safe='')}" if project else ""
    return await Asker(AskRules(deadline=DEADLINE)).ask(address, path + query, whole=True)


def _report(heard: Heard, address: Address) -> dict[str, Any]:
    """The report in the answer, whatever its status; leaves the command when there is none."""
    if not isinstance(heard, Answer):
        happened = judge(heard, str(address)).happened
        remedy = f"See `wsproxy status {address}`."
        fail(f"no version report: {happened}", "gateway-unreachable", remedy, EXIT_UNREACHABLE)
    try:
        document = json.loads(heard.body)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict) or "wsproxy_version" not in document:
        message = f"{address} answers {heard.status} without a version report"
        fail(message, "gateway-not-a-wsproxy", f"See `wsproxy status {address}`.")
    return document


def _show(group: str, document: dict[str, Any]) -> None:
    def said(key: str) -> str:
        return shortened(str(document.get(key, "")))

    reason = f" ({said('reason')})" if document.get("reason") else ""
    stdout().print(Text(f"{group}: ") + Text(said("wsproxy_version"), "bold") + Text(reason))
    if document.get("degraded"):
        text = str(document.get("detail", "degraded"))
        warn("".join(char if char.isprintable() else "?" for char in text))
