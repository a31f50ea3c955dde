"""``wsproxy circuits`` against the API that it is for."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from click.testing import CliRunner, Result

from tests.cli.test_status import elsewhere
from tests.support.circuits import SESSION, want
from tests.support.management import NODE, SECRET, Managed, every_endpoint, managed
from wsproxy.api.endpoint import Endpoint
from wsproxy.api.v2 import management
from wsproxy.cli.circuits import ago, command, shown, size
from wsproxy.cli.output import stdout
from wsproxy.client import management as client_management
from wsproxy.compat.zoo.answers import answers
from wsproxy.compat.zoo.table import ANIMALS
from wsproxy.core.meter import Meter
from wsproxy.core.slots import LabelSlot, ListedSlot
from wsproxy.core.wire import Version

WANTS = [
    want("jupyter"),
    want("v1app", version=Version.V1, slot=ListedSlot("127.0.0.1", (0,))),
    want("[red]app\x1b", session="S", slot=LabelSlot("x")),
]


def admin(one: Managed) -> list[Endpoint]:
    part = management.ManagementPart(NODE, one.circuits, one.collector, one.meters.get)
    return management.admin_endpoints(part)


def api(one: Managed) -> list[Endpoint]:
    return every_endpoint(one, NODE)


@contextmanager
def gateway(endpoints=admin, wants=WANTS) -> Iterator[tuple[str, Managed]]:
    """A gateway with open circuits, on a loop of its own: the command runs one itself."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    entered = managed(endpoints=endpoints)

    async def start() -> tuple[str, Managed]:
        node = await entered.__aenter__()
        for number, wanted in enumerate(wants):
            node.now[0] += 1.0
            circuit = await node.open(wanted)
            node.meters[circuit.id] = Meter(number, number, 1500, 64_000_000, last_open=1.0)
        return str(node.client.make_url("/")).rstrip("/"), node

    try:
        yield asyncio.run_coroutine_threadsafe(start(), loop).result(10)
        asyncio.run_coroutine_threadsafe(entered.__aexit__(None, None, None), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def run(url: str, *arguments: str) -> Result:
    return CliRunner().invoke(command, ["--gateway", url, *arguments])


def test_what_a_person_sees():
    with gateway() as (url, node):
        result = run(url)
        first, second, third = node.circuits.table.all()
    header, *lines = result.stdout.splitlines()
    rows = [line.split() for line in lines]

    assert result.exit_code == 0
    assert header.split()[:3] == ["CIRCUIT", "VERSION", "APP"]
    assert rows[0][:6] == [str(first.id), "v2", "jupyter", "http", SESSION, str(first.port)]
    assert rows[0][6:12] == ["0", "0", "1.5", "kB", "64.0", "MB"]
    assert rows[1][:3] == [str(second.id), "v1", "v1app"]
    assert rows[1][-1] == "now"
    assert rows[2][2] == "[red]app?"  # what a server says is text, and printable
    assert rows[2][5] == third.label


def test_nothing_is_open():
    with gateway(wants=[]) as (url, _):
        assert run(url).stdout == "No circuit is open.\n"
        assert json.loads(run(url, "--json").stdout) == []


def test_json_has_everything():
    with gateway() as (url, _):
        rows = json.loads(run(url, "--json").stdout)

    assert [row["wsproxy_version"] for row in rows] == ["v2", "v1", "v2"]
    assert rows[0]["bytes_out"] == 64_000_000


def test_closing_by_the_start_of_an_id():
    with gateway() as (url, node):
        first, second, third = node.circuits.table.all()
        result = run(url, "--close", str(first.id)[:13], "--close", str(second.id).upper())
        assert node.circuits.table.all() == (third,)
        assert result.stdout == f"{first.id}: closed\n{second.id}: closed\n"
        document = json.loads(run(url, "--close", str(third.id), "--json").stdout)
        assert document == [{"id": str(third.id), "closed": True}]
        assert run(url, "--close", str(third.id)).exit_code == 1


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [("abc", 2, "id-too-short"), ("zzzz", 1, "object-not-found"), ("----", 1, "object-not-found")],
)
def test_what_cannot_be_closed_closes_nothing(text, code, said):
    with gateway() as (url, node):
        first = node.circuits.table.all()[0]
        result = run(url, "--close", str(first.id), "--close", text)
        assert result.exit_code == code
        assert said in result.stderr
        assert len(node.circuits.table) == 3


def test_an_ambiguous_start_closes_nothing(monkeypatch):
    rows = [{"id": "abcd-1"}, {"id": "abcd-2"}]
    with elsewhere(answers(200, json.dumps({"circuits": rows}).encode())) as url:
        result = run(url, "--close", "abcd")
    assert (result.exit_code, "2 circuits begin" in result.stderr) == (1, True)


def test_a_circuit_that_went_meanwhile(monkeypatch):
    async def gone(self: object, circuit_id: str) -> bool:
        return False

    monkeypatch.setattr(client_management.GatewayCircuits, "close", gone)
    with gateway() as (url, node):
        first = node.circuits.table.all()[0]
        result = run(url, "--close", str(first.id))
    assert (result.exit_code, result.stdout) == (0, f"{first.id}: gone already\n")


def test_the_control_api_wants_the_secret():
    with gateway(api) as (url, _):
        refused = run(url)
        assert refused.exit_code == 1
        assert "auth-failed" in refused.stderr
        assert "--token" in refused.stderr
        assert run(url, "--token", SECRET).exit_code == 0
        wrong = run(url, "--token", "a wrong secret")
        assert wrong.exit_code == 1
        assert "a wrong secret" not in wrong.output


@pytest.mark.parametrize("name", [n for n, a in ANIMALS.items() if a.reason != "confirmed"])
def test_whatever_answers_there_the_command_ends_with_an_error(name, monkeypatch):
    monkeypatch.setattr(client_management, "DEADLINE", 0.3)
    monkeypatch.setattr(client_management, "LIMIT", 1 << 16)
    with elsewhere(ANIMALS[name]) as url:
        result = run(url)
    assert result.exit_code in {1, 2, 3}
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert "error:" in result.stderr


def test_nobody_is_there():
    result = run("http://127.0.0.1:1")
    assert result.exit_code == 3
    assert "gateway-unreachable" in result.stderr


@pytest.mark.parametrize("url", ["", "nonsense", "ftp://x", "http://", "http://[::1", "http://x:y"])
def test_an_address_that_is_none(url):
    result = run(url)
    assert result.exit_code == 2
    assert "gateway-malformed" in result.stderr


@pytest.mark.parametrize("other", [("--json",), ("--close", "abcd")])
def test_watching_goes_with_nothing_else(other):
    assert run("http://127.0.0.1:1", "--watch", *other).exit_code == 2


def test_watching_shows_it_again_until_the_gateway_goes(monkeypatch):
    looks = []

    async def listing(self: object) -> list[dict[str, object]]:
        looks.append(1)
        if len(looks) == 3:
            raise client_management.Unreachable("connection refused")
        return [{"id": "abcd", "app": f"look-{len(looks)}"}]

    monkeypatch.setattr(client_management.GatewayCircuits, "listing", listing)
    result = run("http://127.0.0.1:1", "--watch", "--interval", "0.05")

    assert result.exit_code == 3
    assert "look-1" in result.stdout
    assert "look-2" in result.stdout


def test_watching_ends_with_an_interrupt(monkeypatch):
    async def listing(self: object) -> list[dict[str, object]]:
        raise KeyboardInterrupt

    monkeypatch.setattr(client_management.GatewayCircuits, "listing", listing)
    assert run("http://127.0.0.1:1", "--watch").exit_code == 0


def test_a_row_that_says_nothing():
    console = stdout()
    with console.capture() as captured:
        console.print(shown([{}], 0.0))
    assert captured.get().splitlines()[1].split().count("-") >= 8


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1500, "1.5 kB"),
        (999_990, "1.0 MB"),
        (64_000_000, "64.0 MB"),
        (2e12, "2.0 TB"),
        (None, "-"),
    ],
)
def test_sizes(count, text):
    assert size(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-3, "0 s ago"), (59.4, "59 s ago"), (60, "1 min ago"), (7300, "2 h ago"), (2e5, "2 d ago")],
)
def test_times(seconds, text):
    assert ago(seconds) == text
