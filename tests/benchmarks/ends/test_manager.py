import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType

from benchmarks.ends.backend import BLOCK, MIB
from benchmarks.ends.manager import DONE
from benchmarks.process import module


@asynccontextmanager
async def stream() -> AsyncIterator[ClientWebSocketResponse]:
    with module("benchmarks.ends.manager") as (_, port):
        async with ClientSession() as session:
            url = f"http://127.0.0.1:{port}/stream/session/bench/httpproxy?app=bench"
            async with session.ws_connect(url, max_msg_size=0, autoping=False) as socket:
                yield socket


def command(letter: bytes, size: int) -> bytes:
    return letter + size.to_bytes(8)


@pytest.mark.parametrize("letter", [b"U", b"u"])
@pytest.mark.parametrize("step", [40_000, 300_000, MIB])
async def test_an_upload_is_confirmed(letter: bytes, step: int) -> None:
    said = command(letter, 2 * MIB) + BLOCK + BLOCK
    async with stream() as socket:
        for at in range(0, len(said), step):
            await socket.send_bytes(said[at : at + step])
        assert await socket.receive_bytes(timeout=10) == DONE


async def test_a_command_may_come_in_pieces() -> None:
    said = command(b"U", MIB)
    async with stream() as socket:
        for byte in said:
            await socket.send_bytes(bytes((byte,)))
        await socket.send_bytes(BLOCK)
        assert await socket.receive_bytes(timeout=10) == DONE


@pytest.mark.parametrize(("letter", "at"), [(b"U", MIB - 1), (b"U", 0), (b"u", 3)])
async def test_other_bytes_close_the_stream(letter: bytes, at: int) -> None:
    wrong = bytearray(BLOCK)
    wrong[at] ^= 1
    async with stream() as socket:
        await socket.send_bytes(command(letter, MIB))
        await socket.send_bytes(bytes(wrong))
        assert (await socket.receive(timeout=10)).type is not WSMsgType.BINARY


async def test_more_than_was_promised_closes_the_stream() -> None:
    async with stream() as socket:
        await socket.send_bytes(command(b"u", 10) + BLOCK[:11])
        assert (await socket.receive(timeout=10)).type is not WSMsgType.BINARY


async def test_a_download_brings_the_block_again_and_again() -> None:
    async with stream() as socket:
        await socket.send_bytes(command(b"D", 3 * MIB))
        got = b""
        while len(got) < 3 * MIB:
            got += await socket.receive_bytes(timeout=10)
        assert got == BLOCK * 3


async def test_pings_and_the_farewell_are_answered() -> None:
    async with stream() as socket:
        await socket.ping(b"are you there")
        pong = await socket.receive(timeout=10)
        assert (pong.type, bytes(pong.data)) == (WSMsgType.PONG, b"are you there")
        await socket.pong(b"unasked")
        await asyncio.wait_for(socket.close(code=1000), 10)
        assert socket.close_code == 1000
