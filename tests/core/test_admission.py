"""Admission: the order of the checks, and what each of them says."""

from dataclasses import replace
from ipaddress import ip_address
from math import inf
from uuid import UUID

import pytest

from wsproxy.core import admission, jwts, permits
from wsproxy.core.admission import (
    AdmissionRules,
    Admitted,
    SetupAddresses,
    TcpAdmission,
    Visit,
    admit,
    admit_tcp,
)
from wsproxy.core.circuit import Circuit, Mode, PortListener, Protocol
from wsproxy.core.heads import RequestHead
from wsproxy.core.permits import PermitRules
from wsproxy.core.problem import Problem
from wsproxy.core.wire import Version

SECRET = "a permit secret of some length"
JWT_SECRET = "a jwt secret of some length"
USER = "5f2b6c1e-7a55-4b3c-9d1f-0c8a4f6e2d11"
NOW = 1000.0
INSIDE, OUTSIDE = ip_address("10.0.0.9"), ip_address("192.0.2.1")
RULES = AdmissionRules(PermitRules(SECRET), JWT_SECRET)
CIRCUIT = Circuit(
    id=UUID("aa342532-d3d0-44a4-be8a-4f813e67913b"),
    version=Version.V2,
    app="jupyter",
    protocol=Protocol.HTTP,
    session_id="S",
    listener=PortListener("127.0.0.1", 10205),
    routes=(),
    user_id=USER,
)
LISTED = replace(CIRCUIT, allowed_client_ips=("10.0.0.0/8",))
NAME = permits.cookie_name(CIRCUIT.id)
GOOD = permits.issue(SECRET, CIRCUIT.id, NOW)


def ask(
    circuit: Circuit,
    cookie: str = "",
    authorization: str = "",
    method: str = "GET",
    client: str = "10.0.0.9",
    now: float = NOW,
    rules: AdmissionRules = RULES,
) -> Admitted | Problem:
    fields = ((b"Cookie", cookie), (b"Authorization", authorization))
    headers = tuple((name, value.encode("latin-1")) for name, value in fields if value)
    head = RequestHead(method, "/", headers)
    return admit(Visit(circuit, head, ip_address(client), now), rules)


def said(verdict: Admitted | Problem) -> tuple[int, str]:
    assert isinstance(verdict, Problem), verdict
    return verdict.status, verdict.msg.split(":")[0]


@pytest.mark.parametrize(
    ("cookie", "expected"),
    [
        ("", "E20004"),
        ("other=1", "E20004"),
        (f"appproxy_permit_bb342532-d3d0-44a4-be8a-4f813e67913b={GOOD}", "E20004"),
        (f"{NAME}=wrong", "E20005"),
        (f"{NAME}=", "E20005"),
        (f"appproxy_permit={permits.classic(SECRET, USER)}", "E20005"),
        (f"{NAME}=\xff\xfe", "E20005"),
    ],
)
def test_without_a_good_permit_it_is_401(cookie, expected):
    assert said(ask(CIRCUIT, cookie)) == (401, expected)


@pytest.mark.parametrize(
    "cookie", [f"{NAME}={GOOD}", f'a=b; {NAME}="{GOOD}"', f"{NAME}=x; {NAME}={GOOD}"]
)
def test_a_good_permit_passes_quoted_or_not(cookie):
    assert ask(CIRCUIT, cookie) == Admitted(until=NOW + permits.RENEW_AFTER)


def test_a_permit_is_renewed_while_it_is_used():
    later = NOW + permits.RENEW_AFTER
    verdict = ask(CIRCUIT, f"{NAME}={GOOD}", now=later)
    assert isinstance(verdict, Admitted)
    fresh = verdict.renew.split(";")[0].partition("=")[2]
    found = permits.check(SECRET, CIRCUIT.id, fresh, later)
    assert found == permits.Permit(int(later) + permits.LIFE, stale=False)
    assert "Secure" not in verdict.renew


def test_a_renewed_permit_is_secure_under_tls():
    rules = AdmissionRules(PermitRules(SECRET), JWT_SECRET, secure_cookies=True)
    verdict = ask(CIRCUIT, f"{NAME}={GOOD}", now=NOW + permits.RENEW_AFTER, rules=rules)
    assert isinstance(verdict, Admitted)
    assert verdict.renew.endswith("; Secure")


def test_a_permit_is_over_after_seven_days():
    assert said(ask(CIRCUIT, f"{NAME}={GOOD}", now=NOW + permits.LIFE)) == (401, "E20005")


@pytest.mark.parametrize("quote", ["", '"'])
def test_the_classic_permit_counts_only_by_setting(quote):
    cookie = f"appproxy_permit={quote}{permits.classic(SECRET, USER)}{quote}"
    lenient = AdmissionRules(PermitRules(SECRET, classic=True), JWT_SECRET)
    verdict = ask(CIRCUIT, cookie, rules=lenient)
    assert isinstance(verdict, Admitted)
    assert NAME in verdict.renew  # from now on it has one of its own
    assert said(ask(CIRCUIT, cookie)) == (401, "E20005")


@pytest.mark.parametrize(
    ("circuit", "method", "client", "status"),
    [
        (CIRCUIT, "OPTIONS", "192.0.2.1", None),
        (replace(CIRCUIT, open_to_public=True), "GET", "192.0.2.1", None),
        (LISTED, "OPTIONS", "192.0.2.1", 403),  # the list comes before the exception
        (replace(LISTED, open_to_public=True), "GET", "192.0.2.1", 403),
        (replace(LISTED, open_to_public=True), "GET", "10.0.0.9", None),
        (LISTED, "GET", "192.0.2.1", 403),  # and before the permit
        (LISTED, "GET", "10.0.0.9", 401),
    ],
)
def test_the_order_of_the_checks(circuit, method, client, status):
    verdict = ask(circuit, method=method, client=client)
    assert (verdict.status if isinstance(verdict, Problem) else None) == status
    if status == 403:
        assert isinstance(verdict, Problem)
        assert verdict.code == "client-ip-not-allowed"


INFERENCE = replace(CIRCUIT, mode=Mode.INFERENCE)


def bearer(**claims: object) -> str:
    return "Bearer " + jwts.sign({"id": str(CIRCUIT.id), **claims}, JWT_SECRET)


@pytest.mark.parametrize(
    ("authorization", "expected"),
    [
        ("", "E20006"),
        ("  ", "E20006"),
        ("Basic x", "E20007"),
        ("Bearer", "E20008"),
        ("Bearer x", "E20008"),
        ("Bearer " + jwts.sign({"id": str(CIRCUIT.id)}, "another secret"), "E20008"),
        (bearer(exp=NOW), "E20008"),
        (bearer(exp="soon"), "E20008"),
        (bearer(id="bb342532-d3d0-44a4-be8a-4f813e67913b"), "E20009"),
    ],
)
def test_inference_wants_a_bearer_token(authorization, expected):
    assert said(ask(INFERENCE, authorization=authorization)) == (401, expected)


@pytest.mark.parametrize(
    ("authorization", "until"),
    [
        (bearer(), inf),
        (bearer(exp=NOW + 1), NOW + 1),
        (bearer().replace("Bearer", "BackendAI"), inf),
        (bearer().lower()[:6] + bearer()[6:], inf),
    ],
)
def test_a_good_bearer_token_passes(authorization, until):
    assert ask(INFERENCE, authorization=authorization) == Admitted(until=until)


def test_a_permit_is_no_bearer_token():
    assert said(ask(INFERENCE, cookie=f"{NAME}={GOOD}")) == (401, "E20006")
    assert ask(replace(INFERENCE, open_to_public=True)) == Admitted(until=inf)


def test_what_an_unknown_slot_is_called():
    assert admission.unregistered_port(11208).body()["msg"] == "Unregistered slot 11208"
    problem = admission.unregistered_label("app-1")
    assert (problem.status, problem.msg) == (400, "E20009: Subdomain app-1 not registered")


def test_no_secret_is_shown():
    assert SECRET not in repr(RULES)
    assert JWT_SECRET not in repr(RULES)


TCP = replace(CIRCUIT, protocol=Protocol.TCP)


@pytest.mark.parametrize(
    ("circuit", "client", "rule", "status"),
    [
        (TCP, INSIDE, TcpAdmission.SETUP_ADDRESS, None),
        (TCP, OUTSIDE, TcpAdmission.SETUP_ADDRESS, 401),
        (TCP, None, TcpAdmission.SETUP_ADDRESS, 401),
        (TCP, OUTSIDE, TcpAdmission.ANY, None),
        (replace(TCP, open_to_public=True), OUTSIDE, TcpAdmission.SETUP_ADDRESS, None),
        (replace(TCP, allowed_client_ips=("10.0.0.0/8",)), OUTSIDE, TcpAdmission.ANY, 403),
        (replace(TCP, allowed_client_ips=("10.0.0.0/8",)), INSIDE, TcpAdmission.ANY, None),
    ],
)
def test_a_raw_connection_must_come_from_who_opened_the_app(circuit, client, rule, status):
    seen = SetupAddresses()
    seen.remember(circuit.id, INSIDE)
    verdict = admit_tcp(circuit, client, rule, seen)
    assert (verdict.status if verdict else None) == status


def test_this_machine_is_one_client():
    """A browser fetches from [::1] what ssh then dials at 127.0.0.1."""
    seen = SetupAddresses()
    seen.remember(CIRCUIT.id, ip_address("::1"))
    assert seen.knows(CIRCUIT.id, ip_address("127.0.0.1"))
    assert not seen.knows(CIRCUIT.id, INSIDE)


def test_addresses_are_forgotten_oldest_first():
    seen = SetupAddresses(circuits=2, addresses=2)
    clients = [ip_address(f"10.0.0.{n}") for n in range(1, 4)]
    for client in clients:
        seen.remember(CIRCUIT.id, client)
    seen.remember(CIRCUIT.id, None)
    assert [seen.knows(CIRCUIT.id, client) for client in clients] == [False, True, True]
    seen.forget(CIRCUIT.id)
    assert not seen.knows(CIRCUIT.id, clients[2])
    for n in range(3):
        seen.remember(UUID(int=n), INSIDE)
    assert [seen.knows(UUID(int=n), INSIDE) for n in range(3)] == [False, True, True]
    assert repr(seen) == "SetupAddresses(2 circuits)"
