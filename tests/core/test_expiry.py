"""When a token shall end, as clients write it."""

import pytest

from wsproxy.core.expiry import LATEST, moment, past

AT = 1_767_323_045


@pytest.mark.parametrize(
    "value",
    [
        AT,
        AT + 0.9,
        str(AT),
        "2026-01-02T03:04:05+00:00",
        "2026-01-02T03:04:05Z",
        "2026-01-02T03:04:05.5",
        " 2026-01-02 03:04:05 ",
        "2026-01-02T12:04:05+09:00",
    ],
)
def test_one_moment_in_many_spellings(value):
    assert moment(value) == AT


@pytest.mark.parametrize("value", [True, None, [], {}, "", "tomorrow", "2026-13-01", "٣", "1e9"])
def test_what_is_no_moment(value):
    with pytest.raises(ValueError, match="neither"):
        moment(value)


@pytest.mark.parametrize(
    "value",
    [
        -1,
        LATEST + 1,
        AT * 1000,
        float("nan"),
        float("inf"),
        "9" * 4300,
        "1900-01-01",
        "0001-01-01T00:00:00+23:59",
    ],
)
def test_what_is_no_time_in_seconds(value):
    with pytest.raises(ValueError, match="unix seconds"):
        moment(value)


def test_the_past_is_of_no_use():
    assert past(AT, AT - 0.5) is None
    problem = past(AT, AT)
    assert problem is not None
    assert (problem.status, problem.msg) == (400, "exp: this moment has passed")
