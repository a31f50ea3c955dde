"""A v1 listener in this process, against a simulated manager and its web server."""

import asyncio
import errno
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from tests.support.apps import unused_port
from wsproxy.cli.local import Local, run_local_v1
from wsproxy.core.configuration import Configuration, Mode
from wsproxy.net.binding import PortTaken
from wsproxy.sim.echo import GREETING, Echo
from wsproxy.sim.installation import Installation, installation
from wsproxy.sim.world import App, Keypair, World

USER = Keypair("AKUSER", "secret-of-the-user")
WAIT = 30.0


@asynccontextmanager
async def small_world() -> AsyncIterator[Installation]:
    """One session "work" with one TCP app "echo"."""
    world = World()
    world.add_user(USER)
    world.add_group("local")
    echo = await Echo().start()
    world.add_session(
        "work", "local", USER.access_key, App("echo", "127.0.0.1", echo.port, protocol="tcp")
    )
    async with installation(world) as running:
        yield running
    await echo.close()


def who(running: Installation, mode: Mode = Mode.API) -> Configuration:
    if mode is Mode.SESSION:
        login = running.world.log_in(USER.access_key)
        return Configuration(running.webserver, mode, session=login, api_version=8)
    return Configuration(running.endpoint, mode, USER.access_key, USER.secret_key, api_version=8)


async def echoed(local: Local, text: bytes) -> bytes:
    """Say it to the app through the listener; what comes back."""
    async with asyncio.timeout(WAIT):
        reader, writer = await asyncio.open_connection(local.host, local.port)
        assert await reader.readexactly(len(GREETING)) == GREETING
        writer.write(text)
        back = await reader.readexactly(len(text))
        writer.close()
        await writer.wait_closed()
        return back


@pytest.mark.parametrize("mode", Mode)
async def test_bytes_pass_in_both_modes(mode):
    async with small_world() as running, run_local_v1(who(running, mode), "work", "echo") as local:
        assert await asyncio.gather(*(echoed(local, bytes([n]) * 50_000) for n in range(3))) == [
            bytes([n]) * 50_000 for n in range(3)
        ]
        assert not local.gone.is_set()


async def test_a_session_that_is_gone_is_noticed():
    async with small_world() as running, run_local_v1(who(running), "other", "echo") as local:
        async with asyncio.timeout(WAIT):
            reader, writer = await asyncio.open_connection(local.host, local.port)
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            page = await reader.read()
            await local.gone.wait()
            writer.close()
            await writer.wait_closed()
    assert page.startswith(b"HTTP/1.1 503 ") and b"404" in page


async def test_the_end_ends_tunnels_and_frees_the_port():
    async with small_world() as running, asyncio.timeout(WAIT):
        port = await unused_port()  # below those that the system may give to somebody else
        async with run_local_v1(who(running), "work", "echo", port=port) as local:
            reader, writer = await asyncio.open_connection(local.host, local.port)
            assert await reader.readexactly(len(GREETING)) == GREETING
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()
        with pytest.raises(OSError):
            await asyncio.open_connection(local.host, local.port)
        async with run_local_v1(who(running), "work", "echo", port=local.port) as again:
            assert again.port == local.port
            with pytest.raises(PortTaken):
                async with run_local_v1(who(running), "work", "echo", port=local.port):
                    pass


async def test_a_client_that_reset_its_connection_hides_nothing(monkeypatch):
    """Its end is not noticed yet when the page is sent: the session is gone all the same."""

    def reset(transport: object) -> None:
        raise OSError(errno.ENOTCONN, "Transport endpoint is not connected")

    async with small_world() as running, run_local_v1(who(running), "other", "echo") as local:
        async with asyncio.timeout(WAIT):
            _, writer = await asyncio.open_connection(local.host, local.port)
            monkeypatch.setattr(type(writer.transport), "write_eof", reset)
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            await local.gone.wait()
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
