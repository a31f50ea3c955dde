"""v1 listeners on real sockets, with a real WebSocket server in the place of the manager."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from tests.data.raw_plane import listening, raw_plane
from tests.support import streams
from tests.support.apps import eventually, exchange, raw_client, unused_port
from tests.support.circuits import circuit
from tests.support.streams import KEYS, Step, StreamManager, stream_manager
from wsproxy.core.circuit import Circuit, CloseReason, ThroughManager
from wsproxy.core.configuration import Configuration, Mode
from wsproxy.core.heads import Peer
from wsproxy.core.wire import Version
from wsproxy.data.accepted import Plane
from wsproxy.data.v1 import V1Listener, V1Rules, local_only
from wsproxy.data.v1trial import REPEAT_LIMIT
from wsproxy.manager.stream import ManagerStreams, StreamRules
from wsproxy.manager.tunnel import TunnelRules

ACCESS, SECRET = next(iter(KEYS.items()))
GET = b"GET /lab HTTP/1.1\r\nHost: localhost:1\r\n\r\n"
APP_SAYS = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
SSH = b"SSH-2.0-OpenSSH_9.2\r\n"


class Slept:
    """Stands for ``asyncio.sleep``: counts, and goes on at once (or when told to)."""

    def __init__(self) -> None:
        self.pauses: list[float] = []
        self.go = asyncio.Event()
        self.go.set()

    async def __call__(self, seconds: float) -> None:
        self.pauses.append(seconds)
        await self.go.wait()
        await asyncio.sleep(0)


class Rig:
    """One v1 listener."""

    def __init__(self, manager: StreamManager, plane: Plane, port: int, slept: Slept) -> None:
        self.manager, self.plane, self.port, self.slept = manager, plane, port, slept
        self.gone: list[tuple[Circuit, CloseReason]] = []

    async def get(self) -> bytes:
        return await exchange(self.port, GET)


def v1_circuit(app: str = "jupyter") -> Circuit:
    route = ThroughManager("3f1c0b3e", app, "conf")
    return replace(circuit(1, app=app), version=Version.V1, routes=(route,))


@contextlib.asynccontextmanager
async def rig(*steps: Step, mode: Mode = Mode.API, **changes: Any) -> AsyncIterator[Rig]:
    async with stream_manager() as manager:
        if steps:
            manager.script(*steps)
        configuration = Configuration(manager.url, mode, ACCESS, SECRET, "sid", 9.0)
        silence = changes.pop("silence", 0.1)
        tunnel = TunnelRules(ping=3600.0, silence=silence, farewell=10.0)
        opener = ManagerStreams(lambda _: configuration, StreamRules(tunnel=tunnel))
        async with raw_plane(opener) as plane:
            slept = Slept()
            gone: list[tuple[Circuit, CloseReason]] = []

            async def drop(circuit: Circuit, reason: CloseReason) -> None:
                gone.append((circuit, reason))
                plane.open.end_circuit(circuit.id, reason)

            admit = changes.pop("admit", local_only)
            served = v1_circuit(changes.pop("app", "jupyter"))
            rules = V1Rules(sleep=slept, **{"speech": 20.0, "linger": 60.0, **changes})
            listener = V1Listener(plane, served, mode, drop, admit, rules)
            async with listening(listener) as port:
                made = Rig(manager, plane, port, slept)
                made.gone = gone
                yield made
            for one in list(plane.open.tunnels):
                one.abort()
        await opener.close()


def page_of(answer: bytes, number: str = "") -> str:
    """Check that an answer is one whole, valid 503 that names the number; its body."""
    head, found, body = answer.partition(b"\r\n\r\n")
    assert found
    lines = head.decode().split("\r\n")
    assert lines[0] == "HTTP/1.1 503 Service Unavailable"
    assert b"\n" not in head.replace(b"\r\n", b"")
    fields = dict(line.split(": ", 1) for line in lines[1:])
    assert int(fields["Content-Length"]) == len(body)
    assert fields["Connection"] == "close"
    assert fields["Cache-Control"] == "no-store"
    assert fields["Retry-After"] == "1"
    assert fields["X-BackendAI-Wsproxy-Version"] == "v1"
    assert fields["X-BackendAI-Speaker"] == "gateway"
    text = body.decode()
    assert number in text
    return text


def is_starting(answer: bytes) -> bool:
    return 'http-equiv="refresh"' in page_of(answer)


async def test_an_http_exchange_passes_untouched():
    async with rig(streams.answering(APP_SAYS)) as r, raw_client(r.port) as client:
        await client.send(GET)
        assert await client.size(len(APP_SAYS)) == APP_SAYS
        assert bytes(r.manager.received) == GET
        meter = r.plane.activity.meter(circuit(1).id)
        assert (meter.bytes_in, meter.bytes_out) == (len(GET), len(APP_SAYS))
        assert meter.last_user_bytes == 50.0


async def test_an_app_that_speaks_first_is_heard_before_the_client_says_anything():
    async with rig(streams.greeting(b"RFB 003.008\n")) as r, raw_client(r.port) as client:
        assert await client.until(b"\n") == b"RFB 003.008\n"
        await client.send(b"RFB 003.003\n")
        assert await client.until(b"\n") == b"RFB 003.003\n"
        assert r.plane.activity.meter(circuit(1).id).bytes_in == 12


async def test_an_upload_before_the_first_answer_is_held_back_and_whole():
    size = 24 << 20
    go = asyncio.Event()

    async def after_all(manager, request):
        response = await streams._open(manager, request)
        await go.wait()
        got = 0
        async for message in response:
            got += len(message.data)
            if got == size:
                await response.send_bytes(b"all")
        return response

    async with rig(after_all) as r, raw_client(r.port) as client:
        sending = asyncio.get_running_loop().create_task(client.send(bytes(size)))
        await asyncio.sleep(0.1)
        assert not sending.done()
        assert r.plane.activity.meter(circuit(1).id).bytes_in < size
        go.set()
        await sending
        assert await client.size(3) == b"all"


@pytest.mark.parametrize("status", [401, 418])
async def test_a_refusal_is_a_page_with_its_number(status):
    async with rig(streams.status(status)) as r:
        page = page_of(await r.get(), str(status))
        assert "Server connection failed" in page
        assert "refresh" not in page
        assert r.gone == []


async def test_a_session_that_the_manager_does_not_know_drops_the_circuit():
    async with rig(streams.status(404)) as r:
        assert "Server connection failed" in page_of(await r.get(), "404")
        await eventually(lambda: bool(r.gone), "the circuit was dropped")
        assert r.gone == [(v1_circuit(), CloseReason.SESSION_ENDED)]


async def test_502_of_a_manager_itself_is_a_failure():
    async with rig(streams.status(502)) as r:
        assert not is_starting(await r.get())


@pytest.mark.parametrize(
    ("mode", "step"),
    [
        (Mode.API, streams.status(500)),
        (Mode.API, streams.status(503)),
        (Mode.API, streams.close(1013)),
        (Mode.API, streams.close(1000)),
        (Mode.SESSION, streams.status(502)),
        (Mode.SESSION, streams.close(1000)),
        (Mode.SESSION, streams.drop()),
    ],
)
async def test_an_app_that_starts_is_a_page_that_reloads_a_bounded_number_of_times(mode, step):
    async with rig(step, mode=mode, pages=3) as r:
        answers = [is_starting(await r.get()) for _ in range(5)]
        assert answers == [True, True, True, False, False]


async def test_the_bound_is_reset_by_an_app_that_answers():
    five_hundred = streams.status(500)
    steps = (five_hundred, five_hundred, streams.answering(APP_SAYS, then=1001), five_hundred)
    async with rig(*steps, pages=2) as r:
        assert is_starting(await r.get())
        assert is_starting(await r.get())
        assert await r.get() == APP_SAYS
        assert is_starting(await r.get())


async def test_the_page_after_the_bound_names_the_number():
    async with rig(streams.status(500), pages=1) as r:
        page_of(await r.get(), "500")
        assert "Server connection failed" in page_of(await r.get(), "500")


async def test_a_dead_app_behind_a_web_server_is_told_by_its_silence():
    """101, then nothing (observed 2)."""
    async with rig(streams.silent, mode=Mode.SESSION, first_byte=0.1, pages=1) as r:
        assert is_starting(await r.get())
        assert "Server connection failed" in page_of(await r.get(), "504")


async def test_silence_says_nothing_about_clients_that_speak_no_http():
    async with rig(streams.silent, mode=Mode.SESSION, first_byte=0.05) as r:
        async with raw_client(r.port) as client:
            await client.send(b"\x00\x01binary")
            await eventually(lambda: bytes(r.manager.received) == b"\x00\x01binary", "all of it")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(client.size(1), 0.3)


@pytest.mark.parametrize("said", [b"", SSH])
async def test_an_app_that_must_greet_and_does_not_is_dead(said):
    """Behind a web server: retried without a word, then closed (design 5.8)."""
    changes = {"first_byte": 0.05, "retries": 1, "app": "sshd"}
    if not said:
        changes["speech"] = 0.2
    async with rig(streams.silent, mode=Mode.SESSION, **changes) as r:
        assert await exchange(r.port, said) == b""
        assert len(r.manager.requests) == 2
        await eventually(lambda: bytes(r.manager.received) == 2 * said, "it was said twice")


async def _said_and_ended(r: Rig, data: bytes) -> bytes:
    async with raw_client(r.port) as client:
        await client.send(data)
        client.half_close()
        return await client.end()


@pytest.mark.parametrize("mode", list(Mode))
async def test_bug_what_a_client_said_before_its_end_was_said_again(mode):
    """A client that only speaks (a log line, say) must not be heard six times."""
    async with rig(streams.silent, mode=mode) as r:
        assert await _said_and_ended(r, b"one log line\n") == b""
        await r.manager.ended.acquire()
        assert bytes(r.manager.received) == b"one log line\n"
        assert len(r.manager.requests) == 1
        assert r.slept.pauses == []


@pytest.mark.parametrize(("mode", "starting"), [(Mode.API, False), (Mode.SESSION, True)])
async def test_an_app_that_is_silent_after_an_http_clients_end_is_told(mode, starting):
    """Only behind a web server may such an app be one that starts."""
    async with rig(streams.silent, mode=mode) as r:
        answer = await _said_and_ended(r, GET)
        assert is_starting(answer) is starting
        assert "504" in page_of(answer)


async def test_a_slow_answer_is_waited_for_once_the_app_has_answered():
    release = asyncio.Event()

    async def slow(manager, request):
        response = await streams._open(manager, request)
        await response.receive()
        await release.wait()
        await response.send_bytes(APP_SAYS)
        await streams._listen(manager, response)
        return response

    quick = streams.answering(APP_SAYS, then=1001)
    async with rig(quick, slow, mode=Mode.SESSION, first_byte=1.5) as r:
        assert await r.get() == APP_SAYS
        async with raw_client(r.port) as client:
            await client.send(GET)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(client.size(1), 2.0)
            release.set()
            assert await client.size(len(APP_SAYS)) == APP_SAYS


async def test_other_clients_are_retried_silently_and_what_they_said_is_said_again():
    steps = (streams.status(500), streams.close(1013), streams.echo)
    async with rig(*steps) as r, raw_client(r.port) as client:
        await client.send(SSH)
        assert await client.size(len(SSH)) == SSH
        assert r.slept.pauses == [1.0, 1.0]
        assert r.plane.activity.meter(circuit(1).id).bytes_in == len(SSH)


async def test_a_client_that_left_is_not_retried_for():
    async with rig(streams.status(500)) as r:
        r.slept.go.clear()
        async with raw_client(r.port) as client:
            await client.send(SSH)
            await eventually(lambda: bool(r.slept.pauses), "it waits for the next try")
            client.reset()
            await eventually(lambda: not r.plane.open.tunnels, "the client has left")
        r.slept.go.set()
        await eventually(lambda: not len(r.plane.tasks), "nobody waits any more")
        assert len(r.manager.requests) == 1


async def test_other_clients_are_closed_without_a_byte_in_the_end():
    async with rig(streams.status(500)) as r:
        assert await exchange(r.port, SSH) == b""
        assert r.slept.pauses == [1.0] * 5
        assert len(r.manager.requests) == 6


@pytest.mark.parametrize("status", [401, 404, 418])
async def test_what_no_waiting_mends_closes_other_clients_at_once(status):
    async with rig(streams.status(status)) as r:
        assert await exchange(r.port, SSH) == b""
        assert len(r.manager.requests) == 1


async def test_a_client_that_said_too_much_is_not_retried():
    async def late(manager, request):
        response = await streams._open(manager, request)
        got = 0
        while got <= REPEAT_LIMIT:
            got += len((await response.receive()).data)
        await response.close(code=1013)
        return response

    async with rig(late) as r, raw_client(r.port) as client:
        await client.send(SSH + bytes(2 * REPEAT_LIMIT))
        assert await client.end() == b""
        assert len(r.manager.requests) == 1


async def test_bug_a_client_that_says_too_much_between_two_tries_lost_its_beginning():
    """The next tunnel must get all or nothing of what was said."""
    async with rig(streams.close(1013), streams.echo) as r, raw_client(r.port) as client:
        r.slept.go.clear()
        await client.send(bytes(REPEAT_LIMIT - 10))
        await eventually(lambda: r.slept.pauses == [1.0], "the pause before the next try")
        await client.send(bytes(20))
        meter = r.plane.activity.meter(circuit(1).id)
        await eventually(lambda: meter.bytes_in == REPEAT_LIMIT + 10, "all was heard")
        r.slept.go.set()
        assert await client.end() == b""
        assert len(r.manager.requests) == 1


async def test_a_client_that_speaks_late_gets_its_page():
    async with rig(streams.status(500), speech=5.0) as r, raw_client(r.port) as client:
        r.slept.go.clear()
        await eventually(lambda: bool(r.slept.pauses), "it waits for the next try")
        await client.send(GET)
        assert is_starting(await client.end())


async def test_a_browser_that_connects_ahead_gets_the_failure_when_it_asks():
    async with rig(streams.status(401), speech=5.0) as r, raw_client(r.port) as client:
        await eventually(lambda: len(r.manager.requests) == 1, "the manager was asked")
        await client.send(GET)
        page_of(await client.end(), "401")


async def test_a_client_that_never_speaks_is_closed():
    async with rig(streams.status(401), speech=0.05) as r, raw_client(r.port) as client:
        assert await client.end() == b""


async def test_the_apps_own_close_is_passed_on_without_words():
    async with rig(streams.close(1001)) as r:
        assert await r.get() == b""
        assert len(r.manager.requests) == 1


async def test_the_apps_end_reaches_the_client_at_once():
    async with rig(streams.answering(b"bye", then=1001)) as r:
        assert await exchange(r.port, b"x") == b"bye"


async def test_a_clients_end_closes_the_tunnel_after_the_apps_last_words():
    async def words(manager, request):
        response = await streams._open(manager, request)
        await response.receive()
        await response.send_bytes(b"first ")
        await asyncio.sleep(0.05)
        await response.send_bytes(b"last")
        await streams._listen(manager, response)
        return response

    async with rig(words, silence=1.5) as r, raw_client(r.port) as client:
        await client.send(b"x")
        client.half_close()
        assert await client.end() == b"first last"
        await r.manager.ended.acquire()
        assert r.manager.close_codes == [1000]


async def test_a_client_that_ends_before_the_app_spoke_still_gets_the_answer():
    async def late(manager, request):
        response = await streams._open(manager, request)
        await response.receive()
        await asyncio.sleep(0.05)
        await response.send_bytes(b"answer")
        await response.close(code=1000)
        return response

    async with rig(late, silence=60.0) as r, raw_client(r.port) as client:
        await client.send(b"x")
        client.half_close()
        assert await client.end() == b"answer"


async def test_a_client_that_leaves_before_the_app_spoke_closes_the_tunnel():
    async with rig(streams.silent) as r:
        async with raw_client(r.port) as client:
            await client.send(SSH)
            await eventually(lambda: bytes(r.manager.received) == SSH, "the bytes arrived")
            client.reset()
            await r.manager.ended.acquire()
        assert r.manager.close_codes == [1000]


async def test_a_client_that_leaves_during_the_handshake_leaves_no_tunnel():
    release = asyncio.Event()

    async def slow(manager, request):
        await release.wait()
        return await streams.silent(manager, request)

    async with rig(slow) as r:
        async with raw_client(r.port) as client:
            await client.send(GET)
            await eventually(lambda: len(r.manager.requests) == 1, "the manager was asked")
            client.reset()
            await eventually(lambda: not r.plane.open.tunnels, "the client has left")
        release.set()
        await r.manager.ended.acquire()
        assert bytes(r.manager.received) == b""


async def test_stopping_during_the_handshake_ends_the_client():
    async def never(manager, request):
        await asyncio.Event().wait()
        raise AssertionError

    async with rig(never) as r, raw_client(r.port) as client:
        await client.send(GET)
        await eventually(lambda: len(r.manager.requests) == 1, "the manager was asked")
        await r.plane.tasks.close()
        with contextlib.suppress(ConnectionResetError):
            assert await client.end() == b""


async def test_stopping_while_a_tunnel_is_on_trial_closes_it():
    async with rig(streams.silent) as r, raw_client(r.port) as client:
        await client.send(GET)
        await eventually(lambda: bytes(r.manager.received) == GET, "the request arrived")
        await r.plane.tasks.close()
        with contextlib.suppress(ConnectionResetError):
            assert await client.end() == b""
        await r.manager.ended.acquire()


async def test_who_is_not_admitted_gets_no_byte_and_no_tunnel():
    async with rig(admit=lambda circuit, peer: False) as r:
        assert await exchange(r.port, GET) == b""
        assert r.manager.requests == []


async def test_a_client_that_ends_before_the_tunnel_is_there_is_still_served():
    release = asyncio.Event()

    async def slow(manager, request):
        await release.wait()
        return await streams.answering(APP_SAYS, then=1000)(manager, request)

    async with rig(slow, silence=60.0) as r, raw_client(r.port) as client:
        await client.send(GET)
        client.half_close()
        await eventually(lambda: len(r.manager.requests) == 1, "the manager was asked")
        await asyncio.sleep(0.02)
        release.set()
        assert await client.end() == APP_SAYS


async def test_a_cut_tunnel_is_no_clean_end():
    async def cut(manager, request):
        response = await streams._open(manager, request)
        await response.receive()
        await response.send_bytes(b"half an ans")
        await response.close(code=1011)
        return response

    async with rig(cut) as r, raw_client(r.port) as client:
        await client.send(b"x")
        assert await client.size(11) == b"half an ans"
        with pytest.raises(ConnectionResetError):
            await client.size(1)


async def test_a_tunnel_cut_with_its_first_bytes_is_no_clean_end():
    """Data and close frame in one segment: both are there before a relay is."""

    async def cut(manager, request):
        response = await streams._open(manager, request)
        await response.receive()
        request.transport.write(b"\x82\x04half" + b"\x88\x02\x03\xf3")
        return response

    async with rig(cut) as r, raw_client(r.port) as client:
        await client.send(b"x")
        assert await client.size(4) == b"half"
        with pytest.raises(ConnectionResetError):
            await client.size(1)


async def test_the_circuits_end_ends_the_tunnel():
    async with rig() as r, raw_client(r.port) as client:
        await client.send(b"x")
        await client.size(1)
        r.plane.open.end_circuit(circuit(1).id, CloseReason.REQUESTED)
        assert await client.end() == b""
        await r.manager.ended.acquire()
        assert r.manager.close_codes == [1000]


async def test_a_head_request_gets_no_body():
    async with rig(streams.status(401)) as r:
        answer = await exchange(r.port, GET.replace(b"GET", b"HEAD"))
        head, _, body = answer.partition(b"\r\n\r\n")
        assert body == b""
        assert re.search(rb"Content-Length: [1-9]\d+", head)


async def test_a_request_that_goes_on_does_not_lose_the_page():
    """A big POST: the page must arrive although the client is still sending."""
    async with rig(streams.status(401)) as r, raw_client(r.port) as client:
        await client.send(b"POST /up HTTP/1.1\r\nContent-Length: 4000000\r\n\r\n")
        await client.send(bytes(4000000))
        client.half_close()
        page_of(await client.end(), "401")


async def test_a_client_that_does_not_close_after_its_page_is_closed():
    async with rig(streams.status(401), linger=0.05) as r, raw_client(r.port) as client:
        await client.send(GET)
        page_of(await client.end(), "401")
        await eventually(lambda: not r.plane.open.tunnels, "it was closed")


def test_only_this_machine_is_admitted():
    made = v1_circuit()
    assert [local_only(made, Peer(host)) for host in ("127.0.0.1", "::1", "", "10.0.0.1")] == [
        True,
        True,
        True,
        False,
    ]


async def test_a_network_error_is_a_page_too():
    async with rig() as r:
        route = ThroughManager("S", "jupyter", "conf")
        nobody = f"http://127.0.0.1:{await unused_port()}"
        configuration = Configuration(nobody, Mode.API, "a", "b")
        opener = ManagerStreams(lambda _: configuration)
        async with raw_plane(opener) as plane:
            made = replace(v1_circuit(), routes=(route,))

            async def gone(circuit: Circuit, reason: CloseReason) -> None:
                raise AssertionError

            async with listening(V1Listener(plane, made, Mode.API, gone)) as port:
                page = page_of(await exchange(port, GET))
        assert "Server connection failed" in page
        assert r.manager.requests == []
