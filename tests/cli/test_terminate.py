"""``wsproxy terminate`` as a person and as a script sees it."""

import asyncio
import contextlib
import json
import os
import pty
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.support.elsewhere import elsewhere
from tests.support.installations import (
    LOGIN,
    ONE,
    THREE,
    TWO,
    SmallGateway,
    SmallManager,
    problem,
    small_gateway,
    small_manager,
)
from wsproxy.cli.main import main
from wsproxy.compat.zoo.table import ANIMALS, Animal

NAMES = ("BACKEND_ENDPOINT", "BACKEND_ACCESS_KEY", "BACKEND_SECRET_KEY", "BACKEND_SESSION")
KEYS = {"BACKEND_ACCESS_KEY": "AKUSER", "BACKEND_SECRET_KEY": "secret-of-the-user"}


@pytest.fixture
def manager() -> Iterator[SmallManager]:
    with elsewhere(small_manager) as running:
        yield running


@pytest.fixture
def gateway() -> Iterator[SmallGateway]:
    with elsewhere(small_gateway) as running:
        yield running


def variables(endpoint: str, **more: str) -> dict[str, str | None]:
    clean: dict[str, str | None] = dict.fromkeys((*NAMES, "WSPROXY_GATEWAY"), None)
    return {**clean, "BACKEND_ENDPOINT": endpoint, **(more or KEYS)}


def run(endpoint: str, *arguments: str, **more: str) -> Result:
    environment = variables(endpoint, **more)
    return CliRunner(env=environment).invoke(main, ["terminate", *arguments])


def test_one_session(manager: SmallManager):
    result = run(manager.url, ONE)
    assert (result.exit_code, result.stdout, result.stderr) == (0, f"{ONE}: deleted\n", "")
    assert ONE not in manager.sessions


def test_session_mode(manager: SmallManager):
    assert run(manager.url, ONE, BACKEND_SESSION=LOGIN).exit_code == 0
    assert manager.targets() == [f"/func/session/{ONE}"]


def test_options(manager: SmallManager, gateway: SmallGateway):
    gateway.circuits, gateway.token = {("v1", THREE): 1}, "tok"
    result = run(
        "http://unused.invalid",
        *("--manager", manager.url, "--gateway", gateway.url, "--gateway-token", "tok"),
        *("--forced", "-o", "AKADMIN", THREE),
    )
    assert (result.exit_code, result.stdout) == (0, f"{THREE}: deleted, 1 circuit closed\n")
    assert manager.deletions == [f"/session/{THREE}?forced=true&owner_access_key=AKADMIN"]


def test_the_gateway_of_the_environment(manager: SmallManager, gateway: SmallGateway):
    gateway.circuits = {("v2", ONE): 1}
    result = run(manager.url, ONE, **KEYS, WSPROXY_GATEWAY=gateway.url)
    assert result.stdout == f"{ONE}: deleted, its circuits closed\n"


def test_already_gone_is_success(manager: SmallManager):
    result = run(manager.url, "no-such")
    assert result.exit_code == 0
    assert result.stdout == "no-such: already gone\n  It is gone, or not yours (use -o).\n"


def test_several_sessions_each_once(manager: SmallManager):
    result = run(manager.url, "one", TWO, "one", "no-such")
    assert result.exit_code == 0
    lines = [line for line in result.stdout.splitlines() if not line.startswith(" ")]
    assert lines == ["one: deleted", f"{TWO}: deleted", "no-such: already gone"]
    assert len(manager.deletions) == 3


def test_some_not_deleted(manager: SmallManager):
    manager.sessions["44444444-4444-4444-8444-444444444444"] = ("two", "AKUSER")
    result = run(manager.url, ONE, "two")
    assert result.exit_code == 1
    assert result.stdout == f"{ONE}: deleted\n"
    assert "error: two: not deleted. The manager answered 404." in result.stderr
    assert "[too-many-sessions-matched]" in result.stderr


def test_a_manager_that_answers_500_is_exit_1(manager: SmallManager):
    manager.override = lambda method, path: problem(500, "internal-server-error", "Oh.")
    result = run(manager.url, ONE)
    assert result.exit_code == 1
    assert result.stderr == (
        f"error: {ONE}: not deleted. The manager answered 500. Oh. [internal-server-error]\n"
    )


@pytest.mark.parametrize("name", ["refuse", "close", "reset", "tls-alert", "expired-certificate"])
def test_a_manager_that_cannot_be_reached_is_exit_3(name):
    with elsewhere(ANIMALS[name]) as address:
        result = run(address, ONE)
    assert result.exit_code in ((1, 3) if name == "tls-alert" else (3,))
    assert result.stdout == "" and "not deleted. The manager cannot be used" in result.stderr


@pytest.mark.parametrize("name", ["html", "404", "redirect", "healthy-v2", "ssh", "json-list"])
def test_what_is_no_manager_is_exit_1(name):
    with elsewhere(ANIMALS[name]) as address:
        result = run(address, ONE)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "not deleted" in result.stderr


QUICK = {name: animal for name, animal in ANIMALS.items() if animal.reason != "address-silent"}


@pytest.mark.parametrize("animal", QUICK.values(), ids=QUICK)
def test_every_animal_as_a_gateway_is_a_warning(manager: SmallManager, animal: Animal):
    with elsewhere(animal) as address:
        result = run(manager.url, "--gateway", address, ONE)
    assert (result.exit_code, result.stdout) == (0, f"{ONE}: deleted\n")
    if not animal.name.startswith("404"):
        assert re.match(
            rf"warning: {ONE}: circuits were not closed\. .* \[gateway-\S+\]\n", result.stderr
        )


def test_a_rejected_token_says_what_to_do(manager: SmallManager, gateway: SmallGateway):
    gateway.token = "another"
    result = run(manager.url, "--gateway", gateway.url, ONE)
    assert result.exit_code == 0
    assert "(use --gateway-token). [token-rejected]" in result.stderr


def test_one_dialect_closed_and_the_other_failed(manager: SmallManager, gateway: SmallGateway):
    gateway.circuits = {("v1", ONE): 2}
    gateway.override = lambda method, path: (500, b"") if path.startswith("/v2") else None
    result = run(manager.url, "--gateway", gateway.url, ONE)
    assert result.stdout == f"{ONE}: deleted, 2 circuits closed\n"
    assert "some circuits were not closed. The gateway answers 500." in result.stderr


def on_a_terminal(endpoint: str, *arguments: str) -> tuple[str, str]:
    """Run it with a terminal as stderr; what it wrote there, and on stdout."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", "from wsproxy.cli.main import main; main()", "terminate"]
    with subprocess.Popen(
        [*command, *arguments],
        env={**os.environ, "BACKEND_ENDPOINT": endpoint, **KEYS, "TERM": "xterm"},
        stdout=subprocess.PIPE,
        stderr=theirs,
    ) as running:
        os.close(theirs)
        seen = b""
        with contextlib.suppress(OSError):  # the other end has closed
            while more := os.read(ours, 65536):
                seen += more
        out, _ = running.communicate(timeout=30)
    os.close(ours)
    assert running.returncode == 0
    return seen.decode(), out.decode()


def test_the_progress_of_several_is_shown_to_who_looks(manager: SmallManager):
    seen, out = on_a_terminal(manager.url, ONE, TWO)
    assert "Deleting" in seen and "2/2" in seen
    assert out == f"{ONE}: deleted\n{TWO}: deleted\n"


def test_scripts_and_single_sessions_get_no_progress(manager: SmallManager):
    assert on_a_terminal(manager.url, ONE)[0] == ""
    seen, out = on_a_terminal(manager.url, "--json", TWO, "gone")
    assert seen == "" and len(json.loads(out)) == 2


class TestJson:
    KEYS = {"id", "session", "circuits", "closed", "session_problem", "circuits_problem"}

    def test_one_object_a_session_in_order(self, manager: SmallManager, gateway: SmallGateway):
        gateway.circuits = {("v1", TWO): 3}
        result = run(manager.url, "--json", "--gateway", gateway.url, TWO, "no-such", ONE)
        document: list[dict[str, Any]] = json.loads(result.stdout)
        assert [one["id"] for one in document] == [TWO, "no-such", ONE]
        assert [one["session"] for one in document] == ["deleted", "already-gone", "deleted"]
        assert [one["circuits"] for one in document] == ["closed", "none", "none"]
        assert document[0]["closed"] == 3
        assert all(set(one) <= self.KEYS for one in document)
        assert (result.exit_code, result.stderr) == (0, "")

    def test_failures_have_codes_and_words(self):
        with elsewhere(ANIMALS["refuse"]) as address:
            result = run(address, "--json", "--gateway", "nonsense", ONE)
        assert result.exit_code == 3
        [document] = json.loads(result.stdout)
        assert (document["session"], document["circuits"]) == ("failed", "failed")
        assert document["session_problem"]["code"] == "manager-refused"
        assert document["circuits_problem"]["code"] == "gateway-malformed"
        assert all(document[f"{part}_problem"]["detail"] for part in ("session", "circuits"))


class TestUsage:
    @pytest.mark.parametrize(
        ("environment", "told"),
        [
            ({}, "Set BACKEND_ENDPOINT"),
            ({"BACKEND_ENDPOINT": "http://m"}, "Set BACKEND_ACCESS_KEY and BACKEND_SECRET_KEY"),
            ({"BACKEND_ENDPOINT": "m:8081", **KEYS}, "endpoint: must be http://host"),
        ],
    )
    def test_credentials(self, environment, told):
        clean = {**variables("", **KEYS), **dict.fromkeys(NAMES), **environment}
        result = CliRunner(env=clean).invoke(main, ["terminate", ONE])
        assert result.exit_code == 2 and told in result.stderr
        assert "[no-credentials]" in result.stderr

    @pytest.mark.parametrize("session", ["", "..", "a\nb"])
    def test_what_is_no_session(self, manager: SmallManager, session):
        result = run(manager.url, ONE, session)
        assert result.exit_code == 2 and "neither an id nor a name" in result.stderr
        assert manager.asked == []

    def test_no_session_at_all(self):
        assert run("http://m").exit_code == 2


def test_secrets_are_not_printed(manager: SmallManager):
    manager.override = lambda method, path: problem(401, "auth-failed")
    for more in (KEYS, {"BACKEND_SESSION": LOGIN}):
        result = run(
            manager.url,
            "--gateway",
            "http://u:hidden@h:1/",
            "--gateway-token",
            "t0ken",
            ONE,
            **more,
        )
        for secret in ("secret-of-the-user", LOGIN, "hidden", "t0ken"):
            assert secret not in result.output


def test_ctrl_c_tells_what_is_known(manager: SmallManager):
    """What is not known is not claimed, and no stack trace is shown."""
    arrived, held = threading.Event(), asyncio.Event()
    there: list[asyncio.AbstractEventLoop] = []

    async def wait() -> None:
        there.append(asyncio.get_running_loop())
        arrived.set()
        await held.wait()

    manager.before_delete = wait
    command = [sys.executable, "-c", "from wsproxy.cli.main import main; main()"]
    with subprocess.Popen(
        [*command, "terminate", "--json", ONE],
        env={**os.environ, "BACKEND_ENDPOINT": manager.url, **KEYS},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        assert arrived.wait(30)
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=30)
    there[0].call_soon_threadsafe(held.set)
    assert running.returncode == 130
    [document] = json.loads(out)
    assert (document["id"], document["session"]) == (ONE, "failed")
    assert document["session_problem"]["code"] == "interrupted"
    assert "Traceback" not in err
