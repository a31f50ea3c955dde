"""The page of an app that no browser can show."""

from dataclasses import replace

import pytest

from tests.support.circuits import circuit
from wsproxy.core.circuit import Protocol
from wsproxy.core.h2page import rendered

GRPC = circuit(1, protocol=Protocol.GRPC, app="model")
H2 = replace(GRPC, protocol=Protocol.H2)


@pytest.mark.parametrize(
    ("made", "url", "tls", "words"),
    [
        (GRPC, "grpc://h:1", False, ("gRPC", "plain", "grpcurl -plaintext h:1 list")),
        (GRPC, "grpc://h:1", True, ("gRPC", "encrypted", "grpcurl h:1 list")),
        (H2, "http://h:1", False, ("HTTP/2", "curl --http2-prior-knowledge http://h:1/")),
        (H2, "https://h:1", True, ("HTTP/2", "ALPN", "curl --http2 https://h:1/")),
    ],
)
def test_it_says_how_to_connect(made, url, tls, words):
    page = rendered(made, url, tls=tls).decode()
    for word in ("model is open", f"<code>{url}</code>", "from which you opened", *words):
        assert word in page


def test_it_says_who_may_connect():
    listed = replace(GRPC, allowed_client_ips=("10.0.0.0/8", "::1/128"), open_to_public=True)
    assert b"Only these addresses may connect: 10.0.0.0/8, ::1/128." in rendered(
        listed, "grpc://h:1", tls=False
    )
    public = replace(GRPC, open_to_public=True)
    assert b"Everybody may connect." in rendered(public, "grpc://h:1", tls=False)


def test_names_are_escaped():
    page = rendered(replace(GRPC, app="<script>"), "grpc://h:1", tls=False)
    assert b"<script>" not in page
