"""What other servers say is read without trust."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsproxy.core.strangers import (
    is_uuid,
    line,
    matching_ids,
    names_a_session,
    parsed,
    problem_slug,
)

ID = "2715a7f5-34c7-41c5-b32a-6519c545cb4f"
BASE = "https://api.backend.ai/probs/"


def test_parsed_takes_json_and_nothing_else():
    assert parsed(b'{"a": 1}') == {"a": 1}
    assert parsed(b"<html>") is None
    assert parsed(b"\xff\xfe") is None
    assert parsed(b"[" * 100_000) is None


@given(st.binary())
def test_parsed_never_raises(body):
    parsed(body)


@pytest.mark.parametrize(
    ("document", "slug"),
    [
        ({"type": BASE + "session-not-found"}, "session-not-found"),
        ({"type": BASE + "appproxy/port-not-available"}, "appproxy/port-not-available"),
        ({"type": "https://elsewhere.example/errors/object-not-found"}, ""),
        ({"type": "object-not-found"}, ""),
        ({"type": "about:blank"}, ""),
        ({"type": BASE}, ""),
        ({"type": BASE + "\x1b[31mred"}, ""),
        ({"type": BASE + "x" * 200}, ""),
        ({"type": 7}, ""),
        ({}, ""),
        ([], ""),
        (None, ""),
    ],
)
def test_problem_slug(document, slug):
    assert problem_slug(document) == slug


def test_a_line_is_printable_and_ends():
    assert line("good") == "good"
    assert line("\x1b[31mred\r\n") == "?[31mred??"
    assert len(line("x" * 1000)) == 301
    assert line(7) == "7"


@pytest.mark.parametrize(
    ("text", "yes"),
    [(ID, True), (ID.upper(), True), (ID.replace("-", ""), False), ("name", False), ("", False)],
)
def test_is_uuid(text, yes):
    assert is_uuid(text) is yes


@pytest.mark.parametrize("text", [ID, "my-session", "이름", "a b", "x" * 255, "..x", "a/b"])
def test_what_can_name_a_session(text):
    assert names_a_session(text)


@pytest.mark.parametrize("text", ["", ".", "..", " ", "a\nb", "a\x00", "x" * 256, ". ."])
def test_what_cannot(text):
    assert not names_a_session(text)


@pytest.mark.parametrize(
    ("document", "ids"),
    [
        ({"matches": [{"id": ID, "name": "work"}, {"id": ID, "name": "work-2"}]}, (ID,)),
        ({"matches": [{"id": "../x", "name": "work"}, {"id": 7, "name": "work"}, 5]}, ()),
        ({"matches": {"id": ID}}, ()),
        ({}, ()),
        (["work"], ()),
        (None, ()),
    ],
)
def test_matching_ids(document, ids):
    assert matching_ids(document, "work") == ids
