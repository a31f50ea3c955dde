"""The table of design 3, row by row, with every finer point."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsproxy.core.address import Malformed, parse
from wsproxy.core.version import (
    ROWS,
    Answer,
    Fault,
    GroupUnknown,
    ManagerFault,
    ManagerSaid,
    NoAddress,
    NotHttp,
    Observation,
    Policy,
    Trouble,
    judge,
    row_of,
    shortened,
)
from wsproxy.core.wire import Version

V1, V2 = Version.V1, Version.V2


def said(version: object, status: int = 200) -> Answer:
    return Answer(status, json.dumps({"api_version": version}).encode())


TABLE: list[tuple[Observation, Version, str, int, int]] = [
    # what was seen, version, reason, status under fallback, under strict
    (NoAddress(), V1, "address-not-set", 200, 200),
    (said("v1"), V1, "confirmed", 200, 200),
    (said("v2"), V2, "confirmed", 200, 200),
    (GroupUnknown(), V1, "group-not-found", 404, 404),
    (Malformed("it is not a URL"), V1, "address-malformed", 200, 500),
    (Fault(Trouble.UNRESOLVABLE), V1, "address-unresolvable", 200, 500),
    (Fault(Trouble.REFUSED, "connection refused"), V1, "address-refused", 200, 500),
    (Fault(Trouble.SILENT), V1, "address-silent", 200, 500),
    (Fault(Trouble.TLS, "certificate has expired"), V1, "address-tls", 200, 500),
    (Answer(404), V1, "address-answers-404", 200, 500),
    (Answer(400), V1, "address-answers-400", 200, 500),
    (Answer(499), V1, "address-answers-499", 200, 500),
    (Answer(500), V1, "address-answers-500", 200, 500),
    (Answer(503), V1, "address-answers-503", 200, 500),
    (Answer(599), V1, "address-answers-599", 200, 500),
    (said("v2", 404), V1, "address-answers-404", 200, 500),
    (said("v2", 503), V1, "address-answers-503", 200, 500),
    (Answer(301, location="https://x/"), V1, "address-redirects", 200, 500),
    (Answer(302), V1, "address-redirects", 200, 500),
    (said("v2", 308), V1, "address-redirects", 200, 500),
    (Answer(200, b"<html>"), V1, "address-not-a-wsproxy", 200, 500),
    (Answer(200, b""), V1, "address-not-a-wsproxy", 200, 500),
    (Answer(204), V1, "address-not-a-wsproxy", 200, 500),
    (Answer(200, b'["v2"]'), V1, "address-not-a-wsproxy", 200, 500),
    (Answer(200, b'"v2"'), V1, "address-not-a-wsproxy", 200, 500),
    (Answer(200, b"{}"), V1, "address-not-a-wsproxy", 200, 500),
    (Answer(200, b"[" * 100_000), V1, "address-not-a-wsproxy", 200, 500),
    (Answer(200, b"\xff\xfe\xff"), V1, "address-not-a-wsproxy", 200, 500),
    (Answer(200, b'{"api_version":"v2"}', whole=False), V1, "address-not-a-wsproxy", 200, 500),
    (Answer(0, b'{"api_version":"v2"}'), V1, "address-not-a-wsproxy", 200, 500),
    (Answer(101, b'{"api_version":"v2"}'), V1, "address-not-a-wsproxy", 200, 500),
    (Answer(600, b'{"api_version":"v2"}'), V1, "address-not-a-wsproxy", 200, 500),
    (Answer(999, b'{"api_version":"v2"}'), V1, "address-not-a-wsproxy", 200, 500),
    (Answer(299, b'{"api_version":"v3"}'), V1, "version-unknown", 200, 500),
    (NotHttp("it speaks SSH"), V1, "address-not-a-wsproxy", 200, 500),
    (said(2), V1, "version-unknown", 200, 500),
    (said(None), V1, "version-unknown", 200, 500),
    (said(["v2"]), V1, "version-unknown", 200, 500),
    (said("v3"), V1, "version-unknown", 200, 500),
    (said("V2"), V1, "version-unknown", 200, 500),
    (said(""), V1, "version-unknown", 200, 500),
    (ManagerSaid("v1"), V1, "confirmed", 200, 200),
    (ManagerSaid("v2"), V2, "confirmed", 200, 200),
    (ManagerSaid(2), V1, "version-unknown", 200, 500),
    (ManagerFault("malformed"), V1, "manager-malformed", 200, 500),
    (ManagerFault("unresolvable"), V1, "manager-unresolvable", 200, 500),
    (ManagerFault("refused", "it is down"), V1, "manager-refused", 200, 500),
    (ManagerFault("silent"), V1, "manager-silent", 200, 500),
    (ManagerFault("tls"), V1, "manager-tls", 200, 500),
    (ManagerFault("denies"), V1, "manager-denies", 200, 500),
    (ManagerFault("answers-500"), V1, "manager-answers-500", 200, 500),
    (ManagerFault("not-a-manager"), V1, "manager-not-a-manager", 200, 500),
    (ManagerFault("cannot-reach-address"), V1, "manager-cannot-reach-address", 200, 500),
    (ManagerFault("rejects-address"), V1, "manager-rejects-address", 200, 500),
]


@pytest.mark.parametrize(("seen", "version", "reason", "fallback", "strict"), TABLE)
def test_every_row(seen, version, reason, fallback, strict):
    report = judge(seen, "http://proxy:10200")
    assert (report.version, report.reason) == (version, reason)
    assert report.status(Policy.FALLBACK) == fallback
    assert report.status(Policy.STRICT) == strict
    assert report.degraded is (reason not in {"confirmed", "address-not-set"})
    assert report.happened.endswith(".")


def test_the_table_of_tests_covers_every_row():
    reasons = {judge(row[0]).reason for row in TABLE}
    assert {row_of(reason).meaning for reason in reasons} == {row.meaning for row in ROWS.values()}


@pytest.mark.parametrize("status", [100, 101, 150])
def test_an_interim_status_as_the_answer_is_not_a_wsproxy(status):
    assert judge(Answer(status)).reason == "address-not-a-wsproxy"


@pytest.mark.parametrize(
    "body",
    [
        b'{"api_version":"v2"}',
        b' {"advertise_address":"http://h:1", "api_version":"v2"}\n',
        b'\xef\xbb\xbf{"api_version":"v2"}',
    ],
)
def test_valid_json_counts_whatever_is_around_it(body):
    assert judge(Answer(200, body)).version is V2


def test_in_front_of_a_manager_an_unknown_group_is_200_under_fallback():
    """Clients of 22.x refuse to delete after any error."""
    report = judge(GroupUnknown())
    assert report.status(Policy.FALLBACK, front=True) == 200
    assert report.status(Policy.STRICT, front=True) == 404
    assert report.body(Policy.FALLBACK, front=True)["wsproxy_version"] == "v1"
    assert "type" not in report.body(Policy.FALLBACK, front=True)


def test_the_body_of_a_good_report_has_no_detail():
    assert judge(said("v2")).body(Policy.FALLBACK) == {
        "wsproxy_version": "v2",
        "reason": "confirmed",
        "degraded": False,
    }


def test_the_body_of_a_degraded_report_says_what_happened_and_what_to_do():
    body = judge(Answer(302, location="https://new/"), "http://old:1").body(Policy.FALLBACK)
    assert body == {
        "wsproxy_version": "v1",
        "reason": "address-redirects",
        "degraded": True,
        "detail": "The address http://old:1 redirects (302) to https://new/. "
        "Use the address that it leads to: nobody follows redirects for /status.",
    }


@pytest.mark.parametrize(
    ("seen", "slug"),
    [(GroupUnknown(), "group-not-found"), (Fault(Trouble.SILENT), "wsproxy-address")],
)
def test_errors_are_problem_documents_that_have_the_report_too(seen, slug):
    report = judge(seen)
    body = report.body(Policy.STRICT)
    assert body["type"] == f"https://api.backend.ai/probs/{slug}"
    assert body["title"] and body["error_code"]
    assert body["msg"] == body["detail"] == report.detail
    assert body["wsproxy_version"] == "v1"
    assert body["reason"] == report.reason
    assert body["degraded"] is True
    assert report.problem().status == report.status(Policy.STRICT)


@pytest.mark.parametrize(
    "seen", [Answer(302, location="http://\x1b[31m" + "x" * 900), said("\r\n" + "y" * 900)]
)
def test_a_strangers_text_is_shortened_and_printable(seen):
    detail = judge(seen).detail
    assert detail.isprintable() and len(detail) < 300


def test_shortened_keeps_short_text():
    assert shortened("v3") == "v3"


observations = st.one_of(
    st.builds(
        Answer, st.integers(), st.binary(), st.text(), st.text(), st.text(), st.booleans()
    ),
    st.builds(
        lambda version: said(version),
        st.recursive(st.none() | st.floats() | st.text(), st.lists),
    ),
    st.builds(Fault, st.sampled_from(Trouble), st.text()),
    st.builds(NotHttp, st.text()),
    st.builds(ManagerSaid, st.none() | st.text() | st.integers() | st.lists(st.text())),
)  # fmt: skip


@given(observations, st.text())
def test_it_never_raises_and_v2_needs_a_clear_word(seen, address):
    report = judge(seen, address)
    assert report.version in Version
    for policy in Policy:
        assert report.status(policy) in {200, 404, 500}
        json.dumps(report.body(policy))
    if report.version is V2:
        assert report.reason == "confirmed"
    else:
        assert (
            report.reason != "confirmed"
            or seen in (said("v1"), ManagerSaid("v1"))
            or (isinstance(seen, Answer) and b"v1" in seen.body)
        )


@given(st.binary(max_size=200))
def test_arbitrary_bytes_as_a_body(body):
    assert judge(Answer(200, body)).reason in {
        "address-not-a-wsproxy",
        "version-unknown",
        "confirmed",
    }


@given(st.text())
def test_arbitrary_addresses(text):
    found = parse(text)
    if isinstance(found, Malformed):
        assert judge(found, text).reason == "address-malformed"
