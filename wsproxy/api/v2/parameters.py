"""The parameters of the v2 routes, checked; a wrong one is 400 with its name (protocol 5.2, 5.3).

Unknown parameters are ignored: ``is_inference``, ``permit_key``, ``do-not-redirect`` and ``dummy``
are sent by real clients and mean nothing here.
"""

import json
import re
from collections.abc import Iterator
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from wsproxy.core.circuit import Protocol
from wsproxy.core.clientip import parse_list
from wsproxy.core.fields import host
from wsproxy.core.setup import clean_redirect
from wsproxy.manager.told import Port, Uuid

_COOKIE_VALUE = re.compile(r"[!#-+\--:<-\[\]-~]*")

LONGEST_TEXT = 4096
"""Characters of ``args`` and ``envs``; both travel in a URL."""


def _absent(value: object) -> object:
    """An empty parameter is one that was not sent."""
    return None if value in ("", "null", "undefined") else value


def _environment(value: object) -> object:
    """JSON text, as user interfaces send it (upstream wants an object and refuses every one)."""
    if not isinstance(value, str):
        return value
    if len(value) > LONGEST_TEXT:
        raise ValueError(f"this is longer than {LONGEST_TEXT} characters")
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        raise ValueError("this is not JSON") from None
    if not isinstance(found, dict):
        raise ValueError('this is not an object like {"NAME": "value"}')
    return {name: one if isinstance(one, str) else json.dumps(one) for name, one in found.items()}


def _login_token(value: str) -> str:
    """It becomes a cookie at the web server, so nothing in it may end one (RFC 6265 section 4)."""
    if not _COOKIE_VALUE.fullmatch(value):
        raise ValueError("this cannot be the value of a cookie")
    return value


Text = Annotated[str, Field(max_length=LONGEST_TEXT)]
Envs = Annotated[dict[str, str], BeforeValidator(_environment)]
Addresses = Annotated[str, AfterValidator(lambda text: ",".join(parse_list(text)))]
LoginToken = Annotated[str, Field(max_length=4096), AfterValidator(_login_token)]
Redirect = Annotated[str, AfterValidator(clean_redirect)]

V = TypeVar("V")
Optional = Annotated[V | None, BeforeValidator(_absent)]


class Parameters(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class SessionBlock(Parameters):
    """Whose app it is. Managers from 26.4 say ``project_id``, older ones ``group_id``."""

    id: Uuid
    access_key: Annotated[str, Field(min_length=1, max_length=255)]
    user_uuid: Uuid | None = None
    group_id: Uuid | None = None
    project_id: Uuid | None = None
    domain_name: Annotated[str, Field(max_length=255)] | None = None


class Conf(Parameters):
    """``POST /v2/conf``. Managers 22.03 send host and port only, 22.09 a login token besides."""

    kernel_host: Annotated[str, AfterValidator(host)]
    kernel_port: Port
    session: SessionBlock | None = None
    login_session_token: LoginToken | None = Field(default=None, repr=False)


class App(Parameters):
    """What to open: the parameters that ``add`` passes on to ``auth``."""

    app: Annotated[str, Field(min_length=1, max_length=255)]
    protocol: Protocol
    envs: Optional[Envs] = None
    args: Optional[Text] = None
    open_to_public: bool = False
    allowed_client_ips: Optional[Addresses] = None
    redirect: Optional[Redirect] = None
    no_reuse: bool = False
    port: Optional[Port] = None
    subdomain: Optional[Annotated[str, Field(max_length=255)]] = None

    def as_query(self) -> Iterator[tuple[str, str]]:
        """Those that differ from their default; booleans as ``True`` (protocol 5.3)."""
        for name, value in self.model_dump(exclude_defaults=True).items():
            yield name, json.dumps(value) if isinstance(value, dict) else str(value)


class Auth(App):
    """``GET /v2/proxy/auth``. The token is looked up, so its form is not judged here."""

    token: str
    session_id: Uuid


class Delete(Parameters):
    """``GET /v2/proxy/{token}/{session}/delete``."""

    app: Optional[str] = None
    permit_key: Optional[str] = Field(default=None, repr=False)


class Setup(Parameters):
    """``GET /setup``."""

    token: Annotated[str, Field(min_length=1, repr=False)]


def not_for_inference(document: Any) -> bool:
    """A session block without id or key: the manager means an inference app (observed 5)."""
    session = document.get("session") if isinstance(document, dict) else None
    return isinstance(session, dict) and not (session.get("id") and session.get("access_key"))
