"""Signatures: the two recorded vectors, round trips, and every way to be refused."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wsproxy.core.signing import (
    Keypair,
    Refusal,
    ToSign,
    date_text,
    signature,
    signed_fields,
    verify,
)

HOST = "api.example.com:8081"
NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
KEYS = Keypair("AK", "SECRETKEY")

VECTORS = [
    (
        ToSign(
            "GET",
            "/stream/session/3f1c0b3e-1111-4222-8333-444455556666/httpproxy?app=jupyter",
            HOST,
            "2026-01-02T03:04:05.678Z",
            "application/json",
            "v8.20240915",
        ),
        "57161913c37a278aa48027e3d8eee33294479ec3197f7ff82be799ec9095e2cd",
    ),
    (
        ToSign(
            "GET",
            "/stream/session/my-sess/tcpproxy?app=sshd",
            HOST,
            "2026-01-02T03:04:05.678901+00:00",
            "application/octet-stream",
            "v9.20250722",
        ),
        "acbc94a12a731fe620e20423863d31b676d755a16f23e2c805e9bfac2a8c8f8e",
    ),
]


@pytest.mark.parametrize(("covered", "expected"), VECTORS)
def test_case_37_both_vectors(covered, expected):
    assert signature("SECRETKEY", covered, "20260102") == expected


def test_the_fields_carry_the_first_vector():
    covered, expected = VECTORS[0]
    fields = dict(signed_fields(KEYS, "GET", covered.target, HOST, NOW))
    assert fields == {
        "Content-Type": "application/json",
        "X-BackendAI-Version": "v8.20240915",
        "X-BackendAI-Date": "2026-01-02T03:04:05.678Z",
        "Authorization": f"BackendAI signMethod=HMAC-SHA256, credential=AK:{expected}",
    }


def test_the_date_is_utc_with_milliseconds():
    east = datetime.fromisoformat("2026-01-02T12:04:05.678901+09:00")
    assert date_text(east) == "2026-01-02T03:04:05.678Z"


def test_secrets_are_not_shown():
    assert "SECRETKEY" not in repr(KEYS)


@given(
    target=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1),
    secret=st.text(min_size=1),
    skew=st.timedeltas(timedelta(minutes=-14), timedelta(minutes=14)),
)
@settings(max_examples=50)
def test_what_is_signed_is_accepted(target, secret, skew):
    fields = {
        "Host": HOST,
        **dict(signed_fields(Keypair("AK", secret), "DELETE", target, HOST, NOW)),
    }
    assert verify({"AK": secret}, "delete", target, fields, NOW + skew) == "AK"


def _fields(**changed: str) -> dict[str, str]:
    fields = {"Host": HOST, **dict(signed_fields(KEYS, "GET", "/x", HOST, NOW))}
    return {**fields, **{name.replace("_", "-"): value for name, value in changed.items()}}


def _signed(credential: str) -> dict[str, str]:
    return _fields(Authorization=f"BackendAI signMethod=HMAC-SHA256, credential={credential}")


REFUSALS = [
    (_fields(X_BackendAI_Date=""), NOW, Refusal.BAD_DATE),
    (_fields(X_BackendAI_Date="yesterday"), NOW, Refusal.BAD_DATE),
    (_fields(), NOW + timedelta(minutes=16), Refusal.CLOCK_SKEW),
    (_fields(), NOW - timedelta(minutes=16), Refusal.CLOCK_SKEW),
    (_fields(Authorization=""), NOW, Refusal.NO_SIGNATURE),
    (_fields(Authorization="Bearer x"), NOW, Refusal.NO_SIGNATURE),
    (_fields(Authorization="BackendAI credential=AK:00"), NOW, Refusal.NO_SIGNATURE),
    (
        _fields(Authorization="BackendAI signMethod=HMAC-SHA256, credential=AK"),
        NOW,
        Refusal.NO_SIGNATURE,
    ),
    (
        _fields(Authorization="BackendAI signMethod=HMAC-SHA256, credential=XX:00"),
        NOW,
        Refusal.UNKNOWN_KEY,
    ),
    (
        _fields(Authorization="BackendAI signMethod=HMAC-SHA256, credential=AK:é"),
        NOW,
        Refusal.MISMATCH,
    ),
    (_fields(Host="other"), NOW, Refusal.MISMATCH),
    (_fields(X_BackendAI_Version="v9.20250722"), NOW, Refusal.MISMATCH),
    (_fields(Content_Type="text/plain"), NOW, Refusal.MISMATCH),
    (_fields(Date="2026-01-02T03:04:05+00:00"), NOW, Refusal.MISMATCH),
]


@pytest.mark.parametrize(("fields", "now", "refusal"), REFUSALS)
def test_refused(fields, now, refusal):
    assert verify({"AK": "SECRETKEY"}, "GET", "/x", fields, now) is refusal


def test_media_type_parameters_are_not_signed():
    fields = _fields(Content_Type="application/json; charset=utf-8")
    assert verify({"AK": "SECRETKEY"}, "GET", "/x", fields, NOW) == "AK"


def test_the_second_vector_without_content_type_and_with_a_naive_date():
    covered, expected = VECTORS[1]
    fields = {
        "host": HOST,
        "date": covered.date,
        "x-backendai-version": covered.version,
        "authorization": f"BackendAI signMethod=HMAC-SHA256, credential=AK:{expected}",
    }
    assert verify({"AK": "SECRETKEY"}, "GET", covered.target, fields, NOW) == "AK"
    naive = ToSign("GET", "/x", HOST, "2026-01-02T03:04:05")
    fields = {
        "Host": HOST,
        "Date": naive.date,
        "Content-Type": naive.content_type,
        "X-BackendAI-Version": naive.version,
        "Authorization": "BackendAI signMethod=HMAC-SHA256, credential=AK:"
        + signature("SECRETKEY", naive, "20260102"),
    }
    assert verify({"AK": "SECRETKEY"}, "GET", "/x", fields, NOW) == "AK"
