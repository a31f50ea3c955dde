import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsproxy.core.doctor import Examination, examine, recognise
from wsproxy.core.findings import Level
from wsproxy.core.version import Answer, Fault, NotHttp, Trouble, judge

NOW = 1_795_500_000.0  # Tue, 24 Nov 2026 06:00:00 GMT
DATE = "Tue, 24 Nov 2026 %s GMT"
ADDRESS = "http://proxy:10200"


def said(date: str = "", **keys: object) -> Answer:
    body = {"api_version": "v2", "advertise_address": ADDRESS} | keys
    kept = {name: value for name, value in body.items() if value is not None}
    return Answer(200, json.dumps(kept).encode(), date=date)


def examined(seen, text: str = ADDRESS, root=None) -> Examination:
    return examine(text, judge(seen, text), NOW, root)


def test_a_healthy_address_has_no_findings():
    found = examined(said(DATE % "06:00:01"))
    assert found.healthy and found.findings == ()
    assert (found.skew, found.advertised, found.looks_like) == (1.0, ADDRESS, "")


@pytest.mark.parametrize(
    ("time", "skew", "level", "words"),
    [
        ("06:00:59", 59.0, None, ""),
        ("06:01:00", 60.0, Level.WARNING, "60 seconds ahead of"),
        ("05:50:00", -600.0, Level.WARNING, "10 minutes behind"),
        ("06:15:00", 900.0, Level.WARNING, "15 minutes ahead"),
        ("06:15:01", 901.0, Level.PROBLEM, "15 minutes ahead"),
        ("02:00:00", -14400.0, Level.PROBLEM, "240 minutes behind"),
    ],
)
def test_clocks(time, skew, level, words):
    found = examined(said(DATE % time))
    assert found.skew == skew
    assert [finding.level for finding in found.findings] == ([level] if level else [])
    assert all(words in finding.text for finding in found.findings)
    assert found.healthy is (level is not Level.PROBLEM)


@pytest.mark.parametrize(
    ("time", "words"),
    [
        ("06:00:00", "the same as here"),
        ("05:59:59", "the same as here"),
        ("05:59:58", "-2 s"),
        ("06:00:02", "+2 s"),
        ("05:00:00", "-3600 s"),
    ],
)
def test_a_date_has_whole_seconds_and_is_on_its_way_for_a_moment(time, words):
    assert examined(said(DATE % time)).clock == words
    assert examined(said("")).clock == ""


@pytest.mark.parametrize("date", ["", "yesterday", "Tue, 99 Nov 2026 06:00:00 GMT", "\x00", "1 2"])
def test_a_date_that_is_none_is_no_skew(date):
    assert examined(said(date)).skew is None


def test_the_clock_of_a_server_that_is_no_wsproxy_is_told_too():
    root = Answer(200, b"{}", date=DATE % "05:00:00")
    found = examined(Answer(404), root=root)
    assert found.skew == -3600.0 and not found.healthy
    assert [finding.code for finding in found.findings] == ["address-answers-404", "clock-far-off"]


@pytest.mark.parametrize(
    ("told", "text", "level", "words"),
    [
        (ADDRESS, ADDRESS, None, ""),
        (None, ADDRESS, Level.NOTE, "no advertise_address"),
        ("proxy:1", ADDRESS, Level.PROBLEM, "does not start with"),
        (7, ADDRESS, Level.PROBLEM, "no text"),
        ("http://127.0.0.1:1", ADDRESS, Level.WARNING, "own machine"),
        ("http://app.localhost", ADDRESS, Level.WARNING, "own machine"),
        ("http://127.0.0.1:1", "http://[::1]:1", None, ""),
    ],
)
def test_what_a_v2_advertises(told, text, level, words):
    found = examined(said(advertise_address=told), text)
    assert [finding.level for finding in found.findings] == ([level] if level else [])
    assert all(words in finding.text and finding.mend for finding in found.findings)


def test_a_v1_advertises_nothing():
    found = examined(Answer(200, b'{"api_version":"v1"}'))
    assert found.healthy and found.findings == ()


def test_habits_of_managers():
    found = examined(said(), "http://proxy:10200/prefix/")
    assert [finding.level for finding in found.findings] == [Level.WARNING, Level.NOTE]
    assert "/prefix" in found.findings[0].text
    assert found.findings[1].mend == "Write http://proxy:10200/prefix in the group."
    assert found.healthy


def page(body: bytes = b"", **fields) -> Answer:
    return Answer(fields.pop("status", 200), body, **fields)


@pytest.mark.parametrize(
    ("status", "root", "name"),
    [
        (page(status=404), page(b'{"version":"v9","manager":"26.8.1"}'), "manager (26.8.1)"),
        (page(b"<title>Backend.AI</title>"), None, "web server (WebUI)"),
        (page(status=404), page(b"<backend-ai-webui>"), "web server (WebUI)"),
        (
            page(b'{"type":"https://api.backend.ai/probs/url-not-found"}', status=404),
            page(status=404),
            "server of Backend.AI",
        ),
        (page(status=404), page(status=302, location="/lab?"), "Jupyter"),
        (page(status=302, location="/login?next=%2Fstatus"), None, "Jupyter"),
        (page(status=404), page(b"<title>JupyterLab</title>"), "Jupyter"),
        (page(status=404), page(b"<title>TensorBoard</title>"), "TensorBoard"),
        (page(status=404, server="ttyd/1.7"), None, "ttyd"),
        (page(status=404, server="nginx/1.25"), page(server="nginx/1.25"), "nginx"),
        (page(b"[1]", server="TornadoServer/6"), None, "Tornado"),
        (NotHttp("it speaks SSH"), None, "an SSH server"),
        (page(status=404), None, ""),
        (Fault(Trouble.REFUSED), None, ""),
    ],
)
def test_what_it_really_is(status, root, name):
    assert name in recognise(status, root)
    assert bool(name) is bool(recognise(status, root))
    assert name in examined(status, root=root).looks_like


def test_a_malformed_address_has_nothing_but_its_row():
    found = examine("nowhere", judge(Fault(Trouble.REFUSED)), NOW)
    assert [finding.code for finding in found.findings] == ["address-refused"]
    assert not found.healthy


@pytest.mark.parametrize(
    ("content_type", "codes"),
    [
        ("application/json", []),
        ("Application/JSON; charset=utf-8", []),
        ("application/problem+json", []),
        ("text/plain", ["content-type"]),
        ("application/jsonp", ["content-type"]),
        ("", ["content-type"]),
    ],
)
def test_what_managers_do_not_read_is_told(content_type, codes):
    seen = replace(said(), content_type=content_type)
    found = examined(seen)
    assert [finding.code for finding in found.findings] == codes
    assert found.healthy  # we read it


@pytest.mark.parametrize(("status", "more"), [(404, "status-ignored"), (503, "status-ignored")])
def test_a_status_that_managers_ignore_is_told(status, more):
    found = examined(replace(said(), status=status))
    assert [finding.code for finding in found.findings] == [f"address-answers-{status}", more]
    assert str(status) in found.findings[1].text


@pytest.mark.parametrize("number", [2, 2.0])
def test_a_number_for_a_version_is_told(number):
    found = examined(said(api_version=number))
    assert [finding.code for finding in found.findings] == ["version-unknown", "version-number"]


def test_an_answer_without_a_version_is_no_matter_of_managers():
    found = examined(Answer(500, b"{}", content_type="text/plain"))
    assert [finding.code for finding in found.findings] == ["address-answers-500"]


def test_the_document_has_everything():
    document = examined(Answer(302, location="/lab", date=DATE % "06:20:00")).document()
    assert document["healthy"] is False
    assert document["wsproxy_version"] == "v1"
    assert document["reason"] == "address-redirects"
    assert document["mend"].startswith("Use the address")
    assert document["looks_like"] == "an app: Jupyter"
    assert document["clock_skew"] == 1200.0
    assert document["see"] == "docs/errors.md#address-redirects"
    first, second = document["findings"]
    assert first == {
        "level": "problem",
        "code": "address-redirects",
        "text": document["detail"],
        "mend": document["mend"],
        "see": document["see"],
    }
    assert (second["level"], second["code"]) == ("problem", "clock-far-off")
    json.dumps(document)


answers = st.builds(
    Answer, st.integers(100, 599), st.binary(), st.text(), st.text(), st.text(), st.booleans()
) | st.text().map(lambda told: said(told, advertise_address=told))


@given(st.text(), answers, st.none() | answers)
def test_it_never_raises(text, seen, root):
    json.dumps(examine(text, judge(seen, text), NOW, root).document())
