"""The catalogue, the document, and the one mapping from failures."""

import pytest

from wsproxy.core.catalogue import CATALOGUE
from wsproxy.core.failure import Failure, FailureKind, Side
from wsproxy.core.problem import Problem, ProblemError, no_such, of_failure


def test_the_document_has_the_shape_of_upstream():
    problem = Problem("auth-failed", msg="why", data={"a": 1}, extra={"wsproxy_version": "v1"})
    assert problem.status == 401
    assert problem.body() == {
        "type": "https://api.backend.ai/probs/auth-failed",
        "title": "Credential/signature mismatch.",
        "error_code": "auth_verify_failed",
        "msg": "why",
        "data": {"a": 1},
        "wsproxy_version": "v1",
    }


def test_what_is_empty_is_left_out():
    assert set(Problem("url-not-found").body()) == {"type", "title", "error_code"}


def test_a_status_may_be_overridden():
    assert Problem("group-not-found", status_override=200).status == 200


def test_no_such_names_the_thing():
    assert no_such("circuit").body()["title"] == "E00002: No such circuit."


def test_an_unknown_code_is_a_programming_mistake():
    with pytest.raises(KeyError):
        _ = Problem("made-up").status


def test_the_error_carries_the_problem():
    problem = no_such("token")
    assert ProblemError(problem).problem is problem


@pytest.mark.parametrize("kind", list(FailureKind))
@pytest.mark.parametrize("side", list(Side))
def test_every_failure_has_a_problem(kind, side):
    problem = of_failure(Failure(kind, side, detail="d"))
    assert problem.code in CATALOGUE
    assert problem.msg == "d"


ROWS = [
    (FailureKind.REFUSED, Side.APP, "appproxy/container-connection-refused", 502, None),
    (FailureKind.REFUSED, Side.MANAGER, "manager-unreachable", 502, None),
    (FailureKind.MANAGER_REFUSED, Side.MANAGER, "manager-refused", 502, None),
    (FailureKind.NO_ROUTE, Side.GATEWAY, "appproxy/worker-not-available", 503, 5),
    (FailureKind.SLOT_TIMEOUT, Side.GATEWAY, "app-busy", 503, 5),
    (FailureKind.FIRST_BYTE_TIMEOUT, Side.APP, "app-silent", 504, None),
    (FailureKind.HEAD_TIMEOUT, Side.CLIENT, "head-timeout", 408, None),
]


@pytest.mark.parametrize(("kind", "side", "code", "status", "retry_after"), ROWS)
def test_failures_map_as_design_5_5_says(kind, side, code, status, retry_after):
    problem = of_failure(Failure(kind, side))
    assert (problem.code, problem.status, problem.retry_after) == (code, status, retry_after)
