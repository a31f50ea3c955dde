"""The address doctor, run as a command against the zoo."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from wsproxy.cli.main import main
from wsproxy.cli.status import command
from wsproxy.compat.zoo.answers import JSON, answers, den, rendered, saying
from wsproxy.compat.zoo.table import ANIMALS, Animal

Den = Callable[[], AbstractAsyncContextManager[str]]


@contextmanager
def elsewhere(animal: Den) -> Iterator[str]:
    """An animal on a loop of its own: the command runs one itself."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    entered = animal()
    try:
        yield asyncio.run_coroutine_threadsafe(entered.__aenter__(), loop).result(10)
        asyncio.run_coroutine_threadsafe(entered.__aexit__(None, None, None), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


ROOT = Path(__file__).resolve().parents[2]

MORE = {
    "advertise-missing": ("healthy-v2", "ipv6-only", "text-plain", "trailing-slash"),
    "content-type": ("text-plain",),
    "status-ignored": ("404-with-good-body", "503-with-good-body"),
    "version-number": ("integer-version",),
    "slash-at-end": ("trailing-slash",),
}
"""Findings besides the reason, and the animals that have them."""


def explained(place: str) -> bool:
    """Whether the document has the anchor."""
    name, _, anchor = place.partition("#")
    return f'<a id="{anchor}"></a>' in (ROOT / name).read_text(encoding="utf-8")


def run(*arguments: str, deadline: float = 10.0) -> Result:
    return CliRunner().invoke(command, [*arguments, "--deadline", str(deadline)])


@pytest.mark.parametrize("animal", ANIMALS.values(), ids=ANIMALS)
def test_every_animal_is_told_with_its_mend(animal: Animal):
    with elsewhere(animal) as address:
        silent = animal.reason == "address-silent"
        result = run(address, "--json", deadline=0.4 if silent else 10.0)
    document = json.loads(result.stdout)
    assert document["reason"] == animal.reason
    assert document["wsproxy_version"] == animal.version
    assert document["healthy"] is (animal.reason == "confirmed")
    assert result.exit_code == (0 if document["healthy"] else 1)
    assert bool(document["mend"]) is not document["healthy"]
    findings = document["findings"]
    assert (findings[:1] != [] and findings[0]["code"] == animal.reason) is not document["healthy"]
    assert all(finding["text"] and finding["mend"] for finding in findings)
    for place in [document["see"], *(finding["see"] for finding in findings)]:
        assert explained(place), place
    assert [finding["code"] for finding in findings if finding["code"] in MORE] == [
        code for code, animals in MORE.items() if animal.name in animals
    ]


def test_a_person_sees_each_finding_with_its_mend_and_its_place():
    with elsewhere(ANIMALS["503-with-good-body"]) as address:
        lines = run(address).stdout.splitlines()
    assert lines[-2:] == [
        "  warning: It answers 503 and names a version: managers read it, and we do not.",
        "  → Let it answer /status with 200. (docs/errors.md#status-ignored)",
    ]


def test_what_a_person_sees():
    with elsewhere(ANIMALS["404"]) as address:
        result = run(address)
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        f"✗ {address}: v1 (address-answers-404)",
        f"  The address {address} answers 404.",
        "  → Look into the log of the server there; if it is not a wsproxy, correct the address. "
        "(docs/errors.md#address-answers-n)",
    ]


def test_a_healthy_one():
    body = b'{"api_version":"v2","advertise_address":"http://127.0.0.1:1"}'
    with elsewhere(answers(200, body)) as address:
        result = run(address)
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        f"✓ {address}: v2 (confirmed)",
        f"  The address {address} says v2.",
    ]


def test_a_manager_with_a_wrong_clock_is_recognised():
    body = b'{"version":"v9.20250722","manager":"26.8.1"}'
    date = "Date: Tue, 24 Nov 2020 06:00:00 GMT\r\n"
    manager = den(saying(rendered(200, body, JSON, date)))
    with elsewhere(manager) as address:
        result = run(address)
    assert result.exit_code == 1
    assert "address-not-a-wsproxy" in result.stdout
    assert "It looks like a Backend.AI manager (26.8.1)." in result.stdout
    assert "problem: Its clock is" in result.stdout and "behind the clock here" in result.stdout
    assert "clock: -" in result.stdout


def test_another_port_of_a_wsproxy_is_recognised():
    body = b'{"type": "https://api.backend.ai/probs/url-not-found"}'
    other = den(saying(rendered(404, body, JSON, "Server: wsproxy\r\n")))
    with elsewhere(other) as address:
        result = run(address)
    assert "It looks like a wsproxy, but not its API" in result.stdout


def test_no_url_at_all_is_a_usage_error():
    assert CliRunner().invoke(command, []).exit_code == 2


def test_both_commands_are_found_by_their_names():
    with elsewhere(ANIMALS["healthy-v1"]) as address:
        healthy = CliRunner().invoke(main, ["status", address])
        refused = CliRunner().invoke(main, ["version", "g", "--gateway", address])
    assert (healthy.exit_code, refused.exit_code) == (0, 1)


def test_credentials_are_not_shown():
    result = run("http://user:secret@127.0.0.1:0")
    assert result.exit_code == 1
    assert "address-malformed" in result.stdout and "secret" not in result.output
