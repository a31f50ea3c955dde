import pytest

from wsproxy.core.pacing import paces, stays_here

BBR = b"bbr" + bytes(13)


@pytest.mark.parametrize(
    ("own", "peer", "here"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1", "127.0.0.2", True),
        ("::1", "::1", True),
        ("::ffff:127.0.0.1", "::ffff:127.0.0.1", True),
        ("10.0.0.5", "10.0.0.5", True),  # the machine's own address
        ("fe80::1%eth0", "fe80::1%eth0", True),
        ("10.0.0.5", "10.0.0.6", False),
        ("172.17.0.1", "172.17.0.2", False),  # a container: another machine to TCP
        ("fe80::1%eth0", "fe80::2%eth0", False),
        ("::ffff:10.0.0.5", "::ffff:10.0.0.6", False),
        ("10.0.0.5", "", False),
        ("10.0.0.5", "no address", False),
    ],
)
def test_a_connection_that_stays_on_this_machine(own: str, peer: str, here: bool):
    assert stays_here(own, peer) is here


@pytest.mark.parametrize(
    ("control", "wanted"),
    [(BBR, True), (b"bbr3", True), (b"cubic", False), (b"reno", False), (b"", False)],
)
def test_the_controls_that_pace(control: bytes, wanted: bool):
    assert paces(control) is wanted
