"""Settings as the values of the parts."""

from uuid import UUID

import pytest

from tests.support.node import settings
from wsproxy.app import rules
from wsproxy.core import permits
from wsproxy.core.admission import Admitted, Visit, admit
from wsproxy.core.circuit import Circuit, Direct, HostListener, Protocol
from wsproxy.core.heads import RequestHead
from wsproxy.core.setup import SetupAnswer, answer
from wsproxy.core.wire import Version

CIRCUIT = Circuit(
    id=UUID(int=1),
    version=Version.V2,
    app="jupyter",
    protocol=Protocol.HTTP,
    session_id="s",
    listener=HostListener("app"),
    routes=(Direct("10.0.0.7", 80),),
)


@pytest.mark.parametrize(("advertised", "secure"), [(443, True), (8443, False)])
def test_a_permit_is_renewed_as_it_was_given(advertised, secure):
    """TLS may end before us; a browser would keep a renewed cookie without Secure."""
    config = settings(v2={"domain": ".apps.example", "domain-advertise-port": advertised})
    places = rules.v2_places(config, "https://api.example", 0)
    admission = rules.admission_rules(config, places)
    value = permits.issue(admission.permits.secret, CIRCUIT.id, 0)
    given = answer(CIRCUIT, "t", "", value, places)
    assert isinstance(given, SetupAnswer)
    cookie = (b"Cookie", f"{permits.cookie_name(CIRCUIT.id)}={value}".encode())
    head = RequestHead("GET", "/", (cookie,))
    renewed = admit(Visit(CIRCUIT, head, None, permits.RENEW_AFTER + 1), admission)
    assert isinstance(renewed, Admitted)
    assert renewed.renew
    assert renewed.renew.endswith("; Secure") is secure
    assert dict(given.headers)["Set-Cookie"].endswith("; Secure") is secure


@pytest.mark.parametrize(
    ("api", "admin", "host", "insists", "allowed"),
    [
        ("0.0.0.0:5050", "127.0.0.1:5051", "evil.example", False, False),  # rebinding
        ("0.0.0.0:5050", "127.0.0.1:5051", "127.0.0.1:5051", False, True),
        ("127.0.0.1:5050", "10.0.0.5:5051", "10.0.0.5:5051", False, True),  # a Prometheus
        ("127.0.0.1:5050", "10.0.0.5:5051", "10.0.0.5:5051", True, True),  # wsproxy circuits
        ("127.0.0.1:5050", "10.0.0.5:5051", "metrics.example:5051", False, True),
        ("127.0.0.1:5050", "10.0.0.5:5051", "metrics.example:5051", True, False),
        ("127.0.0.1:5050", "10.0.0.5:5051", "gw.example:5051", True, True),
    ],
)
def test_the_admin_port_has_names_of_its_own(api, admin, host, insists, allowed):
    config = settings(gateway={"bind": api, "admin-bind": admin, "hosts": ["gw.example"]})
    bind = config.gateway.admin_bind
    assert bind is not None
    guard = rules.admin_guard(config, bind, config.base_url())
    assert guard.allows(host, insists) is allowed


def test_the_engine_has_the_limits_of_the_settings():
    limits = {
        "head-seconds": 1.5,
        "slot-wait": 2.5,
        "first-byte": 3.5,
        "stalled": 4.5,
        "idle": 5.5,
        "total": 6.5,
        "connections-per-client": 7,
    }
    made = rules.engine_rules(settings(limits=limits))
    assert [made.head_seconds, made.slot_wait, made.first_byte] == [1.5, 2.5, 3.5]
    assert [made.stalled, made.idle, made.total, made.per_client] == [4.5, 5.5, 6.5, 7]
