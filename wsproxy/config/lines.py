"""Which line of a TOML text sets which key. ``tomllib`` itself does not tell.

The text is cut into statements: lines are gathered until ``tomllib`` accepts them on their own.
So every form of TOML is understood by the one parser that also reads the values.
"""

import tomllib
from collections.abc import Iterator
from typing import Any

Path = tuple[str, ...]
Lines = dict[Path, int]


def line_numbers(text: str) -> Lines:
    """Line (from 1) of every table header and key of a valid TOML text."""
    lines: Lines = {}
    table: Path = ()
    for number, statement in _statements(text):
        parsed = tomllib.loads(statement)
        if statement.lstrip().startswith("["):
            table = _header(parsed)
            lines.setdefault(table, number)
        else:
            for path in _paths(parsed):
                lines.setdefault(table + path, number)
    return lines


def _statements(text: str) -> Iterator[tuple[int, str]]:
    gathered: list[str] = []
    start = 1
    for number, line in enumerate(text.split("\n"), 1):
        if not gathered:
            start = number
        gathered.append(line.removesuffix("\r"))
        statement = "\n".join(gathered)
        if _complete(statement):
            yield start, statement
            gathered = []


def _complete(statement: str) -> bool:
    try:
        tomllib.loads(statement)
    except tomllib.TOMLDecodeError:
        return False
    return True


def _header(parsed: dict[str, Any]) -> Path:
    """The path of ``[a.b]`` or ``[[a.b]]`` from its parsed form."""
    path: Path = ()
    value: Any = parsed
    while isinstance(value, dict) and value:
        key, value = next(iter(value.items()))
        path += (key,)
        if isinstance(value, list):
            value = value[0]
    return path


def _paths(parsed: dict[str, Any]) -> Iterator[Path]:
    """Every path in a parsed statement, tables before what is in them."""
    for key, value in parsed.items():
        yield (key,)
        if isinstance(value, dict):
            for path in _paths(value):
                yield (key, *path)
