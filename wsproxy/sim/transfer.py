"""Moves many bytes through an app and compares hashes."""

import asyncio
import hashlib
import random
from collections.abc import AsyncIterator, Iterator

from aiohttp import ClientSession
from yarl import URL

from wsproxy.sim.echo import GREETING
from wsproxy.sim.visitor import VisitError

CHUNK = 1 << 20


def made_up(size: int, seed: int) -> Iterator[bytes]:
    """``size`` bytes that look random and are the same for the same seed."""
    source = random.Random(seed)
    for start in range(0, size, CHUNK):
        yield source.randbytes(min(CHUNK, size - start))


async def upload(http: ClientSession, url: URL, size: int, seed: int) -> str:
    """PUT ``size`` made-up bytes, streamed; returns their SHA-256."""
    digest = hashlib.sha256()

    async def body() -> AsyncIterator[bytes]:
        for chunk in made_up(size, seed):
            digest.update(chunk)
            yield chunk

    async with http.put(url, data=body()) as answer:
        text = await answer.text()
        if answer.status != 201:
            raise VisitError(f"upload answered {answer.status}: {text[:300]}")
    return digest.hexdigest()


async def download(http: ClientSession, url: URL) -> tuple[int, str]:
    """GET; the size of the body and its SHA-256."""
    digest, size = hashlib.sha256(), 0
    async with http.get(url) as answer:
        if answer.status != 200:
            raise VisitError(f"download answered {answer.status}")
        async for chunk in answer.content.iter_any():
            digest.update(chunk)
            size += len(chunk)
    return size, digest.hexdigest()


async def echo(host: str, port: int, text: bytes) -> None:
    """Read the greeting, send, half-close, and expect the same bytes and then the end."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        if (greeting := await reader.readexactly(len(GREETING))) != GREETING:
            raise VisitError(f"the app greeted with {greeting!r}")
        writer.write(text)
        back = await reader.readexactly(len(text))
        if back != text:
            raise VisitError("the echo differs from what was sent")
    except asyncio.IncompleteReadError as error:
        raise VisitError(f"the app closed after {len(error.partial)} bytes") from error
    finally:
        writer.close()
        await writer.wait_closed()
