"""Who may call ``/v2/conf``: managers' networks, or the secret."""

from ipaddress import ip_network

import pytest

from wsproxy.core.confaccess import ConfRules, fields_of, may_configure

SECRET = "an api secret of some length"
NOW = 1000.0
TOKEN = "X-BackendAI-Token"

LOCAL = ConfRules(
    SECRET,
    conf_from=(ip_network("127.0.0.0/8"), ip_network("10.1.0.0/16")),
    trusted=(ip_network("10.9.0.0/16"), ip_network("127.0.0.2/32")),
)


@pytest.mark.parametrize(
    ("peer", "pairs", "good"),
    [
        ("127.0.0.1", [], True),
        ("10.1.2.3", [], True),
        ("", [], True),  # a UNIX socket
        ("::ffff:127.0.0.1", [], True),
        ("192.0.2.1", [], False),
        ("192.0.2.1", [(TOKEN, SECRET)], True),
        ("127.0.0.1", [(TOKEN, "wrong")], True),  # observed 5: a wrong one is ignored
        # somebody in between who is no proxy of ours
        ("127.0.0.1", [("X-Forwarded-For", "127.0.0.1")], False),
        ("127.0.0.1", [("Forwarded", "for=127.0.0.1")], False),
        ("127.0.0.1", [("X-Real-IP", "127.0.0.1")], False),
        ("127.0.0.1", [("X-Forwarded-Host", "x")], False),
        ("127.0.0.1", [("Via", "1.1 proxy")], False),
        ("127.0.0.1", [("X-Forwarded-For", "1.2.3.4"), (TOKEN, SECRET)], True),
        *[
            ("127.0.0.1", [(name, "127.0.0.1")], False)
            for name in (
                "X-Forwarded",
                "X-Forwarded-Scheme",
                "X-Original-Forwarded-For",
                "X-Client-IP",
                "X-Cluster-Client-IP",
                "True-Client-IP",
                "CF-Connecting-IP",
                "Fastly-Client-IP",
                "X-Envoy-External-Address",
                "X-ARR-ClientIP",
            )
        ],
        # a proxy of ours: the client behind it counts
        ("10.9.0.1", [("X-Forwarded-For", "10.1.2.3")], True),
        ("10.9.0.1", [("X-Forwarded-For", "192.0.2.1")], False),
        ("10.9.0.1", [("X-Forwarded-For", "127.0.0.1, 192.0.2.1")], False),
        ("10.9.0.1", [("X-Forwarded-For", "unknown")], False),
        ("10.9.0.1", [], False),
        # a proxy of ours that does not say for whom, although it is in the networks itself
        ("127.0.0.2", [("Forwarded", "for=192.0.2.1")], False),
        ("127.0.0.2", [("X-Real-IP", "192.0.2.1")], False),
        ("127.0.0.2", [("Via", "1.1 proxy")], False),
        ("127.0.0.2", [("X-Forwarded-For", " , "), ("Via", "1.1 proxy")], False),
        ("127.0.0.2", [("X-Forwarded-For", "10.1.2.3"), ("Via", "1.1 proxy")], True),
        ("127.0.0.2", [], True),
        ("127.0.0.2", [("X-Forwarded-For", "192.0.2.1")], False),
        # a page in somebody's browser
        ("127.0.0.1", [("Origin", "https://evil.example")], False),
        ("127.0.0.1", [("Origin", "null")], False),
        ("127.0.0.1", [("Origin", "https://ui.example"), (TOKEN, SECRET)], True),
    ],
)
def test_who_may_configure(peer, pairs, good):
    assert may_configure(peer, fields_of(pairs), LOCAL, NOW) is good


def test_the_secret_is_not_shown():
    assert SECRET not in repr(LOCAL)
