"""Tunnels against a real WebSocket server in the place of the manager."""

import asyncio
import contextlib
import hashlib
import os
import socket
from base64 import b64encode
from collections.abc import AsyncIterator

import pytest
from aiohttp import WSMsgType

from tests.support import streams
from tests.support.apps import unused_port
from tests.support.streams import KEYS, StreamManager, stream_manager
from wsproxy.compat.zoo.keeper import tls_context
from wsproxy.core.circuit import ThroughManager
from wsproxy.core.configuration import AuthMode, Configuration, Mode
from wsproxy.core.failure import Failure, FailureKind, Side
from wsproxy.manager.handshake import HandshakeRules
from wsproxy.manager.stream import ManagerStreams, StreamRules
from wsproxy.manager.tunnel import Tunnel, TunnelClosed, TunnelRules
from wsproxy.net.sockets import undelivered

ACCESS, SECRET = next(iter(KEYS.items()))
ROUTE = ThroughManager("3f1c0b3e", "jupyter", "conf")
LONG = 3600.0
QUIET = TunnelRules(ping=LONG, silence=LONG)
DEADLINE = 60


class Sink(asyncio.Protocol):
    """Collects what comes out of a tunnel."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.grew = asyncio.Event()
        self.lost: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
        self.paused = 0
        self.resumed = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        self.data += data
        self.grew.set()

    def connection_lost(self, error: Exception | None) -> None:
        self.lost.set_result(error)

    def pause_writing(self) -> None:
        self.paused += 1

    def resume_writing(self) -> None:
        self.resumed.set()

    async def until(self, size: int) -> bytes:
        while len(self.data) < size:
            self.grew.clear()
            await self.grew.wait()
        return bytes(self.data)


def api(manager: StreamManager, version: float = 9.0) -> Configuration:
    return Configuration(manager.url, Mode.API, ACCESS, SECRET, api_version=version)


def session(manager: StreamManager, how: AuthMode = AuthMode.COOKIE) -> Configuration:
    return Configuration(
        manager.url, Mode.SESSION, session="c987994b", api_version=7.0, auth_mode=how
    )


@contextlib.asynccontextmanager
async def streams_of(
    configuration: Configuration | None, rules: StreamRules | None = None
) -> AsyncIterator[ManagerStreams]:
    made = ManagerStreams(lambda _: configuration, rules or StreamRules(tunnel=QUIET))
    async with asyncio.timeout(DEADLINE):
        try:
            yield made
        finally:
            await made.close()


@pytest.fixture
async def manager() -> AsyncIterator[StreamManager]:
    async with stream_manager() as made:
        yield made


async def opened(made: ManagerStreams, route: ThroughManager = ROUTE) -> tuple[Tunnel, Sink]:
    outcome = await made.open(route, Sink)
    assert not isinstance(outcome, Failure), outcome
    tunnel, sink = outcome
    assert isinstance(tunnel, Tunnel)
    assert isinstance(sink, Sink)
    return tunnel, sink


async def refused(made: ManagerStreams) -> Failure:
    outcome = await made.open(ROUTE, Sink)
    assert isinstance(outcome, Failure)
    return outcome


async def test_bytes_pass_both_ways_and_the_handshake_is_signed(manager):
    async with streams_of(api(manager)) as made:
        tunnel, sink = await opened(made)
        tunnel.write(b"hello")
        assert await sink.until(5) == b"hello"
    await manager.ended.acquire()
    request = manager.requests[0]
    assert request.raw_path == "/stream/session/3f1c0b3e/httpproxy?app=jupyter"
    assert manager.signer(request) == ACCESS
    assert "Sec-WebSocket-Extensions" not in request.headers
    assert "Date" not in request.headers
    assert manager.close_codes == [1000]


async def test_the_exact_text_of_envs_and_arguments_is_signed_and_sent(manager):
    route = ThroughManager("S", "my app", "c", '{"A":"b c&d"}', '{"--x":"1"}')
    async with streams_of(api(manager)) as made:
        await opened(made, route)
    request = manager.requests[0]
    assert request.raw_path.endswith(
        "?app=my%20app&envs=%7B%22A%22:%22b%20c%26d%22%7D&arguments=%7B%22--x%22:%221%22%7D"
    )
    assert request.query["envs"] == '{"A":"b c&d"}'
    assert manager.signer(request) == ACCESS


async def test_every_tunnel_is_signed_with_its_own_date(manager):
    async with streams_of(api(manager)) as made:
        await opened(made)
        await asyncio.sleep(0.005)
        await opened(made)
    first, second = manager.requests
    assert first.headers["X-BackendAI-Date"] != second.headers["X-BackendAI-Date"]
    assert manager.signer(first) == manager.signer(second) == ACCESS


async def test_session_mode_sends_the_session_once_by_cookie(manager):
    async with streams_of(session(manager)) as made:
        await opened(made)
    request = manager.requests[0]
    assert request.raw_path.startswith("/func/stream/session/")
    assert request.headers["Cookie"] == "AIOHTTP_SESSION=c987994b"
    assert "X-BackendAI-SessionID" not in request.headers
    assert "Authorization" not in request.headers


async def test_session_mode_sends_the_session_once_by_header(manager):
    async with streams_of(session(manager, AuthMode.HEADER)) as made:
        await opened(made)
    request = manager.requests[0]
    assert request.headers["X-BackendAI-SessionID"] == "c987994b"
    assert "Cookie" not in request.headers


@pytest.mark.parametrize("code", [400, 401, 404, 418, 500, 502, 503])
async def test_a_refused_handshake_keeps_its_status(manager, code):
    manager.script(streams.status(code))
    async with streams_of(api(manager)) as made:
        failure = await refused(made)
    assert (failure.kind, failure.side) == (FailureKind.MANAGER_REFUSED, Side.MANAGER)
    assert failure.status == code


async def test_a_redirect_is_a_refusal_and_takes_no_secret_elsewhere(manager):
    manager.script(streams.status(302, {"Location": f"{manager.url}/stream/session/x/httpproxy"}))
    async with streams_of(session(manager)) as made:
        assert (await refused(made)).status == 302
    assert len(manager.requests) == 1


async def test_a_clock_that_is_off_is_named_in_the_refusal(manager):
    manager.script(streams.status(401, {"Date": "Mon, 01 Jan 2024 00:00:00 GMT"}))
    async with streams_of(api(manager)) as made:
        assert "clock" in (await refused(made)).detail


async def test_a_manager_that_is_not_there_is_refused():
    configuration = Configuration(f"http://127.0.0.1:{await unused_port()}", Mode.API, "a", "b")
    async with streams_of(configuration) as made:
        failure = await refused(made)
    assert (failure.kind, failure.side) == (FailureKind.REFUSED, Side.MANAGER)


ANSWERS = [
    (b"", FailureKind.CLOSED_EARLY),
    (b"SSH-2.0-OpenSSH\r\n", FailureKind.MALFORMED_ANSWER),
    (b"HTTP/1.1 101 ok\r\nUpgrade: websocket\r\n\r\n", FailureKind.MALFORMED_ANSWER),
    (b"HTTP/1.1 abc\r\n\r\n", FailureKind.MALFORMED_ANSWER),
    (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70000, FailureKind.MALFORMED_ANSWER),
]


@pytest.mark.parametrize(("answer", "kind"), ANSWERS)
async def test_a_manager_that_is_none(answer, kind):
    async def serve(reader, writer):
        await reader.read(100)
        writer.write(answer)
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        configuration = Configuration(f"http://127.0.0.1:{port}", Mode.API, "a", "b")
        async with streams_of(configuration) as made:
            failure = await refused(made)
    assert (failure.kind, failure.side) == (kind, Side.MANAGER)


async def test_a_manager_that_never_answers_has_a_deadline():
    gone = asyncio.Event()

    async def serve(reader, writer):
        await reader.read()
        gone.set()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        configuration = Configuration(f"http://127.0.0.1:{port}", Mode.API, "a", "b")
        rules = StreamRules(handshake=HandshakeRules(answer=0.1))
        async with streams_of(configuration, rules) as made:
            assert (await refused(made)).kind is FailureKind.CONNECT_TIMEOUT
            await gone.wait()


async def test_a_configuration_that_is_gone_is_said():
    async with streams_of(None) as made:
        assert (await refused(made)).kind is FailureKind.NO_ROUTE


@pytest.mark.parametrize("code", [1011, 1013, 4000])
async def test_a_close_that_is_no_clean_end_is_known_with_its_code(manager, code):
    manager.script(streams.close(code))
    async with streams_of(api(manager)) as made:
        tunnel, sink = await opened(made)
        error = await sink.lost
    assert isinstance(error, TunnelClosed)
    assert error.code == tunnel.close_code == code


@pytest.mark.parametrize("code", [1000, 1001])
async def test_the_apps_end_is_a_clean_end(manager, code):
    manager.script(streams.answering(b"bye", then=code))
    async with streams_of(api(manager)) as made:
        tunnel, sink = await opened(made)
        tunnel.write(b"x")
        assert await sink.lost is None
        assert sink.data == b"bye"
        assert tunnel.close_code == code


async def test_a_cut_is_an_error_in_api_mode_and_an_end_through_a_web_server(manager):
    manager.script(streams.drop())
    async with streams_of(api(manager)) as made:
        _, sink = await opened(made)
        error = await sink.lost
        assert isinstance(error, TunnelClosed)
        assert error.code == 1006
    async with streams_of(session(manager)) as made:
        _, sink = await opened(made)
        assert await sink.lost is None


async def test_64_mib_pass_with_equal_hashes_in_small_frames(manager):
    async with streams_of(api(manager)) as made:
        tunnel, sink = await opened(made)
        block = os.urandom(1 << 20)
        sent, got = hashlib.sha256(), hashlib.sha256()
        for _ in range(64):
            sink.data.clear()
            tunnel.write(block)
            sent.update(block)
            got.update(await sink.until(1 << 20))
        assert sent.digest() == got.digest()
    assert manager.largest_frame <= 256 * 1024


async def test_one_message_of_20_mib_is_accepted(manager):
    body = os.urandom(20 << 20)
    manager.script(streams.answering(body))
    async with streams_of(api(manager)) as made:
        tunnel, sink = await opened(made)
        tunnel.write(b"x")
        assert hashlib.sha256(await sink.until(len(body))).digest() == hashlib.sha256(body).digest()


async def test_a_reader_that_pauses_stops_the_manager(manager):
    body = os.urandom(48 << 20)
    manager.script(streams.answering(body))
    async with streams_of(api(manager)) as made:
        tunnel, sink = await opened(made)
        tunnel.write(b"x")
        await sink.until(1)
        tunnel.pause_reading()
        before = len(sink.data)
        await asyncio.sleep(0.2)
        assert len(sink.data) == before < len(body)
        tunnel.resume_reading()
        assert len(await sink.until(len(body))) == len(body)


async def test_a_manager_that_does_not_read_pauses_the_writer():
    reading = asyncio.Event()
    got = bytearray()

    async def deaf(manager, request):
        response = await streams._open(manager, request)
        await reading.wait()
        async for message in response:
            got.extend(message.data)
        return response

    async with stream_manager() as manager:
        manager.script(deaf)
        async with streams_of(api(manager)) as made:
            tunnel, sink = await opened(made)
            block = bytes(1 << 20)
            sent = 0
            while not sink.paused:
                tunnel.write(block)
                sent += len(block)
                await asyncio.sleep(0)
            assert tunnel.get_write_buffer_size() > 0
            reading.set()
            await sink.resumed.wait()
            tunnel.close()
            await sink.lost
    assert len(got) == sent


async def test_pings_are_sent_and_a_manager_that_answers_none_is_given_up(manager):
    """Two that are answered would be one too many without the answers."""
    manager.script(streams.echo, streams.silent)
    rules = StreamRules(tunnel=TunnelRules(ping=0.8))
    async with streams_of(api(manager), rules) as made:
        tunnel, sink = await opened(made)
        for _ in range(3):
            await manager.pings.acquire()
        assert not sink.lost.done()
        assert not tunnel.is_closing()
        _, deaf = await opened(made)
        error = await deaf.lost
        assert isinstance(error, TunnelClosed)
        assert error.code == 1006


async def test_who_pauses_reading_is_not_given_up(manager):
    rules = StreamRules(tunnel=TunnelRules(ping=0.8))
    async with streams_of(api(manager), rules) as made:
        tunnel, sink = await opened(made)
        tunnel.pause_reading()
        for _ in range(3):
            await manager.pings.acquire()
        assert not sink.lost.done()
        tunnel.resume_reading()
        tunnel.write(b"alive")
        assert await sink.until(5) == b"alive"


async def test_after_the_clients_end_the_app_may_go_on_until_it_is_silent(manager):
    more = asyncio.Event()

    async def late(manager, request):
        response = await streams._open(manager, request)
        await response.receive()
        for number in range(5):
            await asyncio.sleep(0.4)
            await response.send_bytes(b"part%d" % number)
        more.set()
        await streams._listen(manager, response)
        return response

    manager.script(late)
    rules = StreamRules(tunnel=TunnelRules(ping=LONG, silence=1.5))
    async with streams_of(api(manager), rules) as made:
        tunnel, sink = await opened(made)
        tunnel.write(b"last words")
        tunnel.write_eof()
        tunnel.write(b"not any more")
        assert await sink.lost is None
        assert sink.data == b"part0part1part2part3part4"
        assert tunnel.close_code == 1000
        await manager.ended.acquire()
    assert manager.close_codes == [1000]
    assert manager.received == b""


async def test_a_slow_client_is_not_mistaken_for_a_silent_app(manager):
    rules = StreamRules(tunnel=TunnelRules(ping=LONG, silence=0.05))
    async with streams_of(api(manager), rules) as made:
        tunnel, sink = await opened(made)
        tunnel.write_eof()
        tunnel.pause_reading()
        await asyncio.sleep(0.15)
        assert not sink.lost.done()
        tunnel.resume_reading()
        assert await sink.lost is None


async def _upload_to(manager: StreamManager, rules: TunnelRules, *, half_close: bool) -> None:
    body = bytes(24 << 20)
    async with streams_of(api(manager), StreamRules(tunnel=rules)) as made:
        tunnel, sink = await opened(made)
        tunnel.write(body)
        if half_close:
            tunnel.write_eof()
        else:
            tunnel.close()
        await sink.lost
        await manager.ended.acquire()
    assert len(manager.received) == len(body)
    assert manager.close_codes == [1000]


async def test_bug_what_was_still_on_its_way_counted_as_silence_of_the_app(manager):
    """A client ends its upload, and the manager reads it later than ``silence``."""

    async def late(manager, request):
        response = await streams._open(manager, request)
        await asyncio.sleep(0.5)
        await streams._listen(manager, response)
        return response

    manager.script(late)
    rules = TunnelRules(ping=LONG, silence=0.1, farewell=10.0)
    await _upload_to(manager, rules, half_close=True)


async def test_bug_a_slow_manager_lost_the_end_of_what_was_written(manager):
    """It reads all the time, but for longer than ``farewell``."""

    async def slow(manager, request):
        response = await streams._open(manager, request)

        async def pause(data):
            await asyncio.sleep(0.05)

        await streams._listen(manager, response, pause)
        return response

    manager.script(slow)
    rules = TunnelRules(ping=LONG, silence=0.1, farewell=3.0)
    await _upload_to(manager, rules, half_close=False)


@pytest.mark.parametrize("end", [Tunnel.close, Tunnel.write_eof])
async def test_bug_what_the_system_still_kept_counted_as_gone(end):
    """The manager takes it a little at a time, pings, and says something when it has all."""
    loop, size, answer = asyncio.get_running_loop(), 200_000, b"\x82\x06thanks"

    async def manager_of(listener: socket.socket) -> int:
        sock, _ = await loop.sock_accept(listener)
        with sock:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += await loop.sock_recv(sock, 4096)
            await loop.sock_sendall(sock, _accepting(head))
            received = 0
            for _ in range(40):
                received += len(await loop.sock_recv(sock, 2048))
                await loop.sock_sendall(sock, b"\x89\x00")
                await asyncio.sleep(0.06)
            while received < size:
                received += len(await loop.sock_recv(sock, 1 << 16))
            await loop.sock_sendall(sock, answer + b"\x88\x02\x03\xe8")
            while more := await loop.sock_recv(sock, 1 << 16):
                received += len(more)
            return received

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        listener.setblocking(False)
        served = asyncio.create_task(manager_of(listener))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        rules = StreamRules(tunnel=TunnelRules(ping=LONG, silence=1.5, farewell=1.5))
        async with streams_of(Configuration(url, Mode.API, "a", "b"), rules) as made:
            tunnel, sink = await opened(made)
            tunnel.write(bytes(size))
            assert not tunnel.get_write_buffer_size()
            assert undelivered(tunnel)  # a relay that closes looks at that
            end(tunnel)
            assert await served > size
            assert await sink.lost is None
            assert bytes(sink.data) == (b"thanks" if end is Tunnel.write_eof else b"")


async def test_stopping_waits_for_no_manager_that_takes_nothing():
    async def deaf(manager, request):
        response = await streams._open(manager, request)
        manager.ended.release()
        await asyncio.sleep(LONG)
        return response

    async with stream_manager() as manager:
        manager.script(deaf)
        rules = StreamRules(tunnel=TunnelRules(ping=LONG, silence=LONG, farewell=0.1))
        async with streams_of(api(manager), rules) as made:
            tunnel, sink = await opened(made)
            tunnel.write(bytes(24 << 20))
            await made.close()
            assert sink.lost.done()


@pytest.mark.parametrize("configure", [api, session])
async def test_bug_ext_http_proxy_is_used_in_both_modes(manager, configure):
    async with connect_proxy() as (url, seen):
        rules = StreamRules(tunnel=QUIET, http_proxy=url)
        async with streams_of(configure(manager), rules) as made:
            tunnel, sink = await opened(made)
            tunnel.write(b"through")
            assert await sink.until(7) == b"through"
    host = manager.url.removeprefix("http://")
    assert seen == [f"CONNECT {host} HTTP/1.1"]


async def test_a_proxy_that_refuses_is_named(manager):
    async with connect_proxy(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n") as (url, _):
        rules = StreamRules(tunnel=QUIET, http_proxy=url)
        async with streams_of(api(manager), rules) as made:
            failure = await refused(made)
    assert failure.kind is FailureKind.UNREACHABLE
    assert "407" in failure.detail


async def test_a_manager_with_tls():
    async with stream_manager(tls_context("good")) as manager:
        rules = StreamRules(HandshakeRules(verify_tls=False), QUIET)
        async with streams_of(api(manager), rules) as made:
            tunnel, sink = await opened(made)
            tunnel.write(b"secret")
            assert await sink.until(6) == b"secret"
        assert manager.signer(manager.requests[0]) == ACCESS


async def test_a_manager_with_tls_behind_a_proxy():
    async with stream_manager(tls_context("good")) as manager, connect_proxy() as (url, seen):
        rules = StreamRules(HandshakeRules(verify_tls=False), QUIET, url)
        async with streams_of(session(manager), rules) as made:
            tunnel, sink = await opened(made)
            tunnel.write(b"secret")
            assert await sink.until(6) == b"secret"
        host = manager.url.removeprefix("https://")
        assert seen == [f"CONNECT {host} HTTP/1.1"]


async def test_a_certificate_nobody_trusts_is_a_tls_failure():
    async with stream_manager(tls_context("good")) as manager:
        async with streams_of(api(manager)) as made:
            failure = await refused(made)
        assert (failure.kind, failure.side) == (FailureKind.TLS, Side.MANAGER)
        assert manager.requests == []


async def test_a_caller_that_gives_up_leaves_no_connection():
    asked, gone = asyncio.Event(), asyncio.Event()

    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        asked.set()
        await reader.read()
        gone.set()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        configuration = Configuration(f"http://127.0.0.1:{port}", Mode.API, "a", "b")
        async with streams_of(configuration) as made:
            opening = asyncio.create_task(made.open(ROUTE, Sink))
            await asked.wait()
            opening.cancel()
            with pytest.raises(asyncio.CancelledError):
                await opening
            await gone.wait()


async def test_a_tunnel_is_a_transport(manager):
    async with streams_of(api(manager)) as made:
        tunnel, sink = await opened(made)
        assert tunnel.get_protocol() is sink
        assert tunnel.can_write_eof()
        assert tunnel.is_reading()
        assert tunnel.get_extra_info("peername")[0] == "127.0.0.1"
        assert tunnel.get_extra_info("socket") is None
        assert "open" in repr(tunnel)
        tunnel.set_write_buffer_limits(high=1 << 16)
        other = Sink()
        tunnel.set_protocol(other)
        tunnel.write(memoryview(b"view"))
        assert await other.until(4) == b"view"
        assert sink.data == b""
        tunnel.close()
        tunnel.close()
        assert await other.lost is None
        assert "closing" in repr(tunnel)
        tunnel.write_eof()
        tunnel.write_eof()


async def test_a_peer_that_never_says_goodbye_is_not_waited_for():
    async def rude(manager, request):
        response = await streams._open(manager, request)
        await asyncio.Event().wait()
        return response

    async with stream_manager() as manager:
        manager.script(rude)
        rules = StreamRules(tunnel=TunnelRules(farewell=0.05))
        async with streams_of(api(manager), rules) as made:
            tunnel, sink = await opened(made)
            tunnel.close()
            assert await sink.lost is None


async def test_half_a_close_code_breaks_the_protocol():
    async def half(manager, request):
        response = await streams._open(manager, request)
        request.transport.write(b"\x88\x01x")
        await response.receive()
        return response

    async with stream_manager() as manager:
        manager.script(half)
        async with streams_of(api(manager)) as made:
            tunnel, sink = await opened(made)
            assert isinstance(await sink.lost, TunnelClosed)
            assert tunnel.close_code == 1002


async def test_a_managers_ping_is_answered():
    ponged = asyncio.Event()

    async def pinging(manager, request):
        response = await streams._open(manager, request)
        await response.ping(b"there?")
        message = await response.receive()
        assert (message.type, message.data) == (WSMsgType.PONG, b"there?")
        ponged.set()
        await streams._listen(manager, response)
        return response

    async with stream_manager() as manager:
        manager.script(pinging)
        async with streams_of(api(manager)) as made:
            await opened(made)
            await ponged.wait()


@contextlib.asynccontextmanager
async def connect_proxy(refusal: bytes = b"") -> AsyncIterator[tuple[str, list[str]]]:
    """A real HTTP CONNECT proxy; yields its URL and the request lines it saw."""
    seen: list[str] = []
    tasks: set[asyncio.Task[None]] = set()

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 16):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def serve(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        line = head.split(b"\r\n")[0].decode()
        seen.append(line)
        if refusal:
            writer.write(refusal)
            writer.close()
            return
        host, _, port = line.split()[1].rpartition(":")
        upstream_reader, upstream_writer = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        for pair in ((reader, upstream_writer), (upstream_reader, writer)):
            tasks.add(asyncio.get_running_loop().create_task(copy(*pair)))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", seen
    finally:
        server.close()
        await server.wait_closed()
        await asyncio.gather(*tasks)


async def test_close_says_goodbye_to_all_and_opens_no_more(manager):
    made = ManagerStreams(lambda _: api(manager), StreamRules(tunnel=QUIET))
    _, first = await opened(made)
    _, second = await opened(made)
    assert len(made) == 2
    await made.close()
    await made.close()
    assert len(made) == 0
    assert first.lost.result() is second.lost.result() is None
    assert (await refused(made)).kind is FailureKind.SHUTTING_DOWN
    for _ in range(2):
        await manager.ended.acquire()
    assert manager.close_codes == [1000, 1000]


async def test_abort_ends_at_once(manager):
    async with streams_of(api(manager)) as made:
        tunnel, sink = await opened(made)
        tunnel.abort()
        tunnel.abort()
        await sink.lost
        assert tunnel.is_closing()
        tunnel.write(b"into the void")
        tunnel.pause_reading()
        tunnel.close()


async def test_a_manager_that_breaks_the_protocol_is_hung_up_on():
    async def serve(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        writer.write(_accepting(head) + b"\xf2\x01x")  # reserved bits
        await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        configuration = Configuration(f"http://127.0.0.1:{port}", Mode.API, "a", "b")
        async with streams_of(configuration) as made:
            tunnel, sink = await opened(made)
            error = await sink.lost
    assert isinstance(error, TunnelClosed)
    assert tunnel.close_code == 1002


def _accepting(head: bytes) -> bytes:
    key = next(
        line.split(b": ")[1]
        for line in head.split(b"\r\n")
        if line.startswith(b"Sec-WebSocket-Key")
    )
    accept = b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
    )


def test_secrets_are_never_shown():
    configuration = Configuration("http://m", Mode.SESSION, "AK", "SECRETKEY", "SESSIONID")
    rules = StreamRules(http_proxy="http://user:password@proxy:3128")
    shown = repr(configuration) + repr(rules)
    assert not any(word in shown for word in ("SECRETKEY", "SESSIONID", "password"))
