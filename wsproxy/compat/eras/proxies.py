"""Release lines of the programs that stood where the gateway stands, and what differs in them.

A row has one table of traits: ``node``, ``python`` or ``appproxy``, after its peer.
"""

from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from typing import Self

from pydantic import BaseModel, ConfigDict, model_validator

from wsproxy.compat.eras.rows import Peer, Row, packaged


class Duplicates(StrEnum):
    """What becomes of a header field that comes twice."""

    KEPT = "kept"
    FIRST = "first"
    LAST = "last"


class Desktops(StrEnum):
    """What becomes of an app whose protocol is ``vnc`` or ``rdp`` (protocol 5.4)."""

    REFUSED = "400"
    LOST = "503"
    TCP = "tcp"


class _Traits(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class NodeTraits(_Traits):
    """The Node proxy (protocol 2, 3). ``guarded``: a token that is checked, origins that are asked
    for, redirects that are looked at, a limit of requests. ``before_2022``: no ``/status`` and no
    ``/xrdp``, ``/down`` for one app, the login always as a cookie, arguments as they come.
    """

    guarded: bool
    before_2022: bool = False
    evicts_dead: bool
    desktop_pages: bool
    api_version_header: str
    tcp_apps: tuple[str, ...] = ()  # streamed as tcpproxy
    idle_api: float = 60.0
    idle_session: float = 30.0
    starting_pages: int = 5


class PythonTraits(_Traits):
    """The Python all-in-one (observed 6)."""

    release: str
    honest_pages: bool  # an error in HTML has its status, not 200
    advertises: bool
    unresolvable_is_minus_one: bool


class AppProxyTraits(_Traits):
    """Coordinator and worker of App Proxy (protocol 4 to 7, observed 5)."""

    release: str
    advertises: bool
    desktops: Desktops
    setup_status: int
    setup_redirects: bool
    cookie_attributes: bool
    no_store: bool
    json_by_default: bool
    minus_one: bool  # some errors have the status -1
    errors_have_cors: bool
    enforces_addresses: bool
    validates_addresses: bool
    duplicates: Duplicates
    refuses_dead_websockets: bool
    bare_app_errors: bool  # refusals of an app port are JSON whatever was asked for


class ProxyRow(Row):
    """One release line of a proxy."""

    node: NodeTraits | None = None
    python: PythonTraits | None = None
    appproxy: AppProxyTraits | None = None

    @model_validator(mode="after")
    def _one_table(self) -> Self:
        tables = {
            Peer.NODE_PROXY: self.node,
            Peer.PYTHON_PROXY: self.python,
            Peer.APP_PROXY: self.appproxy,
        }
        wanted = tables.pop(self.peer, None)
        if wanted is None or any(tables.values()):
            raise ValueError("needs the traits of its peer, and no others")
        return self


@cache
def proxies() -> Mapping[str, ProxyRow]:
    """Every proxy, in the order of their times; raises ``EraError``."""
    return packaged("proxies.toml", ProxyRow)
