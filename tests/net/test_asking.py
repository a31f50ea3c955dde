"""The probe's question against every animal of the zoo, on real sockets."""

import asyncio
import socket
import ssl
from dataclasses import replace

import pytest
import uvloop

from wsproxy.compat.zoo.answers import rendered, status_body
from wsproxy.compat.zoo.keeper import AUTHORITY, living, request_head
from wsproxy.compat.zoo.table import ANIMALS, Animal
from wsproxy.core.address import Address, Malformed, parse
from wsproxy.core.version import Answer, Fault, Observation, Trouble, judge
from wsproxy.net.asking import Asker, AskRules, Where, resolve

QUICK = AskRules(deadline=0.4)
"""For those that are silent."""

PATIENT = AskRules(deadline=10.0)
"""For those that answer somehow: on a busy machine too."""


def rules_for(animal: Animal) -> AskRules:
    return QUICK if animal.reason == "address-silent" else PATIENT


def address_of(text: str) -> Address:
    found = parse(text)
    assert isinstance(found, Address)
    return found


async def look(text: str, rules: AskRules = QUICK) -> Observation:
    found = parse(text)
    return found if isinstance(found, Malformed) else await Asker(rules).ask(found)


@pytest.mark.parametrize("animal", ANIMALS.values(), ids=ANIMALS)
async def test_every_animal_gets_its_row(animal: Animal):
    async with animal() as address:
        loop = asyncio.get_running_loop()
        began = loop.time()
        rules = rules_for(animal)
        report = judge(await look(address, rules), address)
        took = loop.time() - began
    assert (report.reason, report.version) == (animal.reason, animal.version)
    assert took < rules.deadline + 2.0
    assert report.degraded is (animal.reason != "confirmed")


@pytest.mark.parametrize(
    "name", ["healthy-v2", "close", "hang", "tls-on-plain", "plain-on-tls", "expired-certificate"]
)
def test_on_the_loop_that_serves_traffic(name):
    async def story() -> str:
        async with ANIMALS[name]() as address:
            return judge(await look(address, rules_for(ANIMALS[name]))).reason

    assert uvloop.run(story()) == ANIMALS[name].reason


def trusting() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(AUTHORITY))


@pytest.mark.parametrize(
    ("name", "detail"),
    [
        ("expired-certificate", "certificate has expired"),
        ("wrong-name", "IP address mismatch"),
        ("plain-on-tls", "plain text"),
    ],
)
async def test_tls_says_what_is_wrong(name, detail):
    async with ANIMALS[name]() as address:
        seen = await look(address, replace(PATIENT, trust=trusting()))
    assert isinstance(seen, Fault) and seen.trouble is Trouble.TLS
    assert detail in seen.detail


async def test_a_good_certificate_is_good():
    async with ANIMALS["untrusted-certificate"]() as address:
        seen = await look(address, replace(PATIENT, trust=trusting()))
    assert judge(seen).reason == "confirmed"


async def test_what_is_sent():
    heard: list[bytes] = []

    async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await request_head(reader))
        writer.write(rendered(200, status_body("v2")))
        await writer.drain()

    async with living(visit) as port:
        seen = await look(f"http://user:pw@127.0.0.1:{port}/prefix/", PATIENT)
    assert judge(seen).reason == "confirmed"
    lines = heard[0].decode().split("\r\n")
    assert lines[0] == "GET /prefix/status HTTP/1.1"
    assert lines[1] == f"Host: 127.0.0.1:{port}"
    assert "Accept: application/json" in lines
    assert "Connection: close" in lines
    assert "Authorization: Basic dXNlcjpwdw==" in lines


async def test_redirects_are_not_followed():
    asked: list[bytes] = []

    async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await request_head(reader))
        writer.write(rendered(302, b"", headers="Location: /elsewhere\r\n"))
        await writer.drain()

    async with living(visit) as port:
        seen = await look(f"http://127.0.0.1:{port}", PATIENT)
    assert judge(seen).reason == "address-redirects"
    assert len(asked) == 1


async def test_a_tls_server_that_is_slow_to_answer_is_silent_and_not_tls():
    """The handshake went well, so the plain second look would only confuse."""

    async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(AUTHORITY.with_name("good.pem"))
    async with living(visit, tls=context) as port:
        seen = await look(f"https://127.0.0.1:{port}", replace(QUICK, trust=trusting()))
    assert isinstance(seen, Fault) and seen.trouble is Trouble.SILENT


async def test_a_plain_server_that_waits_for_the_end_of_the_greeting_is_found_out():
    async with ANIMALS["healthy-v2"]() as address:
        seen = await look(address.replace("http:", "https:"), AskRules(deadline=6.0))
    assert seen == Fault(Trouble.TLS, "a plain HTTP server listens there")


async def test_an_https_address_that_never_answers_is_silent():
    async with ANIMALS["hang"]() as address:
        seen = await look(address.replace("http:", "https:"))
    assert isinstance(seen, Fault) and seen.trouble is Trouble.SILENT


@pytest.mark.parametrize("name", ["close", "reset", "half-close", "ssh", "404"])
async def test_https_to_a_port_that_does_not_greet_back_is_tls(name):
    async with ANIMALS[name]() as address:
        seen = await look(address.replace("http:", "https:"), AskRules(deadline=6.0))
    assert isinstance(seen, Fault) and seen.trouble is Trouble.TLS and seen.detail


def resolver_to(*found: Where):
    async def resolver(host: str, port: int) -> list[Where]:
        return list(found)

    return resolver


async def hanging(host: str, port: int) -> list[Where]:
    await asyncio.get_running_loop().create_future()
    return []


async def broken(host: str, port: int) -> list[Where]:
    raise OSError("label too long")


@pytest.mark.parametrize("resolver", [hanging, broken, resolver_to()])
async def test_a_resolver_that_hangs_fails_or_finds_nothing_is_unresolvable(resolver):
    seen = await look("http://proxy", replace(QUICK, deadline=0.1, resolver=resolver))
    assert isinstance(seen, Fault) and seen.trouble is Trouble.UNRESOLVABLE and seen.detail


async def test_the_second_address_of_a_name_is_tried_when_the_first_refuses_or_is_silent():
    async with (
        ANIMALS["refuse"]() as refusing,
        ANIMALS["unanswered"]() as silent,
        ANIMALS["healthy-v2"]() as healthy,
    ):
        ports = [int(each.rpartition(":")[2]) for each in (refusing, silent, healthy)]
        where = [(socket.AF_INET, ("127.0.0.1", port)) for port in ports]
        seen = await look("http://proxy", AskRules(deadline=9.0, resolver=resolver_to(*where)))
        assert judge(seen).reason == "confirmed"
        seen = await look("http://proxy", AskRules(deadline=0.4, resolver=resolver_to(*where[:2])))
    assert isinstance(seen, Fault) and seen.trouble is Trouble.SILENT


async def test_the_system_resolver():
    assert (socket.AF_INET6, ("::1", 80, 0, 0)) in await resolve("::1", 80)
    assert (socket.AF_INET, ("127.0.0.1", 80)) in await resolve("localhost", 80)
    with pytest.raises(OSError):
        await resolve("no-such-host.wsproxy.invalid", 80)
    with pytest.raises(OSError):
        await resolve("a" * 70 + ".example", 80)


async def test_a_cancelled_resolution_ends_quietly(monkeypatch):
    """The thread goes on; its answer finds nobody, and that must not be an error."""
    let_go = asyncio.Event()
    loop = asyncio.get_running_loop()
    real = socket.getaddrinfo

    def slow(host, port, **options):
        if options.get("flags"):
            raise socket.gaierror(socket.EAI_NONAME, "not numeric")
        asyncio.run_coroutine_threadsafe(let_go.wait(), loop).result(20)
        return real("127.0.0.1", port, **options)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(resolve("slow", 80), 0.05)
    let_go.set()
    assert (await asyncio.wait_for(resolve("slow", 80), 20))[0][1] == ("127.0.0.1", 80)


@pytest.mark.parametrize("rounds", [1, 2, 3, 5, 10, 40])
@pytest.mark.parametrize("name", ["hang", "hang in TLS", "unanswered", "drip"])
async def test_a_question_cancelled_at_any_step_leaves_nothing(name, rounds):
    """Open sockets and transports would be ResourceWarnings, which are errors here."""
    before = asyncio.all_tasks()
    async with ANIMALS[name.removesuffix(" in TLS")]() as address:
        if name.endswith("TLS"):
            address = address.replace("http:", "https:")
        asking = asyncio.get_running_loop().create_task(look(address, PATIENT))
        for _ in range(rounds):
            await asyncio.sleep(0)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        mine = [each for each in asyncio.all_tasks() - before if "wsproxy/net/" in repr(each)]
        assert mine == []


async def test_other_paths_can_be_asked():
    async with ANIMALS["redirect"]() as address:
        seen = await Asker(PATIENT).ask(address_of(address), "/elsewhere")
    assert isinstance(seen, Answer) and seen.status == 200
