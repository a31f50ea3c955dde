"""Tests mirror the package: whoever changes a file finds its tests without searching."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NO_BEHAVIOUR = ("__init__.py", "wire.py")
"""Only names."""

ACROSS = {
    "compat": {"recordings", "upstream"},
    "data": {
        "animals",
        "bad_input",
        "failures",
        "gigabyte",
        "gone",
        "slow_clients",
        "tls",
        "upgrade",
        "uvloop",
        "uvloop_raw",
        "wire",
    },
    "state": {"contract"},
}
"""Tests of what several files of a package do together; all others are named after one file."""

CORE = sorted(
    path for path in (ROOT / "wsproxy/core").glob("*.py") if path.name not in NO_BEHAVIOUR
)

AIM = 350
"""Lines; 95 % of the files are below."""

LONGEST = 500
"""Lines; above it a file certainly has more than one reason to change."""

MEDIAN = 150


def lines(path: Path) -> int:
    return path.read_text(encoding="utf-8").count("\n")


@pytest.mark.parametrize("path", CORE, ids=lambda path: path.stem)
def test_every_file_of_core_has_its_test(path: Path) -> None:
    assert (ROOT / "tests/core" / f"test_{path.name}").is_file()


def test_test_folders_are_named_after_packages() -> None:
    packages = {path.parent.name for path in (ROOT / "wsproxy").glob("*/__init__.py")}
    others = {"arch", "conformance", "docs", "e2e", "examples"}
    others |= {"benchmarks", "recordings", "regressions", "scripts", "support"}
    folders = {path.name for path in (ROOT / "tests").iterdir() if path.is_dir()}
    assert folders - packages - others - {"__pycache__"} == set()


def test_a_test_is_named_after_the_file_or_folder_that_it_tests() -> None:
    strangers = []
    for package in sorted((ROOT / "wsproxy").glob("*/__init__.py")):
        folder = ROOT / "tests" / package.parent.name
        for test in sorted(folder.rglob("test_*.py")):
            name = test.stem.removeprefix("test_")
            tested = package.parent / test.relative_to(folder).parent / name
            known = tested.with_suffix(".py").is_file() or (tested / "__init__.py").is_file()
            if not known and name not in ACROSS.get(package.parent.name, ()):
                strangers.append(str(test.relative_to(ROOT)))
    assert strangers == []


def test_files_stay_short() -> None:
    files = sorted((ROOT / "wsproxy").rglob("*.py"), key=lines)
    assert [str(path) for path in files if lines(path) > LONGEST] == []
    assert sum(lines(path) <= AIM for path in files) >= 0.95 * len(files)
    assert lines(files[len(files) // 2]) <= MEDIAN
