"""The small checks that run before each commit."""

from pathlib import Path

import pytest

from scripts import check_fragments, check_text

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("name", "text", "good"),
    [
        ("12.fix.md", "Fixed it.\n", True),
        ("+a-slug2.feature.md", "Added it.\n", True),
        ("README.md", "", True),
        ("12.bugfix.md", "Fixed it.\n", False),
        ("fix.md", "Fixed it.\n", False),
        ("+A.fix.md", "Fixed it.\n", False),
        ("12.fix.rst", "Fixed it.\n", False),
        ("12.fix.md", "fixed", False),
    ],
)
def test_names_and_texts_of_fragments(tmp_path: Path, name: str, text: str, good: bool) -> None:
    file = tmp_path / name
    file.write_text(text)
    assert check_fragments.main([str(file)]) == (0 if good else 1)


def test_our_own_fragments_are_named_right(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert check_fragments.main([]) == 0


@pytest.mark.parametrize(
    ("data", "good"),
    [
        (b"", True),
        (b"a\n", True),
        (b"a", False),
        (b"a\n\n", False),
        (b"a \nb\n", False),
        (b"a\n" * 400_000, False),
    ],
)
def test_text_files(tmp_path: Path, data: bytes, good: bool) -> None:
    file = tmp_path / "x.txt"
    file.write_bytes(data)
    assert check_text.main([str(file)]) == (0 if good else 1)
