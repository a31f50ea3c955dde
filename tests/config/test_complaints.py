"""Every complaint as a row: what stands in the file, which line and key, what is said."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.support.authority import tls_files
from wsproxy.config.complaints import Complaint, SettingsError
from wsproxy.config.load import load
from wsproxy.config.relations import relations
from wsproxy.config.settings import Settings

FRONT = "[manager]\nforward=true\nendpoint="
SECRETS = """[v2]
api-secret = "0123456789abcdef"
jwt-secret = "0123456789abcdef"
permit-secret = "0123456789abcdef"
"""


def complaints_of(tmp_path: Path, text: str, **environ: str) -> list[Complaint]:
    file = tmp_path / "wsproxy.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load(file, environ)
    return list(caught.value.complaints)


ONE_FAULT = [
    # unknown keys, with what was probably meant
    ('[gateway]\nbnd = "x:1"', 2, "gateway.bnd", "is not a setting", "Did you mean 'bind'?"),
    ("[gateway]\nadmin_bind = 1", 2, "gateway.admin_bind", "not a setting", "'admin-bind'"),
    ("[gateway]\nrate-limit = 1", 2, "gateway.rate-limit", "not a setting", "belongs to [v1]"),
    ("[gateway]\nqqq = 1", 2, "gateway.qqq", "not a setting", "[gateway] has bind, advertise"),
    ("[polcy]", 1, "polcy", "is not a setting", "Did you mean [policy]?"),
    ("remote = true", 1, "remote", "is not a setting", "It belongs to [v1]"),
    ("zzz = 1", 1, "zzz", "is not a setting", "The sections are gateway, manager"),
    ('[groups.gpu]\nadress = "x"', 2, "groups.gpu.adress", "is not a setting", "'address'"),
    # wrong types
    ("gateway = 3", 1, "gateway", "must be a table, not a whole number", ""),
    ("[groups]\ngpu = 'http://x'", 2, "groups.gpu", "must be a table, not text", ""),
    ("groups = []", 1, "groups", "must be a table, not a list", ""),
    ("[gateway]\nbind = 5050", 2, "gateway.bind", "must be text in quotes", ""),
    ("[gateway]\nadmin-bind = false", 2, "gateway.admin-bind", "must be text in quotes", ""),
    ("[gateway]\nadvertise = 1", 2, "gateway.advertise", "text in quotes, not a whole number", ""),
    ('[gateway]\ngrace = "30"', 2, "gateway.grace", "must be a number, not text", ""),
    ("[gateway]\nprocesses = 1.5", 2, "gateway.processes", "a whole number, not a number", ""),
    ("[gateway]\nprocesses = -1", 2, "gateway.processes", "greater than or equal to 0", ""),
    ('[gateway]\nprocesses = "x"', 2, "gateway.processes", "must be a whole number", ""),
    ("[gateway]\nprocesses = true", 2, "gateway.processes", "not true or false", ""),
    ('[v1]\nremote = "yes"', 2, "v1.remote", "must be true or false, not text", ""),
    ("[v1]\nremote = 1979-05-27", 2, "v1.remote", "true or false, not a date or time", ""),
    ('[gateway]\nhosts = "a"', 2, "gateway.hosts", "must be a list, not text", ""),
    ("[gateway]\nhosts = [\n 'a',\n {}]", 2, "gateway.hosts[1]", "in quotes, not a table", ""),
    (SECRETS + "targets = [1]", 5, "v2.targets[0]", "must be text in quotes", ""),
    # words out of a list, numbers out of a range
    ('[policy]\non-invalid-address = "x"', 2, "policy.on-invalid-address", "'fallback' or", ""),
    ("[policy]\nprobe-deadline = 0", 2, "policy.probe-deadline", "must be greater than 0", ""),
    ("[policy]\nprobe-cache = inf", 2, "policy.probe-cache", "must be a finite number", ""),
    ("[v1]\nrate-limit = -1", 2, "v1.rate-limit", "must be greater than or equal to 0", ""),
    ("[limits]\nhead-bytes = 10", 2, "limits.head-bytes", "greater than or equal to 1024", ""),
    # addresses, networks, ports, origins
    ('[gateway]\nbind = "nowhere"', 2, "gateway.bind", "write host:port, [v6]:port or unix:", ""),
    ('[gateway]\nbind = "::1:80"', 2, "gateway.bind", "no address to listen on", ""),
    ('[gateway]\nbind = "h:70000"', 2, "gateway.bind", "'70000' is no port", ""),
    ('[gateway]\nbind = "a b:1"', 2, "gateway.bind", "neither an IP address nor a host name", ""),
    ('[gateway]\nbind = "1.2.3:1"', 2, "gateway.bind", "neither an IP address nor a host", ""),
    ('[gateway]\nbind = "unix:x"', 2, "gateway.bind", "starts with '/'", ""),
    ('[gateway]\nadvertise = "h:1"', 2, "gateway.advertise", "write http:// or https://", ""),
    ('[gateway]\nadvertise = "http://["', 2, "gateway.advertise", "is no URL", ""),
    ('[gateway]\nadvertise = "http://h/?a"', 2, "gateway.advertise", "must not have a '?'", ""),
    ('[gateway]\nallowed-origins = ["http://h/"]', 2, "gateway.allowed-origins[0]", "origin", ""),
    ('[gateway]\nallowed-origins = ["*"]', 2, "gateway.allowed-origins[0]", "without a path", ""),
    ('[gateway]\ntrusted-proxies = ["x"]', 2, "gateway.trusted-proxies[0]", "no network", ""),
    (
        '[gateway]\ntrusted-proxies=["10.0.0.1/8"]',
        2,
        "gateway.trusted-proxies[0]",
        "10.0.0.0/8",
        "",
    ),
    ('[v1]\nport-pool = "1,9-8"', 2, "v1.port-pool", "'9-8': no port, and no rising", ""),
    ('[v1]\nport-pool = "1,x,0"', 2, "v1.port-pool", "'x', '0': no port", ""),
    ('[v1]\nhttp-proxy = "socks5://p:1"', 2, "v1.http-proxy", "write http://host:port", ""),
    (SECRETS + 'ports = "0-9"', 5, "v2.ports", "'0' is no port; ports are 1 to 65535", ""),
    (SECRETS + "ports = 9", 5, "v2.ports", "must be text in quotes", ""),
    (SECRETS + 'domain = "*.x.org"', 5, "v2.domain", 'must start with a dot: ".x.org"', ""),
    (SECRETS + "domain-advertise-port = 0", 5, "v2.domain-advertise-port", "equal to 1", ""),
    # what this release does not do yet
    ('[state]\nurl = "sqlite:x.db"', 2, "state.url", '"sqlite:" comes with a later', "memory:"),
    ('[state]\nurl = "redis://h"', 2, "state.url", '"redis:" comes with a later', "memory:"),
    ('[state]\nurl = "what"', 2, "state.url", "is no store", "memory:"),
    ('[engine]\nkind = "haproxy"', 2, "engine.kind", "later release", "embedded"),
    ('[manager]\nredis = "http://h"', 2, "manager.redis", "write redis:// or rediss://", ""),
    ('[manager]\nredis = "unix:r.sock"', 2, "manager.redis", "write unix:///run", ""),
    # what keys demand of each other
    ('[gateway]\nadmin-bind = "127.0.0.1:5050"', 2, "gateway.admin-bind", "same address", ""),
    ('[gateway]\nbind = "unix:/s"', 1, "gateway.advertise", "is needed: a UNIX socket", ""),
    ("[manager]\nforward = true", 1, "manager.endpoint", "is needed for front mode", ""),
    ('[manager]\nforward=true\nendpoint="http://h/x"', 3, "manager.endpoint", "has a path", ""),
    (FRONT + '"http://127.0.0.1:5050"', 3, "manager.endpoint", "is the gateway itself", ""),
    (FRONT + '"http://localhost:5050"', 3, "manager.endpoint", "is the gateway itself", ""),
    (
        FRONT + '"http://127.0.0.2:5050"\n[gateway]\nbind="0.0.0.0:5050"',
        3,
        "manager.endpoint",
        "is the gateway itself",
        "",
    ),
    ('[manager]\naccess-key = "A"', 1, "manager.secret-key", "is missing: access-key is", ""),
    ('[manager]\nsecret-key = "S"', 1, "manager.access-key", "is missing: secret-key is", ""),
    ('[manager]\naccess-key="A"\nsecret-key="S"', 1, "manager.endpoint", "is needed", ""),
    (SECRETS + 'domain=".h"\ndomain-bind="127.0.0.1:5050"', 6, "v2.domain-bind", "same", ""),
    (SECRETS + 'domain=".h"\ndomain-bind="unix:/s"', 6, "v2.domain-bind", "host:port", ""),
    (SECRETS + 'domain=".h"\n[gateway]\nhosts=["a.h"]', 7, "gateway.hosts", "wildcard", ""),
    ('[tls]\nkey = "/dev/null/no"', 1, "tls.certificate", "is missing: TLS needs", "Set both"),
    # secrets
    (SECRETS.replace("abcdef", ""), 2, "v2.api-secret", "10 bytes, at least 16", "openssl"),
    ('[v2]\nports = "1-2"', 1, "v2.api-secret", "is missing: [v2] needs its three", "openssl"),
    # the file itself
    ("[gateway]\nbind = x", 2, "", "is not valid TOML", ""),
    ("a = [", 1, "", "is not valid TOML", ""),
    ("[v1]\n\n[v1]", 3, "", "is not valid TOML", ""),
]


@pytest.mark.parametrize(("text", "line", "key", "problem", "remedy"), ONE_FAULT)
def test_each_fault_is_told_with_its_line(
    tmp_path: Path, text: str, line: int, key: str, problem: str, remedy: str
) -> None:
    first = complaints_of(tmp_path, text)[0]
    assert (first.line, first.key) == (line, key)
    assert problem in first.problem
    assert remedy in first.remedy
    assert first.source == str(tmp_path / "wsproxy.toml")


def test_all_faults_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = """
[gateway]
bnd = "127.0.0.1:5050"
grace = "long"
[groups.gpu]
adress = "http://127.0.0.1"
[v2]
api-secret = "short"
targets = ["10.0.0.1/8", "x"]
[tls]
certificate = "/dev/null"
key = "no such file"
[state]
url = "redis://h"
"""
    found = [(c.line, c.key) for c in complaints_of(tmp_path, text, WSPROXY__LIMITS__IDLE="x")]
    assert found == [
        (3, "gateway.bnd"),
        (4, "gateway.grace"),
        (6, "groups.gpu.adress"),
        (7, "v2.jwt-secret"),
        (7, "v2.permit-secret"),
        (8, "v2.api-secret"),
        (9, "v2.targets[0]"),
        (9, "v2.targets[1]"),
        (11, "tls.certificate"),
        (12, "tls.key"),
        (14, "state.url"),
        (None, "limits.idle"),
    ]


def test_the_files_of_tls_are_looked_into(tmp_path: Path) -> None:
    first, second = tls_files(tmp_path), tmp_path / "other"
    second.mkdir()
    mixed = {"certificate": first["certificate"], "key": tls_files(second)["key"]}
    for files, key, problem in (
        (mixed, "tls.key", "is not the certificate's"),
        ({**first, "certificate": first["key"]}, "tls.certificate", "is no certificate"),
    ):
        text = f'[tls]\ncertificate = "{files["certificate"]}"\nkey = "{files["key"]}"'
        (complaint,) = complaints_of(tmp_path, text)
        assert complaint.key == key
        assert problem in complaint.problem
        assert complaint.line == (2 if key == "tls.certificate" else 3)


def test_a_complaint_reads_as_one_line() -> None:
    complaint = Complaint("v2.ports", "is wrong", "Write 1-2", "wsproxy.toml", 7)
    assert str(complaint) == "wsproxy.toml:7: v2.ports: is wrong. Write 1-2"
    assert str(Complaint("", "cannot be read", "", "x.toml")) == "x.toml: cannot be read"


def test_secrets_never_stand_in_a_complaint(tmp_path: Path) -> None:
    text = """
[manager]
secret-key = 4242424242
endpoint = "ftp://user:hunter2@h"
redis = "tcp://:hunter2@h"
[v1]
http-proxy = "https://user:hunter2@h"
[v2]
api-secret = "hunter2"
jwt-secret = 4242424242
permit-secret = ["hunter2"]
hunter2 = 1
[state]
url = "redis://:hunter2@h"
"""
    told = "\n".join(str(c) for c in complaints_of(tmp_path, text.replace("hunter2 = 1", "")))
    assert "state.url" in told
    assert "v2.permit-secret" in told
    assert "hunter2" not in told
    assert "4242424242" not in told


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load(tmp_path / "none.toml", {})
    (complaint,) = caught.value.complaints
    assert "cannot be read: No such file" in complaint.problem
    assert "wsproxy config sample" in complaint.remedy


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    file = tmp_path / "wsproxy.toml"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="is not UTF-8 text"):
        load(file, {})


@pytest.mark.parametrize(
    ("name", "text", "key", "problem"),
    [
        ("WSPROXY__GATEWAY__BND", "x", "gateway.bnd", "is not a setting"),
        ("WSPROXY__GATEWAY", "x", "gateway", "must be a table, not text"),
        ("WSPROXY__NOPE__X", "x", "nope", "is not a setting"),
        ("WSPROXY__V1__REMOTE", "maybe", "v1.remote", "must be true or false, not text"),
        ("WSPROXY__LIMITS__HEAD_BYTES", "many", "limits.head-bytes", "must be a whole number"),
        ("WSPROXY__GATEWAY__HOSTS", '["a"', "gateway.hosts", "must be a list"),
        ("WSPROXY__GATEWAY__BIND__HOST", "x", "gateway.bind", "must be text in quotes"),
        ("PORT", "http", "gateway.bind", "'http' is no port"),
        ("PROXYBASEHOST", "a b", "gateway.advertise", "has no valid host"),
        ("EXT_HTTP_PROXY", "proxy:3128", "v1.http-proxy", "write http://host:port"),
        ("WSPROXY_CORS_ORIGINS", "ui.example", "gateway.allowed-origins[0]", "is no origin"),
    ],
)
def test_the_environment_is_checked_too(name: str, text: str, key: str, problem: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(None, {name: text})
    (complaint,) = caught.value.complaints
    assert complaint.key == key
    assert problem in complaint.problem
    assert complaint.source == f"environment variable {name}"
    assert complaint.line is None


def test_windows_runs_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wsproxy.config.relations.os", SimpleNamespace(name="nt"))
    several = Settings.model_validate({"gateway": {"processes": 2}})
    ((path, problem, remedy),) = relations(several, frozenset())
    assert (path, remedy) == (("gateway", "processes"), "Write 1")
    assert "Windows" in problem
    assert list(relations(Settings(), frozenset())) == []
