"""Who sent a request to the control API."""

from aiohttp import web

from wsproxy.core.clientip import Address, Networks, client_address


def peer_host(request: web.Request) -> str:
    """The address of the socket's other end; "" for a UNIX socket."""
    peer = request.transport.get_extra_info("peername") if request.transport else None
    return str(peer[0]) if isinstance(peer, tuple) and peer else ""


def client_of(request: web.Request, trusted: Networks) -> Address | None:
    """The client's address, through trusted proxies."""
    return client_address(
        peer_host(request), request.headers.getall("X-Forwarded-For", ()), trusted
    )
