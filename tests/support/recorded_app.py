"""An app that answers as an app was recorded to answer, and keeps what it received."""

from tests.support.apps import AppLink
from tests.support.replay import Exchange

INVENTED = ("access-control-allow-origin", "access-control-allow-headers")
"""Fields that the recorded proxy put into the answers of apps."""


class RecordedApp:
    """``playing``: the exchange whose answer comes next. ``heads``: the requests, each its head."""

    def __init__(self, continues: bool = False) -> None:
        self.playing: Exchange | None = None
        self.heads: list[bytes] = []
        self._continues = continues

    async def __call__(self, link: AppLink) -> None:
        head = await link.head()
        self.heads.append(head)
        one = self.playing
        if one is None or one.target == "/abort":
            return
        if self._continues and b"\r\nExpect: " in head:
            await link.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        await link.send(_answer(one))
        if one.status == 101:
            await link.end()


def _answer(one: Exchange) -> bytes:
    """What the proxy was given, as far as its own answer shows it."""
    status = 404 if one.target == "/status/404" else one.status
    if status < 200 and status != 101:
        status = 200
    lines = [f"HTTP/1.1 {status} Recorded"]
    lines += [f"{name}: {value}" for name, value in one.answer if _of_app(name)]
    if status == 101:
        lines.append("Connection: Upgrade")
    else:
        lines += ["Connection: close", *(["Content-Length: 0"] if status not in (204, 304) else [])]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _of_app(name: str) -> bool:
    return name.lower() not in (*INVENTED, "transfer-encoding", "content-encoding")
