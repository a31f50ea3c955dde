"""Deleting a session: every answer of a manager and of a gateway, as tables (design 7)."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsproxy.core.deletion import (
    DENIED,
    GONE_OR_NOT_YOURS,
    ID_UNKNOWN,
    NOTHING,
    CircuitsPart,
    Exit,
    Fate,
    Fault,
    SessionPart,
    Terminated,
    Told,
    Word,
    circuits_part,
    exit_code,
    malformed_gateway,
    of_a_name,
    of_gateway,
    of_gateway_failure,
    of_manager,
    of_manager_failure,
    unfinished,
    worth_a_hint,
)
from wsproxy.core.failure import Failure, FailureKind, Side
from wsproxy.core.wire import Version

DELETED = SessionPart(Fate.DELETED)
HTML = b"<html><h1>404 Not Found</h1></html>"


def problem(slug: str) -> bytes:
    return json.dumps({"type": f"https://api.backend.ai/probs/{slug}", "title": "No."}).encode()


MANAGER = [
    (200, b'{"stats": {}}', "deleted", ""),  # 22.09, 26.x
    (200, b'{"stats": {"status": "terminated"}}', "deleted", ""),
    (200, b'[{"stats": {}}, {}]', "deleted", ""),  # 24.x
    (404, problem("session-not-found"), "already-gone", "session-not-found"),
    (404, problem("object-not-found"), "already-gone", "object-not-found"),
    (404, problem("too-many-sessions-matched"), "failed", "too-many-sessions-matched"),
    (404, problem("url-not-found"), "failed", "url-not-found"),
    (404, HTML, "failed", "manager-answers-404"),
    (404, b"{}", "failed", "manager-answers-404"),
    (404, b'{"type": "about:blank"}', "failed", "manager-answers-404"),
    (404, b'{"type": "https://other/object-not-found"}', "failed", "manager-answers-404"),
    (410, problem("session-not-found"), "failed", "session-not-found"),
    (200, HTML, "failed", "not-a-manager"),
    (200, b"", "failed", "not-a-manager"),
    (204, b"", "failed", "not-a-manager"),
    (200, b'{"api_version": "v2"}', "failed", "not-a-manager"),  # a wsproxy
    (200, b'["v2"]', "failed", "not-a-manager"),
    (200, b"[]", "failed", "not-a-manager"),
    (200, b"true", "failed", "not-a-manager"),
    (302, b"", "failed", "manager-answers-302"),
    (401, problem("auth-failed"), "failed", "auth-failed"),
    (403, problem("generic-forbidden"), "failed", "generic-forbidden"),
    (500, problem("internal-server-error"), "failed", "internal-server-error"),
    (502, HTML, "failed", "manager-answers-502"),
    (502, problem("bad-gateway"), "failed", "bad-gateway"),
]


@pytest.mark.parametrize(("status", "body", "fate", "code"), MANAGER)
def test_the_managers_answer(status, body, fate, code):
    part = of_manager(status, body, "Words.")
    assert part.fate == fate and not part.unreachable
    assert (part.fault.code if part.fault else "") == code
    assert part.gone is (fate != "failed")


@given(st.integers(100, 599), st.binary(max_size=200))
def test_no_answer_of_a_manager_raises_or_deletes_by_chance(status, body):
    part = of_manager(status, body)
    assert part.fate is Fate.DELETED or part.fault is not None


def test_gone_says_what_else_it_may_be():
    part = of_manager(404, problem("session-not-found"), "The manager answered 404.")
    assert part.fault == Fault("session-not-found", GONE_OR_NOT_YOURS)


@pytest.mark.parametrize(
    ("speaker", "fate"),
    [("", "already-gone"), ("manager", "already-gone"), ("gateway", "failed"), ("app", "failed")],
)
def test_who_said_404_matters(speaker, fate):
    assert of_manager(404, problem("object-not-found"), "", speaker).fate == fate


@pytest.mark.parametrize("kind", FailureKind)
def test_a_manager_that_does_not_answer(kind):
    part = of_manager_failure(Failure(kind, Side.MANAGER, "it sleeps"))
    assert part.fate is Fate.FAILED and not part.gone
    answered = (FailureKind.MALFORMED_ANSWER, FailureKind.CUT)
    assert part.unreachable is (kind not in answered)
    assert part.fault is not None
    assert part.fault.detail == "The manager cannot be used: it sleeps."


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (FailureKind.REFUSED, "refused"),
        (FailureKind.CLOSED_EARLY, "refused"),
        (FailureKind.UNRESOLVABLE, "unresolvable"),
        (FailureKind.TLS, "tls"),
        (FailureKind.FIRST_BYTE_TIMEOUT, "silent"),
        (FailureKind.CONNECT_TIMEOUT, "silent"),
    ],
)
def test_the_codes_of_both_sides_agree(kind, code):
    failure = Failure(kind, Side.MANAGER)
    fault = of_manager_failure(failure).fault
    assert fault is not None and fault.code == f"manager-{code}"
    word = of_gateway_failure(failure)
    assert word.told is Told.BROKEN
    assert word.fault is not None and word.fault.code == f"gateway-{code}"


V1, V2 = Version.V1, Version.V2
GATEWAY = [
    # v1: 200 and a code (protocol 2.5)
    (V1, 200, b'{"code": 200}', Told.CLOSED, ""),
    (V1, 200, b'{"code": 404}', Told.NONE, ""),
    (V1, 200, b'{"code": 401}', Told.NONE, ""),  # never configured
    (V1, 403, b'{"code": 403}', Told.DENIED, "token-rejected"),
    (V1, 200, b'{"code": 403}', Told.DENIED, "token-rejected"),
    (V1, 401, b"", Told.DENIED, "token-rejected"),
    (V1, 200, b'{"code": 500}', Told.BROKEN, "gateway-answers-500"),
    (V1, 200, b'{"success": true}', Told.BROKEN, "gateway-not-a-wsproxy"),
    (V1, 200, b'{"code": true}', Told.BROKEN, "gateway-not-a-wsproxy"),
    (V1, 200, b'{"code": "200"}', Told.BROKEN, "gateway-not-a-wsproxy"),
    # v2: success, and perhaps a code (protocol 7.8)
    (V2, 200, b'{"success": true}', Told.CLOSED, ""),
    (V2, 200, b'{"success": true, "code": 200}', Told.CLOSED, ""),
    (V2, 200, b'{"success": false, "code": 404}', Told.NONE, ""),
    (V2, 200, b'{"success": false}', Told.NONE, ""),
    (V2, 200, b'{"success": false, "code": 403}', Told.DENIED, "token-rejected"),
    # the status line counts too
    (V1, 404, HTML, Told.NONE, ""),
    (V2, 404, b'{"code": 200}', Told.NONE, ""),
    (V2, 500, b'{"success": true}', Told.BROKEN, "gateway-answers-500"),
    (V1, 502, HTML, Told.BROKEN, "gateway-answers-502"),
    (V1, 302, b"", Told.BROKEN, "gateway-answers-302"),
    (V1, 429, b"slow down", Told.BROKEN, "gateway-answers-429"),
    (V1, 200, HTML, Told.BROKEN, "gateway-not-a-wsproxy"),
    (V2, 200, b"", Told.BROKEN, "gateway-not-a-wsproxy"),
    (V2, 200, b'["v2"]', Told.BROKEN, "gateway-not-a-wsproxy"),
    (V2, 200, b'{"api_version": "v2"}', Told.BROKEN, "gateway-not-a-wsproxy"),
]


@pytest.mark.parametrize(("version", "status", "body", "told", "code"), GATEWAY)
def test_a_gateways_answer(version, status, body, told, code):
    word = of_gateway(version, status, body)
    assert word.told is told
    assert (word.fault.code if word.fault else "") == code


def test_a_count_is_believed_when_it_is_one():
    assert of_gateway(V1, 200, b'{"code": 200, "closed": 3}').count == 3
    assert of_gateway(V1, 200, b'{"code": 200, "closed": true}').count is None
    assert of_gateway(V1, 200, b'{"code": 200}').count is None
    assert of_gateway(V1, 200, b'{"code": 200, "closed": -3}').count is None


BROKEN = Fault("gateway-answers-500", "The gateway answers 500.")
PARTS = [
    ([], NOTHING),
    ([Word(Told.NONE), Word(Told.NONE)], NOTHING),
    ([Word(Told.CLOSED, 2), Word(Told.NONE)], CircuitsPart(Fate.CLOSED, 2)),
    ([Word(Told.CLOSED, 2), Word(Told.CLOSED, 1)], CircuitsPart(Fate.CLOSED, 3)),
    ([Word(Told.CLOSED, 2), Word(Told.CLOSED)], CircuitsPart(Fate.CLOSED)),
    ([Word(Told.CLOSED, 1), DENIED], CircuitsPart(Fate.CLOSED, 1)),
    (
        [Word(Told.CLOSED, 1), Word(Told.BROKEN, fault=BROKEN)],
        CircuitsPart(Fate.CLOSED, 1, BROKEN),
    ),
    ([DENIED, Word(Told.NONE)], CircuitsPart(Fate.FAILED, fault=DENIED.fault)),
    ([DENIED, Word(Told.BROKEN, fault=BROKEN)], CircuitsPart(Fate.FAILED, fault=BROKEN)),
]


@pytest.mark.parametrize(("words", "part"), PARTS)
def test_what_the_dialects_say_together(words, part):
    assert circuits_part(words) == part
    assert circuits_part(reversed(words)) == part


UNKNOWN = CircuitsPart(Fate.FAILED, fault=ID_UNKNOWN)


@pytest.mark.parametrize(
    ("fate", "part", "said"),
    [
        (Fate.DELETED, NOTHING, UNKNOWN),
        (Fate.ALREADY_GONE, NOTHING, NOTHING),
        (Fate.FAILED, NOTHING, NOTHING),
        (Fate.DELETED, CircuitsPart(Fate.CLOSED, 1), CircuitsPart(Fate.CLOSED, 1)),
        (Fate.DELETED, CircuitsPart(Fate.FAILED, fault=BROKEN), None),
    ],
)
def test_who_knows_a_name_only_cannot_say_that_nothing_was_open(fate, part, said):
    assert of_a_name(SessionPart(fate), part) == (said or part)


def test_a_gateway_is_asked_again_only_where_it_may_know_better():
    words = {
        "denied": DENIED,
        "none": Word(Told.NONE),
        "closed": Word(Told.CLOSED, 1),
        "broken": Word(Told.BROKEN, fault=BROKEN),
    }
    assert worth_a_hint(DELETED, words) == ["denied"]
    assert worth_a_hint(of_manager(404, problem("object-not-found")), words) == ["denied"]
    assert worth_a_hint(SessionPart(Fate.FAILED), words) == []


def one(session: SessionPart, circuits: CircuitsPart = NOTHING) -> Terminated:
    return Terminated("s", session, circuits)


REFUSED = of_manager_failure(Failure(FailureKind.REFUSED, Side.MANAGER))
EXITS = [
    ([], Exit.GONE),
    ([one(DELETED)], Exit.GONE),
    ([one(DELETED, CircuitsPart(Fate.FAILED, fault=BROKEN))], Exit.GONE),
    ([one(of_manager(404, problem("object-not-found")))], Exit.GONE),
    ([one(DELETED), one(of_manager(500, HTML))], Exit.NOT_DELETED),
    ([one(REFUSED)], Exit.UNREACHABLE),
    ([one(of_manager(500, HTML)), one(REFUSED), one(DELETED)], Exit.UNREACHABLE),
]


@pytest.mark.parametrize(("results", "code"), EXITS)
def test_exit_codes(results, code):
    assert exit_code(results) is code


def test_the_document_of_a_good_result():
    result = one(DELETED, CircuitsPart(Fate.CLOSED, 2))
    assert result.document() == {
        "id": "s",
        "session": "deleted",
        "circuits": "closed",
        "closed": 2,
    }


def test_the_document_of_a_bad_result():
    result = one(REFUSED, circuits_part([malformed_gateway("it names no host")]))
    assert result.document() == {
        "id": "s",
        "session": "failed",
        "circuits": "failed",
        "session_problem": {
            "code": "manager-refused",
            "detail": "The manager cannot be used: .",
        },
        "circuits_problem": {
            "code": "gateway-malformed",
            "detail": "The gateway's address is not usable: it names no host.",
        },
    }


def test_what_was_interrupted_is_not_called_deleted():
    result = unfinished("s")
    assert not result.session.gone and result.circuits.fate is Fate.FAILED
    assert exit_code([result]) is Exit.NOT_DELETED
