#!/usr/bin/env python3
"""Write the pages of ``docs/`` that are made from the code: ``python -m scripts.docs [--check]``.

With ``--check`` nothing is written; exit code 1 names the pages that are stale.
"""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import click

from scripts.errors import page as errors
from wsproxy.cli.main import COMMANDS
from wsproxy.cli.main import main as wsproxy
from wsproxy.compat.eras.clients import clients
from wsproxy.compat.eras.managers import managers
from wsproxy.compat.eras.proxies import proxies
from wsproxy.compat.zoo.table import ANIMALS
from wsproxy.config.reference import page as settings
from wsproxy.observe.metrics import COUNTERS, GAUGES, HISTOGRAMS, WATCHED

DOCS = Path(__file__).resolve().parent.parent / "docs"

METRICS = """\
# Metrics

Served at `/metrics` of `gateway.admin-bind`. Labels are from small fixed sets: no addresses, users,
sessions or apps. Names that begin with `appproxy_` are those of upstream's worker. This page is
generated from the code (`make docs`).

| name | type | meaning | labels |
|---|---|---|---|
"""

COMMANDS_HEAD = """\
# Commands

`wsproxy COMMAND --help` says the same. This page is generated from the code (`make docs`).

Credentials of commands come from the variables of the Python client: `BACKEND_ENDPOINT`,
`BACKEND_ACCESS_KEY` and `BACKEND_SECRET_KEY`, or `BACKEND_SESSION` for a session of a web server.
"""

ERAS = """\
# Eras

One row for each release line of every peer, as data (`wsproxy/compat/eras/`), where each row names
what it was learnt from. Clients are played (`wsproxy/compat/players/`), proxies are stood in for
(`wsproxy/compat/standins/`), managers are simulated; [the matrix](compat.md) puts them together.
This page is generated from the code (`make docs`).
"""

ZOO = """\
# The address zoo

Small servers that are wrong in one way each (a few are well). Each is entered as the address of a
resource group, as a manager or as a container, by tests and by the compatibility matrix; every
client must still be able to delete its sessions. The version and the reason are those of the
[version report](version-report.md#every-reason), where each reason has its mend. This page is
generated from the code (`make docs`).

| animal | what it does | version | reason |
|---|---|---|---|
"""


def metrics() -> str:
    kinds = {"counter": {**COUNTERS, **WATCHED}, "gauge": GAUGES, "histogram": HISTOGRAMS}
    lines = [METRICS]
    for kind, rows in kinds.items():
        for name, (meaning, labels) in rows.items():
            full = f"{name}_total" if kind == "counter" else name
            shown = ", ".join(f"`{label}`" for label in labels)
            lines.append(f"| `{full}` | {kind} | {meaning} | {shown} |\n")
    return "".join(lines)


def zoo() -> str:
    rows = [
        f"| `{animal.name}` | {animal.about[0].upper()}{animal.about[1:]}. | {animal.version} |"
        f" `{animal.reason}` |\n"
        for animal in ANIMALS.values()
    ]
    return ZOO + "".join(rows)


def commands() -> str:
    return COMMANDS_HEAD + "".join(_command(wsproxy, [name]) for name in COMMANDS)


def _command(group: click.Group, path: list[str]) -> str:
    context = click.Context(group, info_name="wsproxy")
    command = group.get_command(context, path[-1])
    assert command is not None
    if isinstance(command, click.Group):
        head = f"\n## wsproxy {' '.join(path)}\n\n{_help(command)}\n"
        return head + "".join(_command(command, [*path, name]) for name in command.commands)
    title = "#" * (len(path) + 1)
    usage = " ".join(command.collect_usage_pieces(click.Context(command)))
    rows = "".join(_option(parameter) for parameter in command.params)
    table = f"\n| option | meaning |\n|---|---|\n{rows}" if rows else ""
    return (
        f"\n{title} wsproxy {' '.join(path)}\n\n{_help(command)}\n\n"
        f"    wsproxy {' '.join(path)} {usage}\n{table}"
    )


def _help(command: click.Command) -> str:
    text = (command.help or "").split("\f")[0]
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))


def _option(parameter: click.Parameter) -> str:
    if not isinstance(parameter, click.Option) or parameter.hidden:
        return ""
    names = ", ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))
    return f"| {names} | {' '.join((parameter.help or '').split())} |\n"


def eras() -> str:
    parts = [ERAS]
    for title, rows in (("Clients", clients()), ("Managers", managers()), ("Proxies", proxies())):
        parts.append(f"\n## {title}\n\n| era | releases | what it is like |\n|---|---|---|\n")
        parts += [
            f"| `{row.name}` | {row.releases} | {row.about[0].upper()}{row.about[1:]}. |\n"
            for row in rows.values()
        ]
    return "".join(parts)


PAGES: Mapping[str, Callable[[], str]] = {
    "settings.md": settings,
    "errors.md": errors,
    "metrics.md": metrics,
    "commands.md": commands,
    "zoo.md": zoo,
    "eras.md": eras,
}


def stale() -> list[str]:
    """Pages whose text is not what the code says."""
    return [
        name
        for name, make in PAGES.items()
        if not (DOCS / name).is_file() or (DOCS / name).read_text(encoding="utf-8") != make()
    ]


def main(arguments: list[str]) -> int:
    found = stale()
    if "--check" in arguments:
        for name in found:
            print(f"docs/{name} is stale: run `make docs`", file=sys.stderr)
        return 1 if found else 0
    for name in found:
        (DOCS / name).write_text(PAGES[name](), encoding="utf-8")
        print(f"wrote docs/{name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
