"""Cookies as browsers send them."""

import pytest
from yarl import URL

from wsproxy.compat.players.jar import Jar

HOME = URL("http://127.0.0.1:21090/login")


def test_a_cookie_goes_to_every_port_of_its_host_exactly_as_it_came():
    jar = Jar()
    jar.put(HOME, "AIOHTTP_SESSION", "1cc8")
    jar.take(HOME, ['appproxy_permit="MWI4=="; HttpOnly; Max-Age=604800; Path=/; SameSite=Lax'])

    assert jar.field(URL("http://127.0.0.1:5050/v2/proxy/auth")) == (
        'AIOHTTP_SESSION=1cc8; appproxy_permit="MWI4=="'
    )
    assert jar.field(URL("http://localhost:5050/")) == ""


@pytest.mark.parametrize(
    ("said", "url", "sent"),
    [
        ("a=1; Path=/lab", "http://127.0.0.1/lab/tree", "a=1"),
        ("a=1; Path=/lab", "http://127.0.0.1/label", ""),
        ("a=1; Secure", "http://127.0.0.1/", "a=1"),
        ("a=1; Domain=evil.example", "http://127.0.0.1/", ""),
        ("just text", "http://127.0.0.1/", ""),
    ],
)
def test_where_a_cookie_goes(said, url, sent):
    jar = Jar()
    jar.take(HOME, [said])

    assert jar.field(URL(url)) == sent


def test_a_domain_covers_what_is_below_it_and_secure_stays_off_plain_http():
    jar = Jar()
    jar.take(URL("http://w.apps.example/"), ["a=1; Domain=.apps.example", "b=2; Secure"])

    assert jar.field(URL("http://other.apps.example/")) == "a=1"
    assert jar.field(URL("https://w.apps.example/")) == "a=1; b=2"
    assert jar.field(URL("http://badapps.example/")) == ""


def test_a_later_cookie_replaces_and_an_age_of_nothing_deletes():
    jar = Jar()
    jar.take(HOME, ["a=1", "b=1"])
    jar.take(HOME, ["a=2", "b=; Max-Age=0"])

    assert jar.field(HOME) == "a=2"
