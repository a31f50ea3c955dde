"""Parameters of the v2 routes as values."""

import pytest
from pydantic import ValidationError

from wsproxy.api.v2.parameters import App, Conf, not_for_inference

BASE = {"app": "x", "protocol": "http"}


@pytest.mark.parametrize(
    ("given", "query"),
    [
        ({}, {}),
        ({"envs": '{"A": 1, "B": null}'}, {"envs": '{"A": "1", "B": "null"}'}),
        ({"envs": {"A": "1"}}, {"envs": '{"A": "1"}'}),
        ({"envs": "null", "args": "undefined", "port": ""}, {}),
        (
            {"open_to_public": "True", "no_reuse": "yes"},
            {"open_to_public": "True", "no_reuse": "True"},
        ),
        ({"open_to_public": "false"}, {}),
        ({"allowed_client_ips": " 10.0.0.1 , ::1 "}, {"allowed_client_ips": "10.0.0.1,::1"}),
        ({"redirect": "lab"}, {"redirect": "/lab"}),
    ],
)
def test_what_is_passed_on(given, query):
    app = App.model_validate({**BASE, **given})
    assert dict(app.as_query()) == {**BASE, **query}
    assert App.model_validate(dict(app.as_query())) == app  # auth reads what add wrote


@pytest.mark.parametrize(
    "given",
    [
        {"envs": "{"},
        {"envs": "[" * 3000},
        {"envs": "7"},
        {"port": "1e3"},
        {"port": 3.0},
        {"args": "x" * 5000},
        {"allowed_client_ips": "10.0.0.1," * 40},
        {"redirect": "/" + "x" * 3000},
        {"app": "x" * 300},
    ],
)
def test_what_is_refused(given):
    with pytest.raises(ValidationError):
        App.model_validate({**BASE, **given})


def test_the_login_token_is_not_shown():
    conf = Conf(kernel_host="h", kernel_port=1, login_session_token="hush")
    assert "hush" not in repr(conf)


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"session": {"id": "x", "access_key": "y"}}, False),
        ({"session": {"id": None, "access_key": "y"}}, True),
        ({"session": {"id": "x"}}, True),
        ({"session": None}, False),
        ({}, False),
        ([], False),
        (None, False),
    ],
)
def test_when_a_manager_means_an_inference_app(document, expected):
    assert not_for_inference(document) is expected
