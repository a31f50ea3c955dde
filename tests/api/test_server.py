"""The control API's middlewares: what every answer carries, whatever happened."""

import io
from collections.abc import Sequence

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from pydantic import BaseModel

from wsproxy.api.body import read_json, read_query
from wsproxy.api.endpoint import Cors, Endpoint
from wsproxy.api.server import ApiPolicy, Pairs, build
from wsproxy.core.problem import Problem, ProblemError
from wsproxy.core.wire import SPEAKER_HEADER, VERSION_HEADER, Version


class Everyone:
    """Allows every origin and says which rule it was asked for."""

    def answer(self, cors: Cors, origin: str | None) -> Pairs:
        return [("X-Rule", cors.value), ("Vary", "Origin")]

    def preflight(self, cors: Cors, request: web.Request, methods: Sequence[str]) -> Pairs:
        return [("Access-Control-Allow-Methods", ", ".join(methods))]


class Thing(BaseModel):
    port: int
    name: str = ""


async def _fine(request: web.Request) -> web.StreamResponse:
    return web.json_response({"fine": True})


async def _redirect(request: web.Request) -> web.StreamResponse:
    raise web.HTTPFound("/elsewhere")


async def _refuse(request: web.Request) -> web.StreamResponse:
    raise ProblemError(Problem("store-unavailable", msg="<b>later</b>", retry_after=3))


async def _break(request: web.Request) -> web.StreamResponse:
    raise RuntimeError("secret detail")


async def _body(request: web.Request) -> web.StreamResponse:
    thing = await read_json(request, Thing)
    return web.json_response(thing.model_dump())


async def _query(request: web.Request) -> web.StreamResponse:
    return web.json_response(read_query(request, Thing).model_dump())


async def _own_version(request: web.Request) -> web.StreamResponse:
    return web.Response(headers={VERSION_HEADER: "v1"})


ENDPOINTS = [
    Endpoint("GET", "/fine", _fine, version=Version.V1, cors=Cors.V1),
    Endpoint("PUT", "/fine", _fine, version=Version.V1, cors=Cors.V1),
    Endpoint("GET", "/redirect", _redirect),
    Endpoint("GET", "/refuse", _refuse, version=Version.V1),
    Endpoint("GET", "/break", _break),
    Endpoint("POST", "/body", _body),
    Endpoint("GET", "/query", _query),
    Endpoint("GET", "/own", _own_version),
    Endpoint("GET", "/guarded", _fine, host_checked=True),
]


def _policy(one_request: bool = False) -> ApiPolicy:
    def host_allowed(host: str, insists: bool) -> bool:
        return not insists or host.startswith("good.")

    return ApiPolicy(Version.V2, Everyone(), host_allowed, one_request)


@pytest.fixture
async def client():
    app = build(ENDPOINTS, _policy())
    async with TestClient(TestServer(app)) as client:
        yield client


ANSWERS = [
    ("GET", "/fine", 200, "v1"),
    ("HEAD", "/fine", 200, "v1"),
    ("OPTIONS", "/fine", 204, "v1"),
    ("DELETE", "/fine", 405, "v1"),
    ("GET", "/redirect", 302, "v2"),
    ("GET", "/refuse", 503, "v1"),
    ("GET", "/break", 500, "v2"),
    ("GET", "/unknown", 404, "v2"),
    ("POST", "/body", 400, "v2"),
    ("GET", "/query", 400, "v2"),
    ("GET", "/own", 200, "v1"),
    ("GET", "/guarded", 403, "v2"),
]


@pytest.mark.parametrize(("method", "path", "status", "version"), ANSWERS)
async def test_every_answer_carries_version_and_speaker(client, method, path, status, version):
    async with client.request(method, path, allow_redirects=False) as response:
        assert response.status == status
        assert response.headers.getall(VERSION_HEADER) == [version]
        assert response.headers[SPEAKER_HEADER] == "gateway"
        assert response.headers["Server"] == "wsproxy"
        assert response.headers["X-Rule"] in {"v1", "open"}


async def test_a_preflight_names_the_methods_of_the_path(client):
    headers = {"Origin": "http://ui.example", "Access-Control-Request-Method": "PUT"}
    async with client.options("/fine", headers=headers) as response:
        assert response.status == 204
        assert response.headers["Access-Control-Allow-Methods"] == "GET, PUT, HEAD, OPTIONS"


async def test_a_preflight_to_a_foreign_host_is_refused(client):
    headers = {"Origin": "http://x", "Access-Control-Request-Method": "GET", "Host": "evil.example"}
    async with client.options("/guarded", headers=headers) as response:
        assert response.status == 403
        assert "Access-Control-Allow-Methods" not in response.headers


async def test_a_good_host_passes_the_guard(client):
    async with client.get("/guarded", headers={"Host": "good.example"}) as response:
        assert response.status == 200


async def test_a_refused_method_says_which_are_allowed(client):
    async with client.delete("/fine") as response:
        assert response.headers["Allow"] == "GET, HEAD, OPTIONS, PUT"
        assert (await response.json())["type"].endswith("/method-not-allowed")


async def test_problems_are_json_or_escaped_html_by_accept(client):
    async with client.get("/refuse", headers={"Accept": "*/*"}) as response:
        assert (await response.json())["msg"] == "<b>later</b>"
        assert response.headers["Retry-After"] == "3"
        assert response.headers["Cache-Control"] == "no-store"
    async with client.get("/refuse", headers={"Accept": "text/html"}) as response:
        page = await response.text()
        assert response.content_type == "text/html"
        assert "&lt;b&gt;later" in page and "<b>" not in page


async def test_an_unforeseen_error_tells_nothing_but_logs(client, caplog):
    async with client.get("/break") as response:
        assert "secret" not in await response.text()
    assert "secret detail" in caplog.text


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b"{", "Malformed body"),
        (b"\xff\xfe", "Malformed body"),
        (b"[" * 100_000, "Malformed body"),
        (b"", "port: Field required"),
        (b'{"port": "x"}', "port"),
        (b"[1]", "body"),
    ],
)
async def test_a_bad_body_names_what_is_wrong(client, body, named):
    async with client.post("/body", data=body) as response:
        assert response.status == 400
        document = await response.json()
        assert document["type"].endswith("/invalid-api-params")
        assert named in document["msg"]


async def test_of_a_repeated_query_parameter_the_first_counts(client):
    async with client.get("/query?port=1&port=2") as response:
        assert (await response.json())["port"] == 1


async def test_an_http_error_of_aiohttp_becomes_a_problem():
    app = build([Endpoint("POST", "/body", _body)], _policy())
    async with TestClient(TestServer(app)) as client:
        async with client.post("/body", data=io.BytesIO(b"x" * (1 << 21))) as response:
            assert response.status == 413
            assert (await response.json())["type"].endswith("/payload-too-large")
