"""Links between our documents lead somewhere, and files that they name exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(
    [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/**/*.md"),
        ROOT / "changes/README.md",
        ROOT / "examples/README.md",
    ]
)
LINK = re.compile(r"\]\((?!https?://|mailto:|#)([^)#\s]+)")
NAMED = re.compile(r"`((?:wsproxy|docs|scripts|tests|examples|benchmarks)/[\w./-]+\.\w+)`")


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_and_named_files_exist(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    links = [link for link in LINK.findall(text) if not (path.parent / link).exists()]
    named = [name for name in NAMED.findall(text) if not (ROOT / name).exists()]
    assert (links, named) == ([], [])
