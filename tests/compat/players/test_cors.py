"""What a browser lets a page read."""

import pytest
from yarl import URL

from wsproxy.compat.players.cors import (
    Asking,
    preflight_refused,
    redirected_origin,
    remembered,
    site,
    unreadable,
)

UI = "http://127.0.0.1:21090"
OPEN = {"Access-Control-Allow-Origin": "*"}
OURS = {"Access-Control-Allow-Origin": UI, "Access-Control-Allow-Credentials": "true"}


def asking(method="GET", origin=UI, credentials=False, **fields: str) -> Asking:
    given = {name.replace("_", "-"): value for name, value in fields.items()}
    return Asking(method, origin, credentials, given)


@pytest.mark.parametrize(
    ("origin", "credentials", "fields", "said"),
    [
        (UI, False, {}, "no Access-Control-Allow-Origin"),
        (UI, False, OPEN, ""),
        (UI, True, OPEN, "Access-Control-Allow-Origin is '*'"),
        (UI, False, OURS, ""),
        (UI, True, OURS, ""),
        (UI, True, {"Access-Control-Allow-Origin": UI}, "no Access-Control-Allow-Credentials"),
        ("http://localhost:21090", False, OURS, "Access-Control-Allow-Origin is 'http://127"),
        ("null", False, {"Access-Control-Allow-Origin": "null"}, ""),
        ("es6://app", False, {"Access-Control-Allow-Origin": "es6://app"}, ""),
    ],
)
def test_which_answers_a_page_may_read(origin, credentials, fields, said):
    why = unreadable(asking(origin=origin, credentials=credentials), fields)

    assert why.startswith(said) if said else why == ""


@pytest.mark.parametrize(
    ("question", "needed"),
    [
        (asking(), False),
        (asking(Accept="application/json"), False),
        (asking("PUT"), True),
        (asking("POST", Content_Type="text/plain; charset=utf-8"), False),
        (asking("POST", Content_Type="application/json"), True),
        (asking(X_BackendAI_SessionID="x"), True),
    ],
)
def test_which_requests_are_announced(question, needed):
    assert question.needs_preflight() is needed


PUT = asking("PUT", Accept="application/json", Content_Type="application/json")
CONF = {"Access-Control-Allow-Methods": "GET, PUT", "Access-Control-Allow-Headers": "Content-Type"}


@pytest.mark.parametrize(
    ("question", "status", "fields", "said"),
    [
        (PUT, 204, OURS | CONF, ""),
        (PUT, 204, CONF, "no Access-Control-Allow-Origin"),
        (PUT, 403, OURS | CONF, "the preflight was answered 403"),
        (PUT, 204, OURS, "PUT is not in"),
        (PUT, 204, OURS | {"Access-Control-Allow-Methods": "PUT"}, "content-type: not all in"),
        (PUT, 204, OPEN | dict.fromkeys(CONF, "*"), ""),
        (asking("PUT", credentials=True), 204, OURS | dict.fromkeys(CONF, "*"), "PUT is not in"),
    ],
)
def test_what_a_preflight_has_to_say(question, status, fields, said):
    why = preflight_refused(question, status, fields)

    assert why.startswith(said) if said else why == ""


@pytest.mark.parametrize(
    ("said", "kept"), [({}, False), ({"Access-Control-Max-Age": "86400"}, True)]
)
def test_a_preflight_without_an_age_is_soon_forgotten(said, kept):
    assert remembered(said) is kept


@pytest.mark.parametrize(
    ("origin", "url", "said"),
    [
        (UI, "http://127.0.0.1:21090/func", "same-origin"),
        (UI, "http://127.0.0.1:5050/", "same-site"),
        (UI, "http://localhost:5050/", "cross-site"),
        ("es6://app", "http://127.0.0.1:5050/", "cross-site"),
        ("null", "http://127.0.0.1:5050/", "cross-site"),
    ],
)
def test_how_near_a_page_is(origin, url, said):
    assert site(origin, URL(url)) == said


@pytest.mark.parametrize(
    ("url", "target", "origin"),
    [
        ("http://127.0.0.1:5050/redirect", "http://127.0.0.1:5050/other", UI),
        ("http://127.0.0.1:5050/redirect", "http://127.0.0.1:9000/", "null"),
        ("http://127.0.0.1:21090/own", "http://127.0.0.1:9000/", UI),
    ],
)
def test_a_redirect_from_one_stranger_to_another_makes_the_origin_null(url, target, origin):
    assert redirected_origin(UI, URL(url), URL(target)) == origin
