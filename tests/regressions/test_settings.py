"""Defects of earlier programs that were defaults or settings."""

import pytest

from wsproxy.config.complaints import SettingsError
from wsproxy.config.load import load
from wsproxy.config.settings import Settings
from wsproxy.observe.metrics import COUNTERS, GAUGES, HISTOGRAMS


def test_d26_metrics_are_private_by_default() -> None:
    """They were bound to the public address, and an unauthenticated console beside them."""
    gateway = Settings().gateway
    assert gateway.admin_bind is not None
    assert gateway.admin_bind.is_loopback
    assert gateway.admin_bind != gateway.bind


def test_d09_nobody_but_this_machine_may_configure_without_the_secret() -> None:
    """``/v2/conf`` was open to everybody: an open proxy into the internal network."""
    networks = [str(network) for network in Settings().v2.conf_from]
    assert networks == ["127.0.0.0/8", "::1/128"]


def test_bug_the_local_proxy_is_driven_by_any_web_page() -> None:
    """Wildcard origins and a constant token, until 2026."""
    settings = Settings()
    assert settings.gateway.allowed_origins == ()
    assert settings.v1.legacy_tokens is False
    assert settings.v1.remote is False
    with pytest.raises(SettingsError, match="is no origin"):
        load(None, {"WSPROXY_CORS_ORIGINS": "*"})


def test_bug_metrics_have_a_label_for_every_client() -> None:
    """The label ``remote`` held client and kernel addresses: one series each."""
    rows = {**COUNTERS, **GAUGES, **HISTOGRAMS}
    assert not [name for name, (_, labels) in rows.items() if "remote" in labels]


def test_bug_a_sample_secret_is_as_good_as_none() -> None:
    """Sample settings were run with secrets of a few letters."""
    with pytest.raises(SettingsError, match="too short: 10 bytes"):
        load(None, {f"WSPROXY__V2__{name}_SECRET": "some-value" for name in ("API", "JWT")})
