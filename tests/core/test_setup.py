"""From a link to an open app: URLs and the setup page."""

import json
from dataclasses import replace
from urllib.parse import parse_qs, quote, urlsplit
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from yarl import URL

from wsproxy.core import permits, setup, tokens
from wsproxy.core.circuit import Circuit, HostListener, Mode, PortListener, Protocol
from wsproxy.core.negotiate import Form
from wsproxy.core.problem import Problem
from wsproxy.core.setup import Places, SetupAnswer
from wsproxy.core.wire import Version

HTTP = Circuit(
    id=UUID("aa342532-d3d0-44a4-be8a-4f813e67913b"),
    version=Version.V2,
    app="jupyter",
    protocol=Protocol.HTTP,
    session_id="S",
    listener=PortListener("0.0.0.0", 10205),
    routes=(),
)
NAMED = replace(HTTP, listener=HostListener("app-1"))
TCP = replace(HTTP, protocol=Protocol.TCP)
SAME = Places("http://127.0.0.1:5050", "127.0.0.1")
OTHER = Places("http://127.0.0.1:5050/", "apps.example.com", tls=True)
WILD = Places("https://api.example.com", "10.0.0.1", ".apps.example.com", 443, tls=True)
ENCRYPTED = Places("https://127.0.0.1:5050", "127.0.0.1", tls=True, port_tls=True)
V6 = Places("http://[::1]:5050", "::1")


@pytest.mark.parametrize(
    ("circuit", "places", "app", "page"),
    [
        (HTTP, SAME, "http://127.0.0.1:10205", "http://127.0.0.1:5050/setup?token=T"),
        (
            HTTP,
            OTHER,
            "https://apps.example.com:10205",
            "https://apps.example.com:10205/.wsproxy/setup?token=T",
        ),
        (HTTP, V6, "http://[::1]:10205", "http://[::1]:5050/setup?token=T"),
        (
            NAMED,
            WILD,
            "https://app-1.apps.example.com:443",
            "https://app-1.apps.example.com:443/.wsproxy/setup?token=T",
        ),
        (TCP, OTHER, "tcp://apps.example.com:10205", "http://127.0.0.1:5050/setup?token=T"),
        (TCP, V6, "tcp://[::1]:10205", "http://[::1]:5050/setup?token=T"),
        (
            replace(HTTP, protocol=Protocol.GRPC),
            SAME,
            "grpc://127.0.0.1:10205",
            "http://127.0.0.1:5050/setup?token=T",
        ),
    ],
)
def test_where_things_are(circuit, places, app, page):
    assert setup.app_url(circuit, places) == app
    assert setup.setup_url(circuit, "T", places) == page


def test_the_link_that_add_answers():
    url = setup.auth_url(SAME, [("app", "a b"), ("protocol", "tcp"), ("no_reuse", "True")])
    assert url == "http://127.0.0.1:5050/v2/proxy/auth?app=a+b&protocol=tcp&no_reuse=True"


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("", ""),
        ("/lab", "/lab"),
        ("/tree", "/tree"),
        ("/lab?token=1&x=%2F", "/lab?token=1&x=%2F"),
        ("/lab?&", "/lab?&"),
        ("lab?a=1", "/lab?a=1"),
        ("?a=1", "/?a=1"),
        ("/notebooks/a.ipynb", "/notebooks/a.ipynb"),
        ("/notebooks/a b é.ipynb", "/notebooks/a%20b%20%C3%A9.ipynb"),
        ("/@evil", "/@evil"),
        ("/a//b", "/a//b"),
        ("/\ud800", "/?"),
        ("/\"<script>'", "/%22%3Cscript%3E'"),
    ],
)
def test_a_path_on_the_apps_host(text, path):
    assert setup.clean_redirect(text) == path


@pytest.mark.parametrize(
    "text",
    [
        "//evil",
        "///evil",
        "@evil",
        "user@evil/",
        ":80@evil",
        "http://evil/x",
        "https:evil",
        "javascript:alert(1)",
        "/\\evil",
        "\\\\evil",
        "/a\r\nSet-Cookie: x=1",
        "/a\nb",
        "/a\x00",
        "/a\tb",
        "/a\x85",
        " //evil",
        "/" * 3000,
    ],
)
def test_what_leads_elsewhere_is_refused(text):
    with pytest.raises(ValueError, match="it "):
        setup.clean_redirect(text)


@given(st.text(max_size=60) | st.from_regex(r"[/\\@:.a?#%]{1,12}", fullmatch=True))
@settings(max_examples=300)
def test_no_redirect_leaves_the_apps_origin(text):
    try:
        path = setup.clean_redirect(text)
    except ValueError:
        return
    location = "http://127.0.0.1:10205" + path
    assert path.isascii()
    assert path == "" or path[0] == "/"
    assert not any(char <= " " for char in path)
    assert (URL(location, encoded=True).host, URL(location, encoded=True).port) == (
        "127.0.0.1",
        10205,
    )


def page(circuit: Circuit, places: Places = SAME, redirect: str = "") -> SetupAnswer:
    answer = setup.answer(circuit, "T.T.T", redirect, "v2.1.s", places)
    assert isinstance(answer, SetupAnswer), answer
    return answer


@pytest.mark.parametrize(
    ("circuit", "places", "redirect", "location"),
    [
        (HTTP, SAME, "", "http://127.0.0.1:10205"),
        (HTTP, SAME, "/lab?a=1", "http://127.0.0.1:10205/lab?a=1"),
        (HTTP, SAME, "//evil", "http://127.0.0.1:10205"),
        (replace(HTTP, protocol=Protocol.PREOPEN), SAME, "", "http://127.0.0.1:10205"),
        (NAMED, WILD, "/lab", "https://app-1.apps.example.com:443/lab"),
    ],
)
def test_an_http_app_gets_a_cookie_and_a_redirect(circuit, places, redirect, location):
    answer = page(circuit, places, redirect)
    fields = dict(answer.headers)
    assert answer.status == 302
    assert fields["Location"] == location
    assert fields["Cache-Control"] == "no-store"
    assert fields["Set-Cookie"].startswith(f"appproxy_permit_{HTTP.id}=v2.1.s; HttpOnly; ")
    assert fields["Set-Cookie"].endswith("; Secure") is places.tls
    assert not answer.tcp


@pytest.mark.parametrize("protocol", [Protocol.TCP, Protocol.VNC, Protocol.RDP])
def test_a_tcp_app_gets_the_text_that_clients_take_apart(protocol):
    answer = page(replace(TCP, protocol=protocol), V6)
    document = json.loads(answer.body)
    assert (answer.status, answer.tcp) == (200, True)
    assert document["redirect"] == document["redirectURI"]
    assert document["redirectURI"] == (
        "http://localhost:45678/start?directTCP=true&auth=T.T.T&proto=tcp"
        "&gateway=tcp%3A%2F%2F%5B%3A%3A1%5D%3A10205"
    )
    assert parse_qs(urlsplit(document["redirectURI"]).query)["gateway"] == ["tcp://[::1]:10205"]


def test_a_tcp_app_with_a_redirect_goes_to_the_helper():
    answer = page(TCP, redirect="/x")
    assert (answer.status, answer.tcp) == (302, True)
    assert dict(answer.headers)["Location"].startswith(
        "http://localhost:45678/start?directTCP=true"
    )


@pytest.mark.parametrize(
    ("protocol", "places", "url"),
    [
        (Protocol.GRPC, SAME, "grpc://127.0.0.1:10205"),
        (Protocol.GRPC, ENCRYPTED, "grpc://127.0.0.1:10205"),
        (Protocol.H2, V6, "http://[::1]:10205"),
        (Protocol.H2, ENCRYPTED, "https://127.0.0.1:10205"),
        (Protocol.H2, WILD, "http://10.0.0.1:10205"),  # TLS of the domain ends before us
    ],
)
def test_an_http2_app_is_told_with_its_scheme(protocol, places, url):
    answer = page(replace(TCP, protocol=protocol), places, "/lab")
    document = json.loads(answer.body)
    assert (answer.status, answer.tcp) == (200, True)
    assert (
        document.pop("redirect")
        == (
            f"http://localhost:45678/start?directTCP=true&auth=T.T.T&proto={protocol}"
            f"&gateway={quote(url, safe='')}"
        )
        == document.pop("redirectURI")
    )
    assert document == {"url": url, "tls": places.port_tls}


def test_a_person_gets_a_page_for_an_http2_app():
    circuit = replace(TCP, protocol=Protocol.H2)
    answer = setup.answer(circuit, "T", "", "p", SAME, Form.HTML)
    assert isinstance(answer, SetupAnswer)
    assert (answer.status, answer.tcp) == (200, True)
    assert dict(answer.headers)["Content-Type"] == "text/html; charset=utf-8"
    assert b"<code>http://127.0.0.1:10205</code>" in answer.body


def test_an_endpoint_has_no_setup_page():
    answer = setup.answer(replace(HTTP, mode=Mode.INFERENCE), "T", "", "p", SAME)
    assert isinstance(answer, Problem)
    assert answer.status == 400
    assert answer.msg.startswith("E20011")


KEYS = setup.Keys("a jwt secret, sixteen", "a permit secret, sixteen")


def look(text: str, *circuits: Circuit) -> setup.Page | Problem:
    known = {circuit.id: circuit for circuit in circuits}
    return setup.page(text, known.get, SAME, KEYS, 1000.0)


def test_a_good_token_shows_the_page_of_its_circuit():
    token = tokens.issue_setup(UUID(int=1), HTTP.id, "/lab", KEYS.jwt_secret, 1000.0)
    for _ in range(3):  # real clients fetch one address up to three times
        shown = look(token, HTTP)
        assert isinstance(shown, setup.Page)
        assert shown.circuit == HTTP
        fields = dict(shown.answer.headers)
        assert fields["Location"] == "http://127.0.0.1:10205/lab"
        permit = fields["Set-Cookie"].split(";")[0].partition("=")[2]
        assert permits.check(KEYS.permit_secret, HTTP.id, permit, 1000.0) is not None


def test_the_circuit_of_a_good_token_may_be_gone():
    token = tokens.issue_setup(UUID(int=1), HTTP.id, "", KEYS.jwt_secret, 1000.0)
    assert look(token) == setup.NO_SUCH_CIRCUIT
    assert setup.NO_SUCH_CIRCUIT.body()["title"] == "E00002: No such worker:circuit."


def test_a_bad_token_and_a_kind_of_app_without_page():
    token = tokens.issue_setup(UUID(int=1), HTTP.id, "", KEYS.jwt_secret, 1000.0)
    inference = look(token, replace(HTTP, mode=Mode.INFERENCE))
    forged = look(token + "x", HTTP)
    assert isinstance(inference, Problem)
    assert isinstance(forged, Problem)
    assert (inference.status, forged.status) == (400, 401)


def test_an_answer_shows_no_permit():
    assert "v2.1.s" not in repr(page(HTTP))
