"""Conformance cases that settings decide (protocol 11)."""

import pytest

from wsproxy.config.load import load
from wsproxy.core.portpool import parse_pool


@pytest.mark.parametrize(
    ("text", "origins"),
    [
        ('["https://ui.example"]', ("https://ui.example",)),
        ("https://ui.example,https://b", ("https://ui.example", "https://b")),
        (" https://ui.example , ", ("https://ui.example",)),
    ],
)
def test_case_12_cors_origins_in_both_forms(text: str, origins: tuple[str, ...]) -> None:
    settings = load(None, {"WSPROXY_CORS_ORIGINS": text}).settings
    assert settings.gateway.allowed_origins == origins


@pytest.mark.parametrize(
    ("text", "ports", "skipped"),
    [
        ("10000,abc,0,70000,10001", (10000, 10001), 3),
        ("10005-10000,20000-20001", (20000, 20001), 1),
        ("10000-10002,10001,10003", (10000, 10001, 10002, 10003), 0),
        ("abc", (), 1),
    ],
)
def test_case_19_the_classic_pool_starts_the_gateway_whatever_is_in_it(
    text: str, ports: tuple[int, ...], skipped: int
) -> None:
    loaded = load(None, {"WSPROXY_PORT_POOL": text})
    pool, _ = parse_pool(loaded.settings.v1.port_pool)
    assert pool.ports == ports
    assert pool.configured
    assert len(loaded.warnings) == skipped
