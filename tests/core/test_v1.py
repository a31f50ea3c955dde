"""The v1 control API's decisions."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from wsproxy.core.circuit import Protocol
from wsproxy.core.v1 import (
    AddQuery,
    BadQuery,
    Places,
    added,
    origin_allowed,
    owned_port,
    read_add,
    redirect_url,
)

PLACES = Places("http://localhost:5050", "localhost")


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        (None, True),
        ("http://localhost:5173", True),
        ("https://x.localhost:1", True),
        ("http://127.0.0.1", True),
        ("http://[::1]:8080", True),
        ("es6://app", True),
        ("https://ui.example", True),
        ("https://ui.example:8443", False),
        ("https://evil.example", False),
        ("null", False),
        ("", False),
    ],
)
def test_origins(origin, allowed):
    assert origin_allowed(origin, ["https://ui.example"]) is allowed


@pytest.mark.parametrize(
    ("origin", "site", "allowed"),
    [
        (None, "cross-site", False),
        (None, "same-site", False),
        (None, "same-origin", True),
        (None, "none", True),
        ("http://localhost:5173", "cross-site", True),
        ("https://evil.example", "same-origin", False),
    ],
)
def test_where_the_page_is_counts_when_it_has_no_origin(origin, site, allowed):
    assert origin_allowed(origin, [], site) is allowed


def test_an_empty_query_is_the_default():
    assert read_add({}) == AddQuery("jupyter", 0, "", "", Protocol.HTTP)


@pytest.mark.parametrize(
    ("query", "field", "value"),
    [
        ({"port": "4000"}, "port", 4000),
        ({"port": "x"}, "port", 0),
        ({"port": "-1"}, "port", 0),
        ({"envs": '{"A": "b"}'}, "envs", '{"A":"b"}'),
        ({"envs": "{}"}, "envs", ""),
        ({"envs": "null"}, "envs", ""),
        ({"envs": " "}, "envs", ""),
        ({"envs": "%7B%22A%22%3A1%7D"}, "envs", '{"A":1}'),
        ({"envs": '{"A": "100%"}'}, "envs", '{"A":"100%"}'),
        ({"args": '{"--x": "ä"}'}, "arguments", '{"--x":"ä"}'),
        ({"arguments": '{"--x": 1}'}, "arguments", '{"--x":1}'),
        ({"protocol": "vnc"}, "protocol", Protocol.VNC),
        ({"protocol": "nonsense"}, "protocol", Protocol.HTTP),
        ({"app": "ttyd"}, "app", "ttyd"),
    ],
)
def test_parameters(query, field, value):
    assert getattr(read_add(query), field) == value


@pytest.mark.parametrize(
    "query",
    [{"envs": "{"}, {"envs": "[1]"}, {"args": '"x"'}, {"app": "a\nb"}, {"app": "a" * 300}],
)
def test_parameters_that_cannot_be_used(query):
    with pytest.raises(BadQuery):
        read_add(query)


@given(st.dictionaries(st.text(max_size=8), st.text(max_size=12), max_size=4))
def test_any_environment_survives(envs):
    text = read_add({"envs": json.dumps(envs)}).envs
    assert (json.loads(text) if text else {}) == envs


@pytest.mark.parametrize("app", ["jupyter", "ttyd", "sftp", "sshd", "vnc", "xrdp"])
def test_a_url_always_has_a_query_that_clients_can_append_to(app):
    answer = added(PLACES, app, 1234)
    assert (answer["code"], answer["port"]) == (200, 1234)
    assert "?port=1234" in answer["url"]
    helper = app in ("sftp", "sshd", "vnc", "xrdp")
    assert answer["url"].startswith(f"http://localhost:5050/{app if helper else 'redirect'}?")


def test_only_ports_of_ours():
    assert owned_port("8080", {8080}) == 8080
    assert owned_port("8081", {8080}) == owned_port("x", {8080}) == 0


@pytest.mark.parametrize(
    ("path", "url"),
    [
        ("", "http://localhost:1"),
        ("/", "http://localhost:1/"),
        ("/lab?token=1", "http://localhost:1/lab?token=1"),
        ("/a b", "http://localhost:1/a%20b"),
        ("/ä", "http://localhost:1/%C3%A4"),
        ("/h=<proxy-host>&p=<port-number>", "http://localhost:1/h=localhost&p=1"),
    ],
)
def test_redirects(path, url):
    assert redirect_url(PLACES, 1, path) == url


@pytest.mark.parametrize("path", ["//e", "http://e", "e", "/\\e", "/a\r\nb", "/\te", "/a\x7f"])
def test_redirects_that_could_lead_elsewhere(path):
    assert redirect_url(PLACES, 1, path) is None


@given(st.text(max_size=40))
def test_a_redirect_never_leaves_the_app(path):
    target = redirect_url(PLACES, 1234, "/" + path)
    if target is not None:
        assert (URL(target).host, URL(target).port) == ("localhost", 1234)
        assert target.isascii()
        assert target.isprintable()
        assert "<" not in target
