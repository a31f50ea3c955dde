"""Sessions that could not be deleted because of their proxy (landscape A3; protocol 9.3, 12)."""

import asyncio
import contextlib
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Callable

import pytest

from tests.support.apps import eventually
from tests.support.installations import (
    ONE,
    TWO,
    Answer,
    SmallGateway,
    SmallManager,
    problem,
    small_gateway,
    small_manager,
)
from tests.support.node import node, settings
from wsproxy.client import Client, ClientRules, DeletionRules, Fate, Terminated
from wsproxy.compat.zoo.table import ANIMALS, Animal

PATIENT = ClientRules(deletion=DeletionRules(cleanup=20.0, call=40.0))
QUICK = ClientRules(deletion=DeletionRules(cleanup=0.5, call=40.0))
"""For gateways that are silent; the manager always has its time."""
VERSION = "wsproxy-version"

DEAD = [animal for animal in ANIMALS.values() if animal.reason != "confirmed"]


@contextlib.asynccontextmanager
async def installation() -> AsyncIterator[tuple[SmallManager, SmallGateway]]:
    async with small_manager() as manager, small_gateway() as gateway:
        yield manager, gateway


async def deleted(manager: SmallManager, gateway: str, rules: ClientRules = PATIENT) -> Terminated:
    async with Client(manager.api(), gateway, rules=rules) as client:
        return await client.terminate(ONE)


# backend.ai#1423, webui#1819, webui#1833: the address is invalid, so the session stays


async def test_bug_1423_no_session_waits_for_its_invalid_proxy():
    """All wrong addresses of the zoo at once, each of them the gateway of one deletion."""
    async with contextlib.AsyncExitStack() as stack:
        began = time.monotonic()
        results = await asyncio.gather(*(_beside(animal, stack) for animal in DEAD))
        took = time.monotonic() - began
    assert {result.session.fate for result in results} == {Fate.DELETED}
    assert took < 20.0


async def _beside(animal: Animal, stack: contextlib.AsyncExitStack) -> Terminated:
    address = await stack.enter_async_context(animal())
    manager = await stack.enter_async_context(small_manager())
    return await deleted(manager, address, QUICK)


def _failing(status: int, slug: str) -> Callable[[str, str], Answer | None]:
    def override(method: str, path: str) -> Answer | None:
        return problem(status, slug) if VERSION in path else None

    return override


@pytest.mark.parametrize(
    ("status", "slug"),
    [
        (401, "auth-failed"),
        (404, "object-not-found"),  # 26.2: no address
        (400, "schema-validation-failed"),
        (500, "server-misconfigured"),
        (500, "internal-server-error"),
        (500, "appproxy-response-error"),
        (503, "appproxy-connection-error"),  # 26.2: clients up to 26.6 refuse to delete
    ],
)
async def test_bug_1423_no_failure_of_the_version_query_prevents_deletion(status, slug):
    """The version is not even asked for: deleting needs none."""
    async with installation() as (manager, gateway):
        manager.override = _failing(status, slug)
        gateway.circuits = {("v1", ONE): 1}
        result = await deleted(manager, gateway.url)
    assert (result.session.fate, result.circuits.fate) == (Fate.DELETED, Fate.CLOSED)
    assert not [target for target in manager.targets() if VERSION in target]


# webui#8441, webui#8442: the proxy accepts and never answers; the guard was inverted


async def test_webui_8441_a_silent_proxy_holds_deletion_for_a_bounded_time():
    async with small_manager() as manager, ANIMALS["hang"]() as address:
        began = time.monotonic()
        result = await deleted(manager, address, QUICK)
    assert result.session.fate is Fate.DELETED
    assert result.circuits.fault is not None and result.circuits.fault.code == "gateway-silent"
    assert time.monotonic() - began < 10.0


async def test_webui_8441_the_session_is_deleted_before_the_silent_proxy_is_given_up():
    async with installation() as (manager, gateway):
        gateway.hold = asyncio.Event()
        rules = ClientRules(deletion=DeletionRules(cleanup=60.0, call=60.0))
        async with Client(manager.api(), gateway.url, rules=rules) as client:
            running = asyncio.get_running_loop().create_task(client.terminate(ONE))
            await eventually(lambda: ONE not in manager.sessions)
            assert not running.done()
            gateway.hold.set()
            assert (await running).session.fate is Fate.DELETED


@pytest.mark.parametrize("name", ["refuse", "reset", "close", "unresolvable", "403", "404", "500"])
async def test_webui_8441_every_error_lets_deletion_go_on_network_errors_too(name):
    """The guard let 404 and 500 pass and stopped, without a word, at everything else."""
    async with installation() as (manager, gateway):
        gateway.override = lambda method, path: (int(name), b"")
        den = ANIMALS[name]() if name in ANIMALS else contextlib.nullcontext(gateway.url)
        async with den as address:
            result = await deleted(manager, address)
    assert result.session.fate is Fate.DELETED
    assert manager.deletions == [f"/session/{ONE}"]
    assert (result.circuits.fault is None) is (name == "404")


async def test_webui_8441_no_default_address_is_asked_without_a_gateway(monkeypatch):
    """A request for v2 went to the built-in local address; here no gateway means none."""
    async with installation() as (manager, gateway):
        monkeypatch.setenv("WSPROXY_GATEWAY", gateway.url)  # the command's, not the library's
        result = await deleted(manager, "")
    assert gateway.asked == [] and result.circuits.fate is Fate.NONE


async def test_webui_8441_a_hint_about_a_session_never_waits_for_a_silent_manager():
    """Clients up to 22.x delete the session only after the proxy has answered."""
    session = "6c8f0c5c-2f34-4a6e-9a0e-0e5b7a1c3d21"
    async with ANIMALS["hang"]() as silent:
        manager = {"endpoint": silent, "access-key": "AK", "secret-key": "SK"}
        async with node(settings(manager=manager)) as gateway:
            await gateway.auth(await gateway.announce(9, session), session)
            conf = {"endpoint": silent, "mode": "API", "access_key": "A", "secret_key": "S"}
            configured = await gateway.ask("PUT", "/conf", json=conf)
            assert (await gateway.get(f"/proxy/{configured.json['token']}/{session}/add")).json[
                "code"
            ] == 200
            began = time.monotonic()
            for prefix, key in (("/v2", "AKTEST"), ("", "A")):
                answer = await gateway.get(f"{prefix}/proxy/{key}/{session}/delete")
                assert answer.json["code"] == 403
            assert time.monotonic() - began < 8.0


# a manager's 404 is success, another server's is not (landscape A3, 49)


async def test_bug_deleting_twice_is_an_error():
    async with installation() as (manager, gateway):
        first, second = [await deleted(manager, gateway.url) for _ in range(2)]
    assert (first.session.fate, second.session.fate) == (Fate.DELETED, Fate.ALREADY_GONE)
    assert first.session.gone and second.session.gone


@pytest.mark.parametrize("name", ["404", "404-with-good-body", "html", "healthy-v2", "redirect"])
async def test_bug_another_servers_answer_counts_as_deleted(name):
    async with small_manager() as manager, ANIMALS[name]() as address:
        who = manager.api()
        strange = type(who)(address, who.mode, who.access_key, who.secret_key)
        async with Client(strange, rules=PATIENT) as client:
            result = await client.terminate(ONE)
    assert result.session.fate is Fate.FAILED


# the name server is silent: the command is done and does not end

SLOW_RESOLVER = """
import socket, sys, time
real = socket.getaddrinfo

def slow(host, *more, **named):
    if host == "slow.example" and not named.get("flags", 0) & socket.AI_NUMERICHOST:
        time.sleep(60)
    return real(host, *more, **named)

socket.getaddrinfo = slow
from wsproxy.cli.main import main
main(sys.argv[1:])
"""


async def test_bug_a_silent_name_server_keeps_the_command_alive():
    async with small_manager() as manager:
        began = time.monotonic()
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-c", SLOW_RESOLVER, "terminate", ONE, TWO, "--json"),
            *("--gateway", "http://slow.example:5050"),
            env=os.environ | environment(manager),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            out, err = await asyncio.wait_for(process.communicate(), 40.0)
        except TimeoutError:
            process.kill()
            await process.communicate()
            raise
        took = time.monotonic() - began
    results = json.loads(out)
    assert process.returncode == 0, err
    assert {result["session"] for result in results} == {"deleted"}
    assert {result["circuits_problem"]["code"] for result in results} == {"gateway-silent"}
    assert took < 40.0  # the name server would have answered after 60 s


def environment(manager: SmallManager) -> dict[str, str]:
    who = manager.api()
    return {
        "BACKEND_ENDPOINT": who.endpoint,
        "BACKEND_ACCESS_KEY": who.access_key,
        "BACKEND_SECRET_KEY": who.secret_key,
        "BACKEND_SESSION": "",
    }
