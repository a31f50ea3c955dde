"""The admin port: metrics, and health in detail. Private by ``admin-bind``; never cross-origin."""

from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web

from wsproxy.api.endpoint import Cors, Endpoint

Exposition = Callable[[], tuple[bytes, str]]
Detail = Callable[[], Mapping[str, Any]]


def endpoints(metrics: Exposition, health: Detail) -> list[Endpoint]:
    """``metrics`` gives the text and its Content-Type; ``health`` a JSON object, ``ok`` in it."""

    async def get_metrics(request: web.Request) -> web.StreamResponse:
        body, content_type = metrics()
        return web.Response(body=body, headers={"Content-Type": content_type})

    async def get_health(request: web.Request) -> web.StreamResponse:
        detail = health()
        return web.json_response(dict(detail), status=200 if detail.get("ok") else 503)

    return [
        Endpoint("GET", "/metrics", get_metrics, cors=Cors.ADMIN),
        Endpoint("GET", "/health", get_health, cors=Cors.ADMIN),
    ]
