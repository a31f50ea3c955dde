"""Whoever walks a request through the code finds every function that the page names."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/life-of-a-request.md").read_text(encoding="utf-8")
FILES = re.findall(r"`(wsproxy/[\w/]+\.py)`", PAGE)
CODE = r"`((?:[A-Z]\w+\.)?[a-z_]\w+|[A-Z][a-z]\w+)`"


def names_in(path: Path) -> set[str]:
    """``function``, ``Class`` and ``Class.method`` of a module."""
    found = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            for base in node.bases:  # methods of a base in the same file count
                inherited = {name for name in found if name.startswith(f"{ast.unparse(base)}.")}
                found |= {f"{node.name}.{name.partition('.')[2]}" for name in inherited}
            methods = (ast.FunctionDef, ast.AsyncFunctionDef)
            found |= {f"{node.name}.{one.name}" for one in node.body if isinstance(one, methods)}
    return found


def test_functions_that_the_page_names_exist_in_the_files_that_it_names() -> None:
    known = set().union(*(names_in(ROOT / name) for name in FILES))
    where = "\n".join(line for line in PAGE.splitlines() if "wsproxy/" in line or "Client" in line)
    named = set(re.findall(CODE, where))
    assert len(named) > 15
    assert named - known == set()
