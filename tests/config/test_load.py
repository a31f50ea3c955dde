"""Where settings come from, and which source wins."""

from pathlib import Path

import pytest

from tests.support.authority import tls_files
from wsproxy.config.load import environment, load
from wsproxy.config.sections import Gateway, Group
from wsproxy.config.settings import Settings
from wsproxy.config.sources import CLASSIC, read_dotenv, text_list
from wsproxy.config.values import Bind, PortRange

SECRET = "0123456789abcdef"


def settings_of(text: str, tmp_path: Path, **environ: str) -> Settings:
    file = tmp_path / "wsproxy.toml"
    file.write_text(text, encoding="utf-8")
    return load(file, environ).settings


def test_an_empty_file_is_a_v1_gateway_on_loopback(tmp_path: Path) -> None:
    settings = settings_of("", tmp_path)
    assert settings == Settings()
    assert settings.base_url() == "http://127.0.0.1:5050"
    assert not settings.v2.enabled
    assert settings.state.url.get_secret_value() == "memory:"
    assert settings.v1_listen_hosts == ("127.0.0.1", "::1")
    assert settings.v1_advertise_host == "127.0.0.1"


def test_the_sample_of_the_design_is_understood(tmp_path: Path) -> None:
    text = f"""
[gateway]
bind = "127.0.0.1:5050"
advertise = "http://127.0.0.1:5050/"
admin-bind = "127.0.0.1:5051"
hosts = []
allowed-origins = []
trusted-proxies = []
processes = 1
grace = 30
[manager]
endpoint = "http://127.0.0.1:8081"
webserver = ""
access-key = ""
secret-key = ""
redis = ""
forward = false
[groups.default]
[groups.gpu]
address = "http://127.0.0.1:5050"
[policy]
on-invalid-address = "strict"
probe-deadline = 2.0
[v1]
remote = false
legacy-tokens = false
port-pool = "10000-10100,20022"
rate-limit = 600
[v2]
api-secret = "{SECRET}"
jwt-secret = "{SECRET}"
permit-secret = "{SECRET}"
conf-from = ["127.0.0.0/8", "::1/128"]
targets = ["10.0.0.0/8"]
listen-host = "127.0.0.1"
advertise-host = "127.0.0.1"
ports = "10200-10300"
domain = ""
domain-bind = "0.0.0.0:8443"
domain-advertise-port = 443
tcp-admission = "setup-address"
classic-permits = false
[tls]
certificate = ""
key = ""
[limits]
[state]
url = "memory:"
[engine]
kind = "embedded"
"""
    settings = settings_of(text, tmp_path)
    assert settings.v2.enabled
    assert settings.gateway.advertise == "http://127.0.0.1:5050"
    assert settings.gateway.grace == 30.0
    assert settings.v2.ports == PortRange(10200, 10300)
    assert [str(network) for network in settings.v2.targets] == ["10.0.0.0/8"]
    assert settings.groups == {
        "default": Group(address=""),
        "gpu": Group(address="http://127.0.0.1:5050"),
    }
    assert SECRET not in repr(settings)


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    settings = settings_of(
        '[gateway]\nbind = "127.0.0.1:1"\n[groups.Big-GPU]\naddress = "http://a"',
        tmp_path,
        WSPROXY__GATEWAY__BIND="127.0.0.1:2",
        WSPROXY__GATEWAY__ADMIN_BIND="",
        WSPROXY__GATEWAY__HOSTS="a.example, b.example",
        WSPROXY__GATEWAY__ALLOWED_ORIGINS='["https://ui"]',
        WSPROXY__GATEWAY__GRACE="5",
        WSPROXY__GROUPS__BIG_GPU__ADDRESS="http://b",
        WSPROXY__GROUPS__OTHER__ADDRESS="http://c",
        WSPROXY__GROUPS__mixedCase__ADDRESS="http://d",
        WSPROXY__MANAGER__VERIFY_TLS="false",
        WSPROXY__V1__RATE_LIMIT="0",
        WSPROXY__V1__REMOTE="TRUE",
    )
    assert settings.gateway == Gateway(
        bind=Bind("127.0.0.1", 2),
        admin_bind=None,
        hosts=("a.example", "b.example"),
        allowed_origins=("https://ui",),
        grace=5.0,
    )
    assert {name: group.address for name, group in settings.groups.items()} == {
        "Big-GPU": "http://b",
        "other": "http://c",
        "mixedCase": "http://d",
    }
    assert settings.manager.verify_tls is False
    assert settings.v1.rate_limit == 0
    assert settings.v1.remote is True


@pytest.mark.parametrize(
    ("environ", "bind", "base_url"),
    [
        ({"PROXYBASEPORT": "6000", "PORT": "7000"}, "127.0.0.1:6000", "http://127.0.0.1:6000"),
        ({"PORT": "7000"}, "127.0.0.1:7000", "http://127.0.0.1:7000"),
        ({"PROXYBASEPORT": " "}, "127.0.0.1:1234", "http://127.0.0.1:1234"),
        ({"PROXYLISTENIP": "0.0.0.0"}, "0.0.0.0:1234", "http://127.0.0.1:1234"),
        ({"PROXYLISTENIP": "::1", "PORT": "1"}, "[::1]:1", "http://[::1]:1"),
        ({"PROXYLISTENIP": "[::]"}, "[::]:1234", "http://[::1]:1234"),
        ({"PROXYBASEHOST": "localhost"}, "127.0.0.1:1234", "http://localhost:1234"),
        ({"PROXYBASEHOST": "h", "PORT": "5"}, "127.0.0.1:5", "http://h:5"),
        ({"PROXYBASEHOST": "[::1]"}, "127.0.0.1:1234", "http://[::1]:1234"),
        ({"PORT": "5", "WSPROXY__GATEWAY__BIND": "h:6"}, "h:6", "http://h:6"),
    ],
)
def test_classic_addresses(
    environ: dict[str, str], bind: str, base_url: str, tmp_path: Path
) -> None:
    settings = settings_of('[gateway]\nbind = "127.0.0.1:1234"', tmp_path, **environ)
    assert str(settings.gateway.bind) == bind
    assert settings.base_url() == base_url


def test_a_port_of_the_systems_choice_is_told_when_known() -> None:
    settings = load(None, {"PROXYBASEHOST": "localhost", "PROXYBASEPORT": "0"}).settings
    assert settings.base_url(40404) == "http://localhost:40404"
    assert settings.v1_advertise_host == "localhost"
    settings = load(None, {"PORT": "0"}).settings
    assert settings.base_url(40404) == "http://127.0.0.1:40404"


def test_the_other_classic_variables(tmp_path: Path) -> None:
    settings = settings_of(
        "",
        tmp_path,
        PROXYLISTENIP="127.0.0.2",
        EXT_HTTP_PROXY="http://user:pw@proxy:3128",
        DEBUG="true",
        NODE_TLS_REJECT_UNAUTHORIZED="0",
    )
    assert settings.v1_listen_hosts == ("127.0.0.2",)
    assert settings.v1.http_proxy.get_secret_value() == "http://user:pw@proxy:3128"
    assert settings.gateway.log_level == "debug"
    assert settings.manager.verify_tls is False


def test_a_classic_pool_keeps_its_good_entries_and_warns(tmp_path: Path) -> None:
    text = "10000,abc,0,70000,10001"
    loaded = load(None, {"WSPROXY_PORT_POOL": text})
    assert loaded.settings.v1.port_pool == text
    assert len(loaded.warnings) == 3
    assert "'abc' is skipped" in loaded.warnings[0]


def test_our_own_name_for_the_pool_is_checked_even_then() -> None:
    loaded = load(None, {"WSPROXY_PORT_POOL": "x", "WSPROXY__V1__PORT_POOL": "1-2"})
    assert loaded.settings.v1.port_pool == "1-2"


def test_a_malformed_group_address_warns_and_starts(tmp_path: Path) -> None:
    file = tmp_path / "wsproxy.toml"
    file.write_text('[groups.gpu]\naddress = "10.0.0.1:80"\n[groups.ok]\naddress="http://h"')
    loaded = load(file, {})
    assert loaded.settings.groups["gpu"].address == "10.0.0.1:80"
    (warning,) = loaded.warnings
    assert warning.startswith("groups.gpu.address: it does not start with http://")
    assert "address-malformed" in warning


def test_ports_that_nobody_else_can_reach_are_warned_about(tmp_path: Path) -> None:
    """In wildcard mode raw apps have ports all the same."""
    secrets = "".join(f'{name}-secret = "{SECRET}"\n' for name in ("api", "jwt", "permit"))
    file = tmp_path / "wsproxy.toml"

    def warnings(*lines: str) -> list[str]:
        file.write_text("[v2]\n" + secrets + "\n".join(lines))
        return [one.partition(":")[0] for one in load(file, {}).warnings]

    domain, hosts = 'domain = ".apps.example"', 'listen-host = "0.0.0.0"'
    assert warnings() == []
    assert warnings(domain) == ["v2.listen-host", "v2.advertise-host"]
    assert warnings(domain, hosts) == ["v2.advertise-host"]
    assert warnings(domain, hosts, 'advertise-host = "gw.example"') == []
    assert warnings(domain, 'domain-bind = "127.0.0.1:8443"') == []


def test_v2_may_be_switched_off_with_empty_secrets(tmp_path: Path) -> None:
    text = '[v2]\napi-secret = ""\njwt-secret = ""\npermit-secret = ""\nports = "1-2"'
    assert not settings_of(text, tmp_path).v2.enabled


def test_tls_files_that_are_there(tmp_path: Path) -> None:
    files = tls_files(tmp_path)
    text = f'[tls]\ncertificate = "{files["certificate"]}"\nkey = "{files["key"]}"'
    settings = settings_of(text, tmp_path)
    assert settings.base_url() == "https://127.0.0.1:5050"
    assert settings.domain_scheme == "https"


def test_the_scheme_of_the_wildcard_domain(tmp_path: Path) -> None:
    assert Settings().domain_scheme == "https"
    settings = load(None, {"WSPROXY__V2__API_SECRET": SECRET,
                           "WSPROXY__V2__JWT_SECRET": SECRET,
                           "WSPROXY__V2__PERMIT_SECRET": SECRET,
                           "WSPROXY__V2__DOMAIN_ADVERTISE_PORT": "8443"}).settings  # fmt: skip
    assert settings.domain_scheme == "http"


def test_remote_v1_listens_where_the_gateway_does() -> None:
    settings = load(None, {"WSPROXY__V1__REMOTE": "1", "PORT": "1"}).settings
    assert settings.v1_listen_hosts == ("127.0.0.1",)
    settings = load(None, {"WSPROXY__V1__ADVERTISE_HOST": "Me.example"}).settings
    assert settings.v1_advertise_host == "me.example"


def test_the_default_file_is_read_where_we_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in CLASSIC:
        monkeypatch.delenv(name, raising=False)
    assert load().path is None
    (tmp_path / "wsproxy.toml").write_text("[v1]\nremote = true")
    (tmp_path / ".env").write_text("PROXYBASEPORT=6000\nPROXYBASEHOST=from.dotenv\n")
    monkeypatch.setenv("PROXYBASEHOST", "from.environment")
    loaded = load()
    assert loaded.settings.v1.remote
    assert loaded.settings.base_url() == "http://from.environment:6000"


def test_dotenv_files(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text(
        "# comment\nA=1\nexport B = two words # comment\nC=\"x # y\"\nD='q' # z\n"
        "not a line\nE=\nF=a#b\nG=# nothing\n"
    )
    expected = {"A": "1", "B": "two words", "C": "x # y", "D": "q", "E": "", "F": "a#b", "G": ""}
    assert read_dotenv(file) == expected
    assert read_dotenv(tmp_path / "none") == {}
    assert environment(file)["F"] == "a#b"


def test_lists_of_the_environment() -> None:
    assert text_list('["a", "b"]') == ["a", "b"]
    assert text_list("a,,b") == ["a", "b"]
    assert text_list("") == []
    assert text_list("[a") == "[a"
