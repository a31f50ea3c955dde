"""The recordings hold no secret, and every line of the table of differences is of use."""

import json
import re
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from tests.recordings.known import DIFFERENT, SKIPPED
from tests.support.replay import exchanges

FILES = sorted(Path(__file__).parent.glob("*.json"))
FOLDERS = [path.stem for path in FILES]

SECRETS = re.compile(
    r"eyJ[\w-]{8}|[0-9a-f]{32}|[A-Za-z0-9+/]{86}==|[0-9a-f]{8}-[0-9a-f]{4}-|api_secret|S3CR"
)


@pytest.mark.parametrize("path", FILES, ids=FOLDERS)
def test_a_recording_holds_no_secret(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert SECRETS.findall(text) == []
    assert json.loads(text)["folder"] == path.stem


def test_every_kind_of_recording_is_here() -> None:
    kinds = {folder.partition("-")[0] for folder in FOLDERS}
    assert kinds == {"appproxy", "manager", "webserver", "webui", "wsproxy"}


@pytest.mark.parametrize("row", DIFFERENT, ids=lambda row: f"{row.folder}-{row.names[0]}")
def test_a_difference_has_a_reason_and_is_of_recorded_exchanges(row) -> None:
    names = [one.name for one in exchanges(row.folder)]
    for pattern in row.names:
        assert any(fnmatchcase(name, pattern) for name in names), pattern
    assert row.why.endswith(".") and row.how


@pytest.mark.parametrize("folder", SKIPPED)
def test_what_is_skipped_was_recorded_and_has_a_reason(folder: str) -> None:
    names = [one.name for one in exchanges(folder)]
    for pattern, why in SKIPPED[folder].items():
        assert any(fnmatchcase(name, pattern) for name in names), pattern
        assert why.endswith(".")
