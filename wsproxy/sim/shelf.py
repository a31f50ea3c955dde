"""A small HTTP app that keeps raw bytes, so that a transfer can be compared by its hash.

``PUT /shelf/<name>`` stores a file of the directory, ``GET /shelf/<name>`` gives it back.
"""

import asyncio
import re
from pathlib import Path
from typing import Self

from aiohttp import web

from wsproxy.sim.site import Site

CHUNK = 1 << 18
NAME = re.compile(r"\w[\w.-]{0,63}")


class Shelf:
    """Raw upload and download of files of one directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._site: Site | None = None

    @property
    def port(self) -> int:
        return self._site.port if self._site else 0

    async def start(self) -> Self:
        app = web.Application()
        app.add_routes(
            [
                web.get("/", _welcome),
                web.put("/shelf/{name}", self._store),
                web.get("/shelf/{name}", self._give),
            ]
        )
        self._site = await Site(app).start()
        return self

    def _path(self, request: web.Request) -> Path:
        name = request.match_info["name"]
        if not NAME.fullmatch(name):
            raise web.HTTPBadRequest(text=f"Not a file name: use {NAME.pattern}")
        return self._directory / name

    async def _store(self, request: web.Request) -> web.Response:
        size = 0
        with await asyncio.to_thread(self._path(request).open, "wb") as file:
            async for chunk in request.content.iter_any():
                size += file.write(chunk)
        return web.json_response({"size": size}, status=201)

    async def _give(self, request: web.Request) -> web.StreamResponse:
        path = self._path(request)
        if not await asyncio.to_thread(path.is_file):
            raise web.HTTPNotFound(text="No such file on the shelf.")
        return web.FileResponse(path, chunk_size=CHUNK)

    async def close(self) -> None:
        if self._site is not None:
            await self._site.close()
            self._site = None


async def _welcome(request: web.Request) -> web.Response:
    return web.Response(text="The shelf: PUT and GET /shelf/<name>.\n")
