"""Who gets JSON, who a page, and what they say (protocol 4.1, 7.9)."""

import pytest

from wsproxy.compat.standins.problems import (
    BAD_REQUEST,
    DEAD_APP,
    FaultError,
    Voice,
    missing,
    page,
)

JSON = "application/json"


@pytest.mark.parametrize(
    ("accept", "strict", "lenient"),
    [
        (JSON, True, True),
        ("text/html, application/json", True, True),
        ("*/*", False, True),
        ("application/json;q=0.9", False, True),
        ("text/html", False, False),
        (None, False, False),
    ],
)
def test_who_wants_json(accept, strict, lenient):
    assert Voice(strict=True).wants_json(accept) is strict
    assert Voice(strict=False).wants_json(accept) is lenient


def test_who_says_nothing_gets_what_is_usual():
    assert Voice(strict=False, json_by_default=True).wants_json(None)


def test_a_document_has_what_its_program_knows():
    error = FaultError(missing("token"), "m", {"a": 1})
    new = Voice().render(JSON, error)
    assert new.status == 404
    assert new.text == (
        '{"type": "https://api.backend.ai/probs/object-not-found", "title": "E00002: No such '
        'token.", "error_code": "agent_read_not-found", "msg": "m", "data": {"a": 1}}'
    )
    old = Voice(error_codes=False).render(JSON, FaultError(BAD_REQUEST))
    assert old.text == (
        '{"type": "https://api.backend.ai/probs/generic-bad-request", "title": "Bad request."}'
    )


def test_bare_ones_are_json_for_everybody_and_compact_in_later_programs():
    error = FaultError(BAD_REQUEST, bare=True)
    assert ": " not in (Voice().render("text/html", error).text or "").replace("://", "")
    answer = Voice(compact=False).render("text/html", error)
    assert answer.content_type == "application/problem+json" and '": "' in (answer.text or "")


def test_a_page_may_hide_its_status_and_a_status_may_differ():
    voice = Voice(pages_are_200=True, codes={"appproxy/container-connection-refused": -1})
    assert voice.render("text/html", FaultError(DEAD_APP)).status == 200
    assert voice.render(JSON, FaultError(DEAD_APP)).status == -1


def test_a_page_is_escaped():
    assert "<b>" not in page({"title": "<b>", "msg": "<b>"})
