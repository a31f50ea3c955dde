"""The cross-origin rules of ``core.cors`` for requests of aiohttp."""

from collections.abc import Sequence

from aiohttp import hdrs, web

from wsproxy.api.endpoint import Cors
from wsproxy.core.cors import Origins, Pairs, Preflight, cors_headers


class CrossOriginRules:
    """``api`` are the origins that may use credentials; v1 follows rules of its own."""

    def __init__(self, api: Origins, v1: Origins) -> None:
        self._api = api
        self._v1 = v1

    def answer(self, cors: Cors, origin: str | None) -> Pairs:
        return cors_headers(cors.value, origin, self._origins(cors))

    def preflight(self, cors: Cors, request: web.Request, methods: Sequence[str]) -> Pairs:
        asked = Preflight(
            methods=methods,
            headers=request.headers.get(hdrs.ACCESS_CONTROL_REQUEST_HEADERS, ""),
            private=request.headers.get("Access-Control-Request-Private-Network") == "true",
        )
        origin = request.headers.get(hdrs.ORIGIN)
        return cors_headers(cors.value, origin, self._origins(cors), asked)

    def _origins(self, cors: Cors) -> Origins:
        return self._v1 if cors is Cors.V1 else self._api
