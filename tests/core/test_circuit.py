"""Circuits as values."""

from dataclasses import replace
from uuid import uuid4

import pytest

from wsproxy.core.circuit import (
    Alpn,
    Circuit,
    Direct,
    HostListener,
    Listener,
    Mode,
    PortListener,
    Protocol,
    ThroughManager,
    Transport,
    speaks_h2,
    transport_of,
)
from wsproxy.core.wire import Version


def _circuit(version: Version, protocol: Protocol, listener: Listener) -> Circuit:
    route = Direct("10.0.0.1", 8080)
    return Circuit(uuid4(), version, "app", protocol, "session", listener, (route,))


TRANSPORTS = {
    Protocol.HTTP: Transport.HTTP,
    Protocol.PREOPEN: Transport.HTTP,
    Protocol.TCP: Transport.TCP,
    Protocol.VNC: Transport.TCP,
    Protocol.RDP: Transport.TCP,
    Protocol.GRPC: Transport.TCP,
    Protocol.H2: Transport.TCP,
}


@pytest.mark.parametrize("protocol", list(Protocol))
def test_the_transport_follows_the_protocol_in_v2_and_is_bytes_in_v1(protocol):
    port = PortListener("127.0.0.1", 1)
    assert transport_of(protocol) is TRANSPORTS[protocol]
    assert _circuit(Version.V2, protocol, port).transport is TRANSPORTS[protocol]
    assert _circuit(Version.V1, protocol, port).transport is Transport.TCP


def test_http2_is_offered_by_ports_of_http2_apps_and_nothing_else():
    port = PortListener("127.0.0.1", 1)
    for protocol in Protocol:
        http = TRANSPORTS[protocol] is Transport.HTTP
        h2 = protocol in (Protocol.GRPC, Protocol.H2)
        assert speaks_h2(protocol) is h2
        expected = Alpn.HTTP1 if http else Alpn.H2 if h2 else None
        assert _circuit(Version.V2, protocol, port).alpn is expected
        assert _circuit(Version.V1, protocol, port).alpn is None


def test_port_and_label_are_those_of_the_listener():
    by_port = _circuit(Version.V2, Protocol.HTTP, PortListener("127.0.0.1", 10200))
    by_name = _circuit(Version.V2, Protocol.HTTP, HostListener("app-1"))
    assert (by_port.port, by_port.label) == (10200, None)
    assert (by_name.port, by_name.label) == (None, "app-1")


def test_only_interactive_circuits_lack_a_way_back():
    alone = _circuit(Version.V2, Protocol.HTTP, HostListener("app-1"))
    assert not alone.way_back
    assert replace(alone, mode=Mode.INFERENCE).way_back
    assert replace(alone, routes=(*alone.routes, ThroughManager("S", "app", "c"))).way_back


def test_a_circuit_is_a_value_through_and_through():
    one = _circuit(Version.V2, Protocol.HTTP, HostListener("x"))

    assert hash(one) == hash(replace(one))
    assert one.envs == ()
