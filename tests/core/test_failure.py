"""Which failures may be tried again, and which count against a route."""

import pytest

from wsproxy.core.failure import (
    CONNECTING,
    Failure,
    FailureKind,
    Side,
    counts_against_route,
    may_retry,
    without_way_back,
)


@pytest.mark.parametrize("kind", sorted(CONNECTING))
def test_a_way_that_did_not_open_may_be_tried_again_with_any_method(kind):
    assert may_retry(Failure(kind, Side.APP), "POST")


EARLY = [
    # sent, reused, method, retry?
    (False, True, "POST", True),  # nothing left on a stale pooled connection
    (True, True, "GET", True),
    (True, True, "HEAD", True),
    (True, True, "POST", False),
    (True, True, "DELETE", False),
    (False, False, "GET", False),  # a fresh connection that closes is the app's answer
    (True, False, "GET", False),
]


@pytest.mark.parametrize(("sent", "reused", "method", "expected"), EARLY)
def test_closed_before_the_first_byte(sent, reused, method, expected):
    failure = Failure(FailureKind.CLOSED_EARLY, Side.APP, sent=sent, reused=reused)
    assert may_retry(failure, method) is expected


@pytest.mark.parametrize("kind", sorted(set(FailureKind) - CONNECTING - {FailureKind.CLOSED_EARLY}))
def test_nothing_else_is_tried_again(kind):
    assert not may_retry(Failure(kind, Side.APP, reused=True), "GET")


@pytest.mark.parametrize("side", list(Side))
def test_only_the_apps_side_counts_against_its_route(side):
    assert counts_against_route(Failure(FailureKind.CUT, side)) is (side is Side.APP)


@pytest.mark.parametrize("kind", list(FailureKind))
def test_a_missing_way_back_is_named_where_no_way_opened(kind):
    said = without_way_back(Failure(kind, Side.APP, "It refuses.")).detail
    assert said.startswith("It refuses.")
    assert ("way back" in said) is (kind in CONNECTING)
