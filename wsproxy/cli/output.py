"""What every command shares about printing: consoles, ``--json``, and errors that say what to do.

Results go to stdout, everything else to stderr. Output is plain when nobody looks at a terminal:
no colour, no wrapping, so that scripts can read it. Markup is off: what a server said is data.
"""

import json
import sys
from collections.abc import Mapping
from typing import Any, NoReturn, TextIO

import click
from rich.console import Console

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_UNREACHABLE = 3

PLAIN_WIDTH = 240
"""Columns when the output is no terminal: wide enough that a table row stays one line."""

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for scripts.")
"""The ``--json`` flag, as the parameter ``as_json``."""


def _console(file: TextIO) -> Console:
    terminal = file.isatty()
    return Console(
        file=file,
        markup=False,
        emoji=False,
        highlight=False,
        no_color=not terminal,
        width=None if terminal else PLAIN_WIDTH,
    )


def stdout() -> Console:
    """A console for results. Made per call, so that a redirected ``sys.stdout`` is respected."""
    return _console(sys.stdout)


def stderr() -> Console:
    """A console for progress, warnings and errors."""
    return _console(sys.stderr)


def print_json(value: Any) -> None:
    """``value`` on stdout as indented JSON; what JSON does not know becomes its text."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def warn(message: str) -> None:
    """One warning line on stderr."""
    stderr().print(f"warning: {message}", style="yellow", soft_wrap=True)


def error(message: str, code: str = "", remedy: str = "") -> None:
    """An error on stderr: what, its stable code, and on a second line what to do."""
    console = stderr()
    tail = f" [{code}]" if code else ""
    console.print(f"error: {message}{tail}", style="bold red", soft_wrap=True)
    if remedy:
        console.print(f"  {remedy}", soft_wrap=True)


def fail(message: str, code: str = "", remedy: str = "", exit_code: int = EXIT_FAILED) -> NoReturn:
    """Print the error and leave the command with ``exit_code``."""
    error(message, code, remedy)
    raise click.exceptions.Exit(exit_code)


def problem_line(document: Mapping[str, Any]) -> str:
    """One line for a person from a problem document (protocol 7.9), whoever wrote it."""
    title = str(document.get("title") or document.get("message") or "unknown problem")
    msg = document.get("msg")
    return f"{title} {msg}".strip() if msg and msg != title else title


__all__ = [
    "EXIT_FAILED",
    "EXIT_OK",
    "EXIT_UNREACHABLE",
    "EXIT_USAGE",
    "error",
    "fail",
    "json_option",
    "print_json",
    "problem_line",
    "stderr",
    "stdout",
    "warn",
]
