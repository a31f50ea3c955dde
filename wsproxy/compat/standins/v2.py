"""What both families of v2 proxies do: their handlers differ in what they forbid and answer."""

from urllib.parse import quote, urlencode

from aiohttp import ClientSession, DummyCookieJar, hdrs, web

from wsproxy.compat.standins.circuits import Circuit, Secrets
from wsproxy.compat.standins.problems import ANY_ORIGIN, EXPOSED
from wsproxy.core import jwts

HELPER = "http://localhost:45678/start"
SETUP_FIELDS = {**ANY_ORIGIN, "Access-Control-Allow-Headers": "*", **EXPOSED}
PERMIT_SECONDS = 604800


def new_http() -> ClientSession:
    """A client that keeps nothing and changes nothing."""
    return ClientSession(trust_env=False, cookie_jar=DummyCookieJar(), auto_decompress=False)


async def preflight(request: web.Request) -> web.Response:
    """What routes that know CORS answer to OPTIONS, and say of any origin."""
    wanted = request.headers.get(hdrs.ACCESS_CONTROL_REQUEST_METHOD, "")
    fields = echoed(request)
    if wanted:
        fields[hdrs.ACCESS_CONTROL_ALLOW_METHODS] = wanted
    return web.Response(headers=fields)


def echoed(request: web.Request) -> dict[str, str]:
    """The origin that asks is the origin that may."""
    origin = request.headers.get(hdrs.ORIGIN)
    return {hdrs.ACCESS_CONTROL_ALLOW_ORIGIN: origin} if origin else {}


def auth_url(base: str, kept: tuple[tuple[str, str], ...], token: str, session: str) -> str:
    query = urlencode([*kept, ("token", token), ("session_id", session)])
    return f"{base}/v2/proxy/auth?{query}"


def setup_url(worker: str, claims: dict[str, str], keys: Secrets) -> str:
    return f"{worker}/setup?token={jwts.sign(claims, keys.jwt)}"


def redirect(status: int, url: str, fields: dict[str, str] | None = None) -> web.Response:
    """A redirect as aiohttp words it. (``url`` is not read again: tokens are long.)"""
    reasons = {302: "Found", 308: "Permanent Redirect"}
    headers = {**(fields or {}), hdrs.LOCATION: url}
    return web.Response(status=status, text=f"{status}: {reasons[status]}", headers=headers)


def permit_cookie(circuit: Circuit, keys: Secrets, *, attributes: bool) -> str:
    """The Set-Cookie field; its value has quotes, for it ends with ``=``."""
    value = f'appproxy_permit="{circuit.permit(keys)}"'
    if not attributes:
        return f"{value}; Path=/"
    return f"{value}; HttpOnly; Max-Age={PERMIT_SECONDS}; Path=/; SameSite=Lax"


def tcp_answer(circuit: Circuit, token: str, fields: dict[str, str]) -> web.Response:
    """Where a TCP app is, for a helper that nobody has (protocol 7.7)."""
    url = tcp_url(circuit, token)
    return web.json_response({"redirect": url, "redirectURI": url}, headers=fields)


def tcp_url(circuit: Circuit, token: str) -> str:
    gateway = quote(f"tcp://127.0.0.1:{circuit.port}", safe="")
    return f"{HELPER}?directTCP=true&auth={token}&proto=tcp&gateway={gateway}"
