"""Accept fields that real clients send, and odd ones."""

import pytest

from wsproxy.core.negotiate import Form, api_form, app_form, first_is_json, names_json

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"

ROWS = [
    # accept, control API, app port, first type is JSON, JSON by name
    (None, Form.JSON, Form.HTML, False, False),
    ("", Form.JSON, Form.HTML, False, False),
    ("*/*", Form.JSON, Form.HTML, False, False),
    ("application/json", Form.JSON, Form.JSON, True, True),
    ("Application/JSON; charset=utf-8", Form.JSON, Form.JSON, True, True),
    ("application/json, text/plain, */*", Form.JSON, Form.JSON, True, True),
    (BROWSER, Form.HTML, Form.HTML, False, False),
    ("text/html", Form.HTML, Form.HTML, False, False),
    ("text/html, application/json;q=0.9", Form.HTML, Form.HTML, False, True),
    ("text/html;q=0.5, application/json", Form.JSON, Form.JSON, False, True),
    ("text/html, application/json", Form.JSON, Form.JSON, False, True),
    ("application/json;q=0", Form.JSON, Form.HTML, True, False),
    ("text/html;q=nonsense", Form.JSON, Form.HTML, False, False),
    ("text/html;q=7", Form.HTML, Form.HTML, False, False),
    ("text/html;level=1", Form.HTML, Form.HTML, False, False),
    (",,;;", Form.JSON, Form.HTML, False, False),
]


@pytest.mark.parametrize(("accept", "api", "app", "first", "named"), ROWS)
def test_form(accept, api, app, first, named):
    assert api_form(accept) is api
    assert app_form(accept) is app
    assert first_is_json(accept) is first
    assert names_json(accept) is named
