"""The small apps of the demo, used directly: what they give is what the gateway must carry."""

import asyncio
import hashlib
from urllib.parse import quote

import pytest
from yarl import URL

from wsproxy.sim import transfer
from wsproxy.sim.echo import Echo
from wsproxy.sim.shelf import Shelf
from wsproxy.sim.visitor import VisitError, new_http


@pytest.fixture
async def echo():
    app = await Echo().start()
    yield app
    await app.close()


@pytest.fixture
async def shelf(tmp_path):
    app = await Shelf(tmp_path).start()
    yield app
    await app.close()


async def test_what_was_put_on_the_shelf_comes_back_byte_for_byte(shelf, tmp_path):
    size = 3 * 1024 * 1024 + 17
    url = URL(f"http://127.0.0.1:{shelf.port}/shelf/blob.bin")
    async with new_http() as http:
        sent = await transfer.upload(http, url, size, seed=7)
        assert await transfer.download(http, url) == (size, sent)
        assert (await http.get(url.origin())).status == 200
    assert hashlib.sha256((tmp_path / "blob.bin").read_bytes()).hexdigest() == sent


def test_made_up_bytes_repeat_for_a_seed_and_differ_between_seeds():
    first, again, other = (b"".join(transfer.made_up(2_000_000, seed)) for seed in (1, 1, 2))
    assert first == again != other
    assert len(first) == 2_000_000


@pytest.mark.parametrize("name", ["..", ".hidden", quote("a/../../b", safe=""), "x" * 65])
async def test_the_shelf_keeps_to_its_directory(shelf, name):
    url = URL(f"http://127.0.0.1:{shelf.port}/shelf/{name}", encoded=True)
    async with new_http() as http:
        async with http.put(url, data=b"x") as answer:
            assert answer.status in (400, 404)


async def test_a_missing_file_fails_the_transfer_with_its_status(shelf):
    async with new_http() as http:
        with pytest.raises(VisitError, match="404"):
            await transfer.download(http, URL(f"http://127.0.0.1:{shelf.port}/shelf/none"))
        with pytest.raises(VisitError, match="405"):
            await transfer.upload(http, URL(f"http://127.0.0.1:{shelf.port}/"), 1, seed=1)


async def test_echo_sends_back_and_ends_after_a_half_close(echo):
    await transfer.echo("127.0.0.1", echo.port, b"ping" * 1000)
    reader, writer = await asyncio.open_connection("127.0.0.1", echo.port)
    writer.write(b"last words")
    writer.write_eof()
    assert (await reader.read()).endswith(b"last words")
    writer.close()
    await writer.wait_closed()


async def test_closing_the_echo_drops_open_connections(echo):
    reader, writer = await asyncio.open_connection("127.0.0.1", echo.port)
    await reader.readline()
    await echo.close()
    assert await reader.read() == b""
    writer.close()
    await echo.close()


async def broken(answer: bytes):
    """A TCP app that says one thing and closes."""

    async def talk(reader, writer):
        writer.write(answer)
        await writer.drain()
        if not answer.startswith(b"wsproxy"):
            await reader.read(1)
        writer.close()

    return await asyncio.start_server(talk, "127.0.0.1", 0)


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (b"SSH-2.0-OpenSSH_9.9\r\n", "greeted"),
        (b"wsproxy demo echo\r\n", "closed after"),
        (b"wsproxy demo echo\r\nnot you", "differs"),
    ],
)
async def test_an_echo_that_lies_is_noticed(answer, complaint):
    server = await broken(answer)
    port = server.sockets[0].getsockname()[1]
    async with server:
        with pytest.raises(VisitError, match=complaint):
            await transfer.echo("127.0.0.1", port, b"not me!")
