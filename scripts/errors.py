"""The page ``docs/errors.md``: every stable code, what it means, and what to do."""

from collections.abc import Iterable, Mapping

from scripts import codes
from wsproxy.core.catalogue import CATALOGUE
from wsproxy.core.codes import anchor
from wsproxy.core.failure import Failure, FailureKind, Side
from wsproxy.core.findings import NOTICES
from wsproxy.core.problem import of_failure
from wsproxy.core.version import ROWS
from wsproxy.core.wire import PROBLEM_TYPE_BASE

HEAD = f"""\
# Errors

Every stable code of this program, what it means, and what to do. Settings that cannot be used have
no codes: each complaint names its key, file and line. This page is generated from the code
(`make docs`).

## Problems

What the gateway says when it must refuse: as JSON, or as a page for browsers (by `Accept`), with
`X-BackendAI-Speaker: gateway`. An app's own errors pass untouched, without that header. The
*code* is the end of `type`, after `{PROBLEM_TYPE_BASE}`.

    {{"type": "{PROBLEM_TYPE_BASE}<code>", "title": "…", "error_code": "…", "msg": "…"}}

"""

MESSAGES = """
## Numbers in problems

`msg` and `title` of some problems begin with a number, as upstream's do.

"""

V1 = """
## Codes of v1

The v1 routes answer status 200 nearly always; `code` in the body tells. A refusal has status 403
too, unless `answers` in [v1] is `classic`. More than 600 requests a minute get status 429.

"""

REASONS = """
## Reasons of the version report

`reason` in the [version report](version-report.md#every-reason), and in what
`wsproxy status URL` prints. The two statuses are those of `on-invalid-address = "fallback"` and
`"strict"`.

"""

FINDINGS = """
## Findings of the address doctor

`code` in the findings of `wsproxy status URL`, besides the reasons above. A *problem* means that
the address is not healthy.

"""

COMMANDS = """
## Codes of commands

In `[…]` after an error on the terminal, and as `code` in the JSON of `wsproxy terminate`. Commands
also show the codes above, and those that managers and other proxies put into their own problems.

"""

FAILURES = """
## Kinds of failures

In logs and as labels of metrics: what went wrong on the way to an app. The code is what the client
is told, where it can still be told anything; on the way through the manager it is
`manager-unreachable` instead.

"""

CLOSED = """
## Why a circuit was closed

In logs and metrics.

"""


def page() -> str:
    """The whole page. An anchor is given once, to the first row that has it."""
    anchors: set[str] = set()
    parts = [HEAD, table("code | status | title | error_code | what to do", _problems(), anchors)]
    for head, columns, rows in (
        (MESSAGES, "number | meaning | what to do", _pairs(codes.MESSAGES)),
        (V1, "code | meaning | what to do", _pairs(codes.V1)),
        (REASONS, "reason | fallback | strict | meaning | what to do", _reasons()),
        (FINDINGS, "finding | level | meaning | what to do", _findings()),
        (COMMANDS, "code | meaning | what to do", _pairs(codes.COMMANDS)),
        (FAILURES, "kind | meaning | code", _failures()),
        (CLOSED, "reason | meaning", _closed()),
    ):
        named = head in (MESSAGES, REASONS, FINDINGS, COMMANDS)
        parts += [head, table(columns, rows, anchors if named else None)]
    return "".join(parts)


def table(columns: str, rows: Iterable[tuple[str, ...]], anchors: set[str] | None) -> str:
    """A table whose first column is a code. ``anchors``: those in use; None gives none."""
    lines = [f"| {columns} |\n", "|---" * (columns.count("|") + 1) + "|\n"]
    for code, *cells in rows:
        mark = ""
        if anchors is not None and (name := anchor(code)) not in anchors:
            anchors.add(name)
            mark = f'<a id="{name}"></a>'
        shown = " | ".join(cell or "—" for cell in cells)
        lines.append(f"| {mark}`{code}` | {shown} |\n")
    return "".join(lines)


def _problems() -> Iterable[tuple[str, ...]]:
    for code, entry in CATALOGUE.items():
        yield code, str(entry.status), entry.title, f"`{entry.error_code}`", entry.mend


def _pairs(rows: Mapping[str, codes.Row]) -> Iterable[tuple[str, ...]]:
    return ((code, *row) for code, row in rows.items())


def _reasons() -> Iterable[tuple[str, ...]]:
    for reason, row in ROWS.items():
        name = reason + ("-N" if reason.endswith("-answers") else "")
        yield name, str(row.fallback), str(row.strict), row.meaning, row.mend


def _findings() -> Iterable[tuple[str, ...]]:
    for code, notice in NOTICES.items():
        yield code, notice.level.value, notice.meaning, notice.mend


def _failures() -> Iterable[tuple[str, ...]]:
    for kind, meaning in codes.FAILURES.items():
        told = "" if kind is FailureKind.CLIENT_GONE else of_failure(Failure(kind, Side.APP)).code
        yield kind.value, meaning, f"`{told}`" if told else ""


def _closed() -> Iterable[tuple[str, ...]]:
    return ((reason.value, meaning) for reason, meaning in codes.CLOSED.items())
