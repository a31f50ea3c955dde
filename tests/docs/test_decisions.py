"""Decisions are found by their number: one page each, and the index names them all."""

import re
import tomllib
from pathlib import Path

DECISIONS = Path(__file__).resolve().parents[2] / "docs/decisions"
PAGES = sorted(path for path in DECISIONS.glob("*.md") if path.name != "README.md")
INDEX = (DECISIONS / "README.md").read_text(encoding="utf-8")


def title(page: Path) -> str:
    return page.read_text(encoding="utf-8").splitlines()[0]


def test_numbers_follow_one_another_and_none_is_used_twice() -> None:
    assert [int(page.name[:4]) for page in PAGES] == list(range(1, len(PAGES) + 1))


def test_a_title_has_the_number_of_its_file() -> None:
    for page in PAGES:
        assert title(page).startswith(f"# {int(page.name[:4])}. "), page.name


def test_the_index_names_every_page_by_its_title() -> None:
    entries = re.findall(r"(?m)^(\d+)\. \[(.*)\]\((.*)\)$", INDEX)
    expected = [
        (number, name, page.name)
        for page in PAGES
        for number, _, name in [title(page).removeprefix("# ").partition(". ")]
    ]
    assert entries == expected


def test_every_dependency_has_its_reason() -> None:
    root = DECISIONS.parents[1]
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    text = (DECISIONS / "0005-dependencies.md").read_text(encoding="utf-8").lower()
    wanted = [*project["dependencies"], *extras["demo"], *extras["dev"]]
    names = [re.split(r"[^\w-]", entry)[0].lower() for entry in wanted]
    assert [name for name in names if not re.search(rf"\b{name}\b", text)] == []
