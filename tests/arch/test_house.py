"""Rules that the import contracts cannot say."""

import ast
import contextlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = sorted((ROOT / "wsproxy").rglob("*.py"))
CORE = sorted((ROOT / "wsproxy/core").rglob("*.py"))
IMPORTERS_OF_SETTINGS = ("app", "cli", "config")


def parsed(path: Path) -> ast.Module:
    """Older Pythons (3.11.2) lose count of their depth now and then, and say so."""
    text = path.read_text(encoding="utf-8")
    for _ in range(5):
        with contextlib.suppress(SystemError):
            return ast.parse(text)
    return ast.parse(text)


def imports(path: Path) -> set[str]:
    tree = parsed(path)
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            found |= {module} | {f"{module}.{alias.name}" for alias in node.names}
    return found


def calls(path: Path) -> set[str]:
    """What is called, as it is written: ``print``, ``datetime.now``."""
    tree = parsed(path)
    return {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}


def belongs_to(name: str, module: str) -> bool:
    return name == module or name.startswith(f"{module}.")


def test_only_the_composition_root_and_commands_know_the_settings() -> None:
    for path in PACKAGE:
        if path.relative_to(ROOT / "wsproxy").parts[0] in IMPORTERS_OF_SETTINGS:
            continue
        known = {name for name in imports(path) if belongs_to(name, "wsproxy.config")}
        assert not known, path


IO_MODULES = [
    "asyncio",
    "io",
    "logging",
    "os",
    "pathlib",
    "random",
    "secrets",
    "selectors",
    "shutil",
    "signal",
    "socket",
    "ssl",
    "subprocess",
    "sys",
    "tempfile",
    "threading",
    "time",
    "aiohttp",
    "redis",
    "sqlite3",
    "uvloop",
]

IO_CALLS = ("open", "print", "input", "uuid1", "uuid4", "now", "utcnow", "today")
"""Files, terminals, randomness and clocks that come with an innocent module, or with none."""


@pytest.mark.parametrize("name", IO_MODULES)
def test_decisions_import_nothing_that_does_io(name: str) -> None:
    for path in CORE:
        assert not {found for found in imports(path) if belongs_to(found, name)}, path


@pytest.mark.parametrize("name", IO_CALLS)
def test_decisions_are_given_time_and_randomness(name: str) -> None:
    for path in CORE:
        assert not {called for called in calls(path) if called.split(".")[-1] == name}, path


def test_tasks_are_started_in_one_place() -> None:
    """Named, referenced, errors reported. A task group does that too."""
    starting = re.compile(r"\b(asyncio|loop|get_running_loop\(\))\.(create_task|ensure_future)\(")
    places = [path for path in PACKAGE if starting.search(path.read_text("utf-8"))]
    assert [path.relative_to(ROOT).as_posix() for path in places] == ["wsproxy/net/tasks.py"]


def test_every_module_says_what_it_is() -> None:
    for path in PACKAGE:
        tree = parsed(path)
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
