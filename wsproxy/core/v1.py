"""The v1 control API's decisions: origins, parameters, answers, helper links (protocol 2)."""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote

from wsproxy.core.circuit import Protocol
from wsproxy.core.cors import Origins
from wsproxy.core.portpool import port_number

DEFAULT_APP = "jupyter"
LOCAL_TOKEN = "local"

HELPERS: Mapping[str, str] = {"sftp": "sftp", "sshd": "ssh", "vnc": "vnc", "xrdp": "rdp"}
"""App name → scheme of the link that its helper page shows."""

_LONGEST_NAME = 255
_PATH_SAFE = "/:@!$&'()*+,;=?%~-._#[]"


def origin_allowed(origin: str | None, extra: Iterable[str], site: str | None = None) -> bool:
    """Protocol 2.7: no Origin, a page of this machine, the desktop app, or one that is listed.

    ``site`` is the Sec-Fetch-Site field: a browser sends no Origin for an image or a link, but says
    that another page asked.
    """
    if origin is None:
        return site in (None, "same-origin", "none")
    return Origins(frozenset(extra), loopback=True).allow(origin)


class BadQuery(ValueError):
    """A parameter of ``add`` cannot be used; the message names it."""


@dataclass(frozen=True, slots=True)
class AddQuery:
    """The parameters of ``add`` that v1 uses; the others are tolerated (protocol 2.4)."""

    app: str = DEFAULT_APP
    port: int = 0  # preferred; 0 = none
    envs: str = ""  # JSON text of an object; "" = none
    arguments: str = ""
    protocol: Protocol = Protocol.HTTP


def read_add(query: Mapping[str, str]) -> AddQuery:
    """``query`` is decoded once. Raises ``BadQuery``."""
    app = query.get("app") or DEFAULT_APP
    if len(app) > _LONGEST_NAME or not app.isprintable():
        raise BadQuery("app: not the name of an app")
    return AddQuery(
        app=app,
        port=port_number(query.get("port", "")),
        envs=_object_text(query, "envs"),
        arguments=_object_text(query, "args") or _object_text(query, "arguments"),
        protocol=_protocol(query.get("protocol", "")),
    )


def _protocol(text: str) -> Protocol:
    try:
        return Protocol(text)
    except ValueError:
        return Protocol.HTTP


def _object_text(query: Mapping[str, str], name: str) -> str:
    """Compact JSON of a non-empty object. Older WebUIs encode twice: then it is decoded again."""
    text = query.get(name, "")
    if not text.strip():
        return ""
    try:
        value = _json(text)
    except (ValueError, RecursionError):
        raise BadQuery(f"{name}: must be the JSON text of an object") from None
    if value is None:
        return ""
    if not isinstance(value, dict):
        raise BadQuery(f"{name}: must be a JSON object")
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False) if value else ""


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return json.loads(unquote(text))


@dataclass(frozen=True, slots=True)
class Places:
    """The names in the URLs that clients get: ``base`` is the control API, ``host`` the apps'."""

    base: str  # "http://localhost:5050", no trailing slash
    host: str  # "localhost", "[::1]"

    def app_url(self, port: int) -> str:
        return f"http://{self.host}:{port}"


def added(places: Places, app: str, port: int) -> dict[str, Any]:
    """The answer of a successful ``add``. ``url`` always has a query: clients append ``&…``."""
    helper = f"{places.base}/{app}?port={port}&dummy=1"
    return {
        "code": 200,
        "proxy": places.app_url(port),
        "port": port,
        "url": helper if app in HELPERS else f"{places.base}/redirect?port={port}",
    }


def owned_port(text: str, owned: Collection[int]) -> int:
    """The port of a helper page's query, or 0: only ports of our own listeners are led to."""
    port = port_number(text)
    return port if port in owned else 0


def redirect_url(places: Places, port: int, path: str) -> str | None:
    """Where ``/redirect`` leads, or None when ``path`` might lead elsewhere (protocol 2.6).

    Browsers read ``\\`` as ``/`` and drop tabs and line ends, so a path that has them is refused.
    """
    path = path.replace("<proxy-host>", places.host).replace("<port-number>", str(port))
    if not path:
        return places.app_url(port)
    if not path.startswith("/") or path.startswith("//") or not _plain(path):
        return None
    return places.app_url(port) + quote(path, safe=_PATH_SAFE)


def _plain(path: str) -> bool:
    return "\\" not in path and not any(ord(char) < 0x20 or ord(char) == 0x7F for char in path)
