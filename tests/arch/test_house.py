"""Rules that the import contracts cannot say."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = sorted((ROOT / "wsproxy").rglob("*.py"))
IMPORTERS_OF_SETTINGS = ("app", "cli", "config")


def imports(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found


def test_only_the_composition_root_and_commands_know_the_settings() -> None:
    for path in PACKAGE:
        if path.relative_to(ROOT / "wsproxy").parts[0] in IMPORTERS_OF_SETTINGS:
            continue
        assert not {name for name in imports(path) if name.startswith("wsproxy.config")}, path


@pytest.mark.parametrize(
    "name", ["asyncio", "socket", "time", "random", "logging", "os", "secrets"]
)
def test_decisions_do_no_io(name: str) -> None:
    for path in (ROOT / "wsproxy/core").rglob("*.py"):
        assert not {found for found in imports(path) if found.split(".")[0] == name}, path


def test_every_module_says_what_it_is() -> None:
    for path in PACKAGE:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assert not tree.body or ast.get_docstring(tree), path


def test_no_transport_is_asked_for_its_class() -> None:
    """uvloop's transports are no subclass of asyncio's: such a check fails in production only."""
    pattern = re.compile(r"isinstance\([^)]*\basyncio\.(Base)?(Read|Write)?Transport\b")
    assert [str(path) for path in PACKAGE if pattern.search(path.read_text("utf-8"))] == []


def test_answers_are_made_where_the_version_is_added() -> None:
    """Whoever writes a status line elsewhere writes an answer without the version header."""
    makers = {"core/headers.py", "core/v1pages.py", "data/replies.py"}
    pattern = re.compile(r"""["']HTTP/1\.1 (%d|\d{3})""")
    found = {
        path.relative_to(ROOT / "wsproxy").as_posix()
        for path in PACKAGE
        if pattern.search(path.read_text("utf-8"))
    }
    strangers = {name for name in found if name.startswith(("compat/", "sim/"))}
    assert found - strangers == makers
