"""All 90 cases of the protocol's list are tests, each with its number in its name.

Where this gateway deliberately does something else, the case is in ``DIFFERENT`` and a docstring
of one of its tests begins with "Differs:" and says what it does instead, and why.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
CASES = range(1, 91)
NAME = re.compile(r"test_case_(\d\d)_[a-z]")

DIFFERENT = {3, 14, 61, 63, 66, 70, 71, 73, 75, 79}
"""Cases whose wording does not hold here."""


def written() -> Iterator[tuple[str, str]]:
    """Every test of a case: its name and its docstring."""
    for path in sorted(TESTS.rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) if (
                    name.startswith("test_case_")
                ):
                    yield name, ast.get_docstring(node) or ""


def number(name: str) -> int:
    """Which case a test is of; 0 when its name does not say."""
    found = NAME.match(name)
    return int(found[1]) if found else 0


def test_every_case_is_a_test() -> None:
    found = {number(name) for name, _ in written()}
    assert [case for case in CASES if case not in found] == []


def test_every_name_is_of_one_case() -> None:
    assert [name for name, _ in written() if number(name) not in CASES] == []


def test_what_differs_says_why() -> None:
    told = {number(name) for name, text in written() if text.startswith("Differs: ")}
    assert told == DIFFERENT
