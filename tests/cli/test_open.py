"""``wsproxy open`` as a person and as a script sees it."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from click.testing import CliRunner, Result

from tests.cli.test_local import USER, small_world
from tests.client.test_opening import APPS, TOKEN, V1_ONLY, Proxy
from tests.support.elsewhere import elsewhere
from tests.support.installations import ONE, SmallManager, serving, small_manager
from wsproxy.cli import open as module
from wsproxy.cli.local import Local
from wsproxy.cli.main import main
from wsproxy.client import Client, ListenerNeeded, Opened
from wsproxy.compat.zoo.table import ANIMALS
from wsproxy.core.circuit import Transport
from wsproxy.sim.echo import GREETING
from wsproxy.sim.installation import Installation

KEYS = {"BACKEND_ACCESS_KEY": "AKUSER", "BACKEND_SECRET_KEY": "secret-of-the-user"}
WSPROXY = [sys.executable, "-c", "from wsproxy.cli.main import main; main()"]
WAIT = 30.0


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    running = Proxy()
    with elsewhere(lambda: serving(running.handle)) as running.url:
        yield running


@pytest.fixture
def manager(proxy: Proxy) -> Iterator[SmallManager]:
    with elsewhere(small_manager) as running:
        running.apps = APPS
        started = {"token": TOKEN, "wsproxy_addr": proxy.url}
        running.start = (200, json.dumps(started).encode())
        yield running


def run(endpoint: str, *arguments: str) -> Result:
    environment = {"BACKEND_ENDPOINT": endpoint, **KEYS, "WSPROXY_GATEWAY": ""}
    return CliRunner(env=environment).invoke(main, ["open", *arguments])


def test_an_http_app_in_v2(manager: SmallManager, proxy: Proxy):
    result = run(manager.url, ONE, "jupyter")
    assert (result.exit_code, result.stderr) == (0, "version v2 (confirmed)\n")
    assert result.stdout == f"{proxy.url}/setup?token=jwt&protocol=http\n"


def test_a_tcp_app_in_v2(manager: SmallManager):
    result = run(manager.url, ONE, "sshd")
    assert (result.exit_code, result.stdout) == (0, "worker:10201\n")


def test_json(manager: SmallManager):
    result = run(manager.url, "--json", ONE, "sshd")
    assert json.loads(result.stdout) == {
        "version": "v2",
        "reason": "confirmed",
        "url": "",
        "host": "worker",
        "port": 10201,
    }
    assert result.stderr == ""


def test_a_protocol_of_our_own_choice(manager: SmallManager):
    result = run(manager.url, "--protocol", "tcp", ONE, "jupyter")
    assert (result.exit_code, result.stdout) == (0, "worker:10201\n")
    result = run(manager.url, "--protocol", "smoke", ONE, "jupyter")
    assert result.exit_code == 2 and "--protocol" in result.stderr


def test_v1_through_a_gateway(manager: SmallManager, proxy: Proxy):
    manager.start = V1_ONLY
    result = run("http://unused.invalid", "--manager", manager.url, "--gateway", proxy.url,
                 "--bind", "127.0.0.1:4000", ONE, "jupyter")  # fmt: skip
    assert (result.exit_code, result.stderr) == (0, "version v1 (address-not-set)\n")
    assert result.stdout == f"{proxy.url}/redirect?port=4001\n"
    assert proxy.asked[-1].endswith("&port=4000")


def test_what_cannot_be_opened_is_exit_1(manager: SmallManager):
    result = run(manager.url, ONE, "lab")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        "error: The session has no such app; it has: jupyter, sshd. [app-not-found]\n"
    )


def test_a_manager_that_cannot_be_reached_is_exit_3():
    with elsewhere(ANIMALS["refuse"]) as address:
        result = run(address, ONE, "jupyter")
    assert (result.exit_code, result.stdout) == (3, "")
    assert "[manager-refused]" in result.stderr


@pytest.mark.parametrize("name", ["html", "healthy-v2", "500"])
def test_what_is_no_manager_is_exit_1(name):
    with elsewhere(ANIMALS[name]) as address:
        assert run(address, ONE, "jupyter").exit_code == 1


@pytest.mark.parametrize("bind", ["x", "127.0.0.1:70000", "0.0.0.0:80", "192.0.2.1:80", ":", "²"])
def test_a_bind_that_is_none(bind):
    result = run("http://unused.invalid", "--bind", bind, ONE, "jupyter")
    assert result.exit_code == 2 and "--bind" in result.stderr


def test_without_credentials():
    clean = dict.fromkeys(("BACKEND_ENDPOINT", *KEYS, "BACKEND_SESSION"))
    result = CliRunner(env=clean).invoke(main, ["open", ONE, "jupyter"])
    assert result.exit_code == 2 and "[no-credentials]" in result.stderr


def test_a_port_that_is_taken(manager: SmallManager):
    manager.start = V1_ONLY
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = run(manager.url, "--bind", str(port), ONE, "jupyter")
    assert result.exit_code == 1
    assert f"Port {port} on 127.0.0.1 is in use. [port-not-available]" in result.stderr


@contextmanager
def in_the_foreground(running: Installation, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The command listening by itself, with a simulated installation behind it."""
    environment = {
        **os.environ,
        "BACKEND_ENDPOINT": running.endpoint,
        "BACKEND_ACCESS_KEY": USER.access_key,
        "BACKEND_SECRET_KEY": USER.secret_key,
    }
    with subprocess.Popen(
        [*WSPROXY, "open", "work", "echo", *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as command:
        try:
            yield command
        finally:
            command.kill()


@contextmanager
def connected(host: str, port: int) -> Iterator[socket.SocketIO]:
    with socket.create_connection((host, port), WAIT) as client:
        client.settimeout(WAIT)
        with client.makefile("rwb", 0) as stream:
            yield stream


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_without_a_gateway_it_listens_itself(number):
    with elsewhere(ANIMALS["refuse"]) as address, elsewhere(small_world) as running:
        with in_the_foreground(running, "--gateway", address) as command:
            assert command.stdout is not None
            host, _, port = command.stdout.readline().strip().rpartition(":")
            with connected(host, int(port)) as stream:
                assert stream.readline() == GREETING
                stream.write(b"hello\n")
                assert stream.readline() == b"hello\n"
                command.send_signal(number)
                assert stream.readline() == b""
            _, told = command.communicate(timeout=WAIT)
    assert command.returncode == 0
    assert "version v1 (address-not-set)" in told and "Press Ctrl-C" in told
    assert "[gateway-refused]" in told and "Traceback" not in told


def test_it_ends_when_the_session_is_gone():
    with elsewhere(small_world) as running, in_the_foreground(running, "--json") as command:
        assert command.stdout is not None
        document = json.loads("".join(iter(command.stdout.readline, "}\n")) + "}")
        running.world.sessions.clear()
        with connected(document["host"], document["port"]) as stream:
            stream.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert stream.readline().startswith(b"HTTP/1.1 503 ")
        _, told = command.communicate(timeout=WAIT)
    assert (document["version"], document["url"]) == ("v1", "")
    assert command.returncode == 1 and "[session-not-found]" in told


class TestListening:
    """The same, without a process of its own."""

    async def test_a_signal_is_the_normal_end(self, capsys):
        for number in (signal.SIGINT, signal.SIGTERM):
            local = Local("127.0.0.1", 4001, asyncio.Event())
            opened = module.opened_here(local, ListenerNeeded("address-not-set", Transport.HTTP))
            asyncio.get_running_loop().call_later(0.01, os.kill, os.getpid(), number)
            async with asyncio.timeout(WAIT):
                assert await module.serve(local, opened, as_json=False) == 0
            assert capsys.readouterr().out == "http://127.0.0.1:4001/\n"

    async def test_a_session_that_is_gone_is_a_failure(self, capsys):
        local = Local("::1", 4001, asyncio.Event())
        opened = module.opened_here(local, ListenerNeeded("address-not-set", Transport.TCP))
        local.gone.set()
        assert await module.serve(local, opened, as_json=False) == 1
        told = capsys.readouterr()
        assert told.out == "[::1]:4001\n" and "[session-not-found]" in told.err

    def test_the_listener_is_told_why_it_is_needed(self, manager, monkeypatch):
        manager.start = V1_ONLY

        async def serve(local: Local, opened: Opened, as_json: bool) -> int:
            assert (opened.version, opened.reason) == ("v1", "address-not-set")
            with pytest.raises(OSError), socket.create_server((local.host, local.port)):
                pass
            return 7

        monkeypatch.setattr(module, "serve", serve)
        result = run(manager.url, "--gateway", "nonsense", ONE, "sshd")
        assert result.exit_code == 7
        assert "so this command does. Its address is not usable" in result.stderr

    def test_ctrl_c_before_it_listens(self, manager, monkeypatch):
        async def interrupted(self: Client, *arguments: object, **more: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(Client, "open_app", interrupted)
        assert run(manager.url, ONE, "sshd").exit_code == 130
