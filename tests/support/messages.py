"""Messages that several tests send, and a small app that speaks after its 101."""

from tests.support.apps import AppLink

CHUNKS = b"5;a=b\r\nhello\r\n0A\r\n0123456789\r\n0\r\nX-Sum: 1\r\n\r\n"


EXPECTING = b"PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n"


async def eventually_ends(link: AppLink, end: bytes) -> None:
    while not link.received.endswith(end):
        await link.size(len(link.received) + 1)


GET = b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n"
JSON_GET = b"GET /x HTTP/1.1\r\nHost: h\r\nAccept: application/json\r\n\r\n"


UPGRADE = (
    b"GET /ws?x=1 HTTP/1.1\r\nHost: app.example\r\nOrigin: https://app.example\r\n"
    b"Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nCookie: a=b\r\n"
    b"Sec-WebSocket-Protocol: chat.v1,  chat.v2\r\nSec-WebSocket-Key: k\r\n\r\n"
)


SWITCH = (
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Protocol: chat.v2\r\nSet-Cookie: s=1\r\n\r\n"
)


async def echo_after_101(link: AppLink) -> None:
    await link.head()
    await link.send(SWITCH + b"early from app")
    seen = len(link.received.partition(b"\r\n\r\n")[0]) + 4
    while True:
        if len(link.received) > seen:
            data, seen = link.received[seen:], len(link.received)
            await link.send(b"<" + data + b">")
        await link.size(seen + 1)
