"""A problem as bytes: JSON, or a page in which nothing is markup but ours."""

import json

from wsproxy.core.negotiate import Form
from wsproxy.core.page import problem_document
from wsproxy.core.problem import Problem
from wsproxy.core.wire import Version

NASTY = "<script>alert('x')</script>&\""


def test_json():
    problem = Problem("app-silent", msg=NASTY)
    content_type, body = problem_document(problem, Form.JSON, Version.V2)
    assert content_type.startswith("application/json")
    assert json.loads(body) == problem.body()


def test_the_page_escapes_everything_and_says_who_spoke():
    problem = Problem("app-silent", msg=NASTY, title=NASTY)
    content_type, body = problem_document(problem, Form.HTML, Version.V1)
    page = body.decode()
    assert content_type.startswith("text/html")
    assert "<script" not in page
    assert page.count("&lt;script&gt;") == 3  # title, heading, message
    assert "<code>app-silent</code> (504)" in page
    assert "wsproxy said this, not the app" in page
    assert "Path: v1." in page
