"""A port that carries one app: who may pass, HTTP, and where WebSockets go (protocol 7.1, 7.2)."""

from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import (
    ClientConnectorDNSError,
    ClientConnectorError,
    ClientError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    StreamReader,
    hdrs,
    web,
)
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from wsproxy.compat.eras.proxies import Duplicates
from wsproxy.compat.standins import appsocket
from wsproxy.compat.standins.circuits import Circuit, Secrets
from wsproxy.compat.standins.problems import (
    ADDRESS_REFUSED,
    BAD_CREDENTIALS,
    BAD_REQUEST,
    DEAD_APP,
    NO_WORKER,
    FaultError,
    Voice,
)
from wsproxy.core import clientip
from wsproxy.core.permits import unquoted
from wsproxy.net.binding import listen
from wsproxy.sim.site import CLOSING_SECONDS

COOKIE = "appproxy_permit"
REDIRECTS = frozenset({301, 302, 303, 307, 308})
HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailers",
        "transfer-encoding",
        "upgrade",
    }
)
CHUNK = 1 << 16


@dataclass(frozen=True, slots=True)
class PortTraits:
    """How one program's app ports behave.

    ``fields`` are on every answer. ``follows``: redirects of the app are followed by the proxy;
    ``preflights_pass``: OPTIONS needs no cookie; ``always_streams``: even a GET is sent with a
    body of no bytes, in chunks; ``requotes``: escapes of the target are written anew. ``bare``:
    refusals are JSON for everybody. ``unresolvable_is_dead``: a name without address is a dead app,
    and no crash.
    """

    voice: Voice
    fields: Mapping[str, str]
    duplicates: Duplicates
    follows: bool = False
    preflights_pass: bool = True
    enforces_addresses: bool = False
    always_streams: bool = False
    requotes: bool = False
    bare: bool = False
    refuses_dead_websockets: bool = False
    unresolvable_is_dead: bool = True
    tells_of_ends: bool = True  # the client hears of a WebSocket that the app closes


class AppPort:
    """Listens from ``open`` to ``close``, with a circuit or, once it is deleted, without."""

    def __init__(self, traits: PortTraits, keys: Secrets, http: ClientSession) -> None:
        self.circuit: Circuit | None = None
        self._traits = traits
        self._keys = keys
        self._http = http
        self._sockets = appsocket.Sockets()
        # a request of this server has no application, so faults are rendered here
        server = web.Server(self._serve, access_log=None)
        self._runner = web.ServerRunner(server, shutdown_timeout=CLOSING_SECONDS)
        self.port = 0

    async def open(self, circuit: Circuit, port: int = 0) -> None:
        """Listen; raises ``PortTaken``."""
        sockets = await listen("127.0.0.1", port)
        await self._runner.setup()
        for sock in sockets:
            await web.SockSite(self._runner, sock).start()
        circuit.port = self.port = sockets[0].getsockname()[1]
        self.circuit = circuit

    async def close(self) -> None:
        await self._sockets.close()
        await self._runner.cleanup()

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            circuit = self._admitted(request)
            if appsocket.is_upgrade(request):
                return await self._socket(request, circuit)
            return await self._forward(request, circuit)
        except FaultError as error:
            answer = self._traits.voice.render(request.headers.get(hdrs.ACCEPT), error)
            answer.headers.update(self._traits.fields)
            return answer

    def _admitted(self, request: web.BaseRequest) -> Circuit:
        """The circuit, for someone who may use it; raises ``FaultError``."""
        bare = self._traits.bare
        circuit = self.circuit
        if circuit is None:
            raise FaultError(BAD_REQUEST, f"Unregistered slot {self.port}", bare=bare)
        if self._traits.enforces_addresses and not _may_use(request, circuit):
            raise FaultError(ADDRESS_REFUSED, "E20011: Client address not allowed", bare=bare)
        if circuit.open_to_public:
            return circuit
        if request.method == hdrs.METH_OPTIONS and self._traits.preflights_pass:
            return circuit
        given = request.cookies.get(COOKIE)
        if given is None:
            raise FaultError(
                BAD_CREDENTIALS, "E20004: Authorization cookie not provided", bare=bare
            )
        if unquoted(given) != circuit.permit(self._keys):
            raise FaultError(BAD_CREDENTIALS, "E20005: Invalid authorization cookie", bare=bare)
        return circuit

    async def _socket(self, request: web.BaseRequest, circuit: Circuit) -> web.StreamResponse:
        start = circuit.start
        if self._traits.refuses_dead_websockets and not await appsocket.alive(start):
            raise FaultError(NO_WORKER)
        fields = {} if self._traits.follows else self._traits.fields
        return await self._sockets.carry(
            request, start, self._http, fields, tells=self._traits.tells_of_ends
        )

    async def _forward(self, request: web.BaseRequest, circuit: Circuit) -> web.StreamResponse:
        start = circuit.start
        await _continue(request)
        data = request.content if self._traits.always_streams or request.can_read_body else None
        try:
            base = f"http://{start.kernel_host}:{start.kernel_port}"
            if self._traits.requotes:
                url = URL(base + request.raw_path)
            else:
                url = URL(base + _without_dots(request.raw_path), encoded=True)
            return await self._asked(request, request.method, url, data)
        except ClientConnectorDNSError as error:
            if self._traits.unresolvable_is_dead:
                raise FaultError(DEAD_APP) from error
            return self._broken(request)
        except ClientConnectorError as error:
            raise FaultError(DEAD_APP) from error
        except (ClientError, OSError, ValueError):
            return self._broken(request)

    async def _asked(
        self, request: web.BaseRequest, method: str, url: URL, data: StreamReader | None
    ) -> web.StreamResponse:
        """The app's answer, or that of wherever it leads to (D2)."""
        async with self._http.request(
            method,
            url,
            headers=self._sent(request),
            data=data,
            allow_redirects=False,
            timeout=ClientTimeout(total=None, sock_connect=10),
        ) as answer:
            target = answer.headers.get(hdrs.LOCATION)
            if not self._traits.follows or answer.status not in REDIRECTS or target is None:
                return await self._relayed(request, answer)
        method = method if method == hdrs.METH_HEAD else hdrs.METH_GET
        return await self._asked(request, method, url.join(URL(target)), None)

    def _broken(self, request: web.BaseRequest) -> web.Response:
        """What an unhandled error of aiohttp looks like."""
        if "text/html" in request.headers.get(hdrs.ACCEPT, ""):
            title = "500 Internal Server Error"
            text = f"<html><head><title>{title}</title></head><body>\n<h1>{title}</h1>\n"
            text += "Server got itself in trouble\n</body></html>\n"
            return web.Response(status=500, text=text, content_type="text/html")
        text = "500 Internal Server Error\n\nServer got itself in trouble"
        return web.Response(status=500, text=text)

    def _sent(self, request: web.BaseRequest) -> CIMultiDict[str]:
        """The fields that the app gets."""
        sent = _once(request.headers, self._traits.duplicates)
        host = request.headers.get("X-Forwarded-Host") or request.host
        proto = request.headers.get("X-Forwarded-Proto") or "http"
        peer = request.transport.get_extra_info("peername") if request.transport else ("", 0)
        sent["x-forwarded-proto"] = proto
        sent["forwarded"] = f"host={host};proto={proto}"
        sent["x-forwarded-host"] = host
        sent["x-forwarded-port"] = host.rpartition(":")[2] if ":" in host else str(peer[1])
        sent["x-forwarded-for"] = f"{peer[0]}:{peer[1]}"
        return sent

    async def _relayed(
        self, request: web.BaseRequest, answer: ClientResponse
    ) -> web.StreamResponse:
        given = web.StreamResponse(status=answer.status, reason=answer.reason)
        given.headers.extend(_once(answer.headers, self._traits.duplicates))
        given.headers.update(self._traits.fields)
        await given.prepare(request)
        try:
            async for chunk in answer.content.iter_chunked(CHUNK):
                await given.write(chunk)
            await given.write_eof()
        except (ClientError, OSError):
            if request.transport is not None:
                request.transport.abort()
        return given


async def _continue(request: web.BaseRequest) -> None:
    """The client is told to go on, and the app asked too: where it is silent both wait for ever."""
    if request.headers.get(hdrs.EXPECT, "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0


def _without_dots(target: str) -> str:
    """``/a/../b`` is ``/b``, whatever the app thinks of it; escapes stay."""
    path, mark, query = target.partition("?")
    kept: list[str] = []
    for segment in path.split("/"):
        if segment != "..":
            kept += [segment] if segment != "." else []
        elif len(kept) > 1:
            kept.pop()
    return "/".join(kept) + mark + query


def _may_use(request: web.BaseRequest, circuit: Circuit) -> bool:
    allowed = clientip.parse_list(circuit.allowed_client_ips or "")
    return clientip.may_use(clientip.parse_address(request.remote or ""), allowed)


def _once(fields: CIMultiDictProxy[str], duplicates: Duplicates) -> CIMultiDict[str]:
    """Without those of one hop, and with what becomes of a field that comes twice."""
    kept: CIMultiDict[str] = CIMultiDict()
    for name, value in fields.items():
        if name.lower() in HOP_BY_HOP:
            continue
        if duplicates is Duplicates.KEPT:
            kept.add(name, value)
        elif duplicates is Duplicates.LAST or name not in kept:
            kept[name] = value
    return kept
