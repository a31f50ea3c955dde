"""Opening an app: every answer on the way, as tables."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsproxy.core.circuit import Protocol, Transport
from wsproxy.core.deletion import Fault
from wsproxy.core.opening import (
    Opened,
    Said,
    Started,
    add_url,
    gateway_status,
    is_web,
    opened_v1,
    opened_v2,
    opened_v2_tcp,
    protocol_of,
    said_by_gateway,
    said_by_manager,
    started,
    token_in,
    url_in,
    v1_add_path,
)
from wsproxy.core.wire import Version

V1, V2 = Version.V1, Version.V2
BASE = "https://api.backend.ai/probs/"


def js(document: Any) -> bytes:
    return json.dumps(document).encode()


def problem(slug: str, **more: str) -> bytes:
    return js({"type": BASE + slug, "title": "No.", **more})


APPS = js(
    [
        {"name": "jupyter", "protocol": "http", "ports": [8080]},
        {"name": "sshd", "protocol": "tcp", "ports": [2200]},
        {"name": "odd", "protocol": "smoke"},
        "noise",
    ]
)


def test_what_an_app_speaks():
    assert protocol_of(200, APPS, "jupyter") is Protocol.HTTP
    assert protocol_of(200, APPS, "sshd") is Protocol.TCP
    assert protocol_of(200, APPS, "odd") is Protocol.TCP


@pytest.mark.parametrize(
    ("status", "body", "fault"),
    [
        (
            200,
            APPS,
            Fault("app-not-found", "The session has no such app; it has: jupyter, odd, sshd."),
        ),
        (200, b"[]", Fault("app-not-found", "The session has no such app; it has: none.")),
        (
            404,
            problem("session-not-found", msg="Session x\x1b."),
            Fault("session-not-found", "Session x?."),
        ),
        (401, problem("auth-failed"), Fault("auth-failed", "No.")),
        (404, js({"type": BASE + "url-not-found"}), Fault("url-not-found", "url-not-found")),
        (
            502,
            b"<h1>",
            Fault("manager-answers-502", "The manager answers 502, and not as managers do."),
        ),
        (
            200,
            b"{}",
            Fault("manager-answers-200", "The manager answers 200, and not as managers do."),
        ),
    ],
)
def test_no_such_app_or_session(status, body, fault):
    assert protocol_of(status, body, "lab") == fault


def test_the_version_a_manager_says():
    assert said_by_manager(200, b'{"wsproxy_version": "v2"}') == Said(V2, "confirmed")
    assert said_by_manager(500, problem("appproxy-connection-error")) == Said(
        V1, "manager-cannot-reach-address"
    )


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (js({"wsproxy_version": "v2", "reason": "confirmed"}), Said(V2, "confirmed")),
        (
            js({"wsproxy_version": "v1", "reason": "address-refused", "degraded": True}),
            Said(V1, "address-refused"),
        ),
        (js({"wsproxy_version": "v1"}), Said(V1, "confirmed")),
        (js({"wsproxy_version": "v3"}), None),
        (js({"wsproxy_version": ["v1"]}), None),
        (js(["v1"]), None),
        (b"<html>", None),
    ],
)
def test_the_version_a_gateway_says(body, said):
    assert said_by_gateway(body) == said


GOOD = {"token": "t", "wsproxy_addr": "http://proxy:10200"}
STARTS = [
    (200, js(GOOD), Started("t", "http://proxy:10200")),
    (200, js({**GOOD, "token": ""}), Said(V1, "manager-not-a-manager")),
    (200, js({**GOOD, "wsproxy_addr": "proxy:1"}), Said(V1, "manager-not-a-manager")),
    (200, b"[]", Said(V1, "manager-not-a-manager")),
    (503, problem("service-unavailable"), Said(V1, "address-not-set")),
    (500, problem("appproxy-connection-error"), Said(V1, "manager-cannot-reach-address")),
    (500, problem("appproxy-response-error"), Said(V1, "manager-rejects-address")),
    (400, problem("schema-validation-failed"), Said(V1, "manager-rejects-address")),
    (500, problem("internal-server-error"), Said(V1, "manager-answers-500")),
    (502, b"<h1>", Said(V1, "manager-answers-502")),
    (404, problem("object-not-found", msg="n1:lab"), Fault("object-not-found", "n1:lab")),
    (400, problem("generic-bad-request"), Fault("generic-bad-request", "No.")),
    (401, problem("auth-failed"), Fault("auth-failed", "No.")),
]


@pytest.mark.parametrize(("status", "body", "found"), STARTS)
def test_start_service(status, body, found):
    assert started(status, body) == found


@pytest.mark.parametrize("text", ["http://h", "https://h:1/x?y#z", "http://[::1]:80/"])
def test_web_urls(text):
    assert is_web(text)


@pytest.mark.parametrize(
    "text",
    [
        "javascript:alert(1)",
        "file:///etc/passwd",
        "//h/x",
        "http://",
        "http://h:99999/",
        "http://[::1/",
        "http://h/ x",
        "http://h/\x1b[31m",
        "http://h/\r\n",
        None,
        7,
    ],
)
def test_what_is_not_printed_as_a_url(text):
    assert not is_web(text)


def test_where_a_token_becomes_a_circuit():
    url = add_url(Started("a/b", "http://proxy:1/"), "s 1", "my app&x", Protocol.HTTP)
    assert url == "http://proxy:1/v2/proxy/a%2Fb/s%201/add?app=my+app%26x&protocol=http"


def test_where_a_local_gateway_opens():
    assert v1_add_path("t", "s", "sshd", Protocol.TCP, 0) == "/proxy/t/s/add?app=sshd&protocol=tcp"
    assert v1_add_path("t", "../s", "a", Protocol.HTTP, 8080) == (
        "/proxy/t/..%2Fs/add?app=a&protocol=http&port=8080"
    )


NO_COORDINATOR = Fault("address-not-a-wsproxy", "What answers there is not a coordinator.")
URLS = [
    (200, js({"code": 200, "url": "http://c/auth"}), "http://c/auth"),
    (200, js({"url": "javascript:x"}), NO_COORDINATOR),
    (200, js({"code": 500}), NO_COORDINATOR),
    (200, b"<html>", NO_COORDINATOR),
    (409, problem("appproxy/port-not-available"), Fault("appproxy/port-not-available", "No.")),
    (
        404,
        b"<html>",
        Fault("address-answers-404", "The address of the group answers 404."),
    ),
    (302, b"", Fault("address-answers-302", "The address of the group answers 302.")),
]


@pytest.mark.parametrize(("status", "body", "found"), URLS)
def test_the_url_of_the_next_step(status, body, found):
    assert url_in(status, body, "url") == found


def test_an_http_app_is_where_its_setup_page_is():
    assert opened_v2("confirmed", "https://w/setup?token=x") == Opened(
        V2, "confirmed", "https://w/setup?token=x", "w", 443
    )
    assert opened_v2("confirmed", "http://w/setup").port == 80


def helper(gateway: str) -> str:
    return f"http://localhost:45678/start?directTCP=true&auth=x&proto=tcp&gateway={gateway}"


TCP = [
    (200, js({"redirectURI": helper("tcp%3A%2F%2Fw%3A10201")}), ("w", 10201)),
    (200, js({"redirect": helper("tcp%3A%2F%2F%5B%3A%3A1%5D%3A22")}), ("::1", 22)),
    (200, js({"redirectURI": helper("grpc%3A%2F%2Fw%3A10201")}), ("w", 10201)),
]


@pytest.mark.parametrize(("status", "body", "place"), TCP)
def test_a_tcp_app_is_a_host_and_a_port(status, body, place):
    opened = opened_v2_tcp("confirmed", status, body)
    assert opened == Opened(V2, "confirmed", "", *place)


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (200, js({"redirectURI": helper("tcp%3A%2F%2Fw")}), "address-not-a-wsproxy"),
        (200, js({"redirectURI": helper("tcp%3A%2F%2Fw%3A99999")}), "address-not-a-wsproxy"),
        (200, js({"redirectURI": "http://localhost:45678/"}), "address-not-a-wsproxy"),
        (200, js({"redirectURI": 7}), "address-not-a-wsproxy"),
        (200, b"[]", "address-not-a-wsproxy"),
        (404, problem("object-not-found"), "object-not-found"),
        (500, b"", "address-answers-500"),
    ],
)
def test_a_setup_page_without_host_and_port(status, body, code):
    fault = opened_v2_tcp("confirmed", status, body)
    assert isinstance(fault, Fault) and fault.code == code


def test_the_token_of_a_local_gateway():
    assert token_in(200, js({"token": "local"})) == "local"
    for status, body in ((200, b"{}"), (200, b"[]"), (403, js({"token": "x"})), (200, b"x")):
        fault = token_in(status, body)
        assert isinstance(fault, Fault) and fault.code == "gateway-refuses-conf"


ADDED: dict[str, Any] = {
    "code": 200,
    "proxy": "http://h:4001",
    "url": "http://h:5050/redirect?port=4001",
}


def test_a_v1_app():
    opened = opened_v1("address-not-set", 200, js(ADDED), Transport.HTTP)
    assert opened == Opened(V1, "address-not-set", ADDED["url"], "h", 4001)
    opened = opened_v1("address-not-set", 200, js(ADDED), Transport.TCP)
    assert opened == Opened(V1, "address-not-set", "", "h", 4001)


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (200, js({"code": 500}), "gateway-cannot-open"),
        (403, js({"code": 403}), "gateway-cannot-open"),
        (500, js(ADDED), "gateway-cannot-open"),
        (200, b"<html>", "gateway-cannot-open"),
        (200, js({**ADDED, "url": "x"}), "gateway-not-a-wsproxy"),
        (200, js({"code": 200}), "gateway-not-a-wsproxy"),
    ],
)
def test_a_gateway_that_does_not_open(status, body, code):
    fault = opened_v1("r", status, body, Transport.HTTP)
    assert isinstance(fault, Fault) and fault.code == code


def test_what_a_person_needs():
    assert Opened(V2, "confirmed", "http://w/x", "w", 80).place == "http://w/x"
    assert Opened(V2, "confirmed", "", "w", 22).place == "w:22"
    assert Opened(V1, "confirmed", "", "::1", 22).place == "[::1]:22"
    assert Opened(V1, "address-refused", "", "w", 22).document() == {
        "version": "v1",
        "reason": "address-refused",
        "url": "",
        "host": "w",
        "port": 22,
    }


@given(
    st.integers(100, 599),
    st.binary(max_size=100)
    | st.builds(
        js,
        st.dictionaries(
            st.sampled_from(
                ["url", "token", "code", "proxy", "redirectURI", "type", "wsproxy_addr"]
            ),
            st.text(max_size=20) | st.integers() | st.none(),
            max_size=4,
        ),
    ),
)
def test_no_answer_raises(status, body):
    protocol_of(status, body, "a")
    started(status, body)
    url_in(status, body, "url")
    opened_v2_tcp("r", status, body)
    token_in(status, body)
    opened_v1("r", status, body, Transport.HTTP)
    said_by_gateway(body)


@pytest.mark.parametrize(
    ("status", "body", "good"),
    [
        (200, b'{"api_version": "v1"}', True),
        (200, b'{"api_version": "v2", "advertise_address": "http://x"}', True),
        (503, b'{"api_version": "v1"}', False),
        (200, b'{"api_version": "v9"}', False),
        (200, b'{"status": "ok"}', False),
        (200, b"<html>", False),
    ],
)
def test_who_may_have_our_secrets(status, body, good):
    fault = gateway_status(status, body)
    assert (fault is None) is good
    assert fault is None or fault.code == "gateway-not-a-wsproxy"
