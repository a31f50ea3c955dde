"""Clients by release line, as facts: what they send, what they wait for, what stops them (P 9).

A row says *what* its age does; how a fact is carried out is in ``compat.players`` alone, so a
player never asks for the name of its row. Seconds that are left out mean: waits for ever.
"""

from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from wsproxy.compat.eras.rows import Peer, Row, packaged

FILE = "clients.toml"


class SpeaksTo(StrEnum):
    """How a UI reaches its manager (P 2.1, 3.2, 3.3)."""

    API = "API"
    """The manager itself, with signatures."""
    SESSION = "SESSION"
    """Through the web server, with the login session."""


class AuthField(StrEnum):
    """``auth_mode`` of ``/conf`` (P 2.1)."""

    ABSENT = "absent"
    COOKIE = "cookie"
    HEADER = "header"


class FailedQuestion(StrEnum):
    """What a launch does when the version cannot be learnt (P 9.2)."""

    ABORTS = "aborts"
    TAKES_V1 = "takes-v1"


class StillDeletes(StrEnum):
    """After which failures of the version question the session is still deleted (P 9.3)."""

    NONE = "none"
    ON_404_AND_500 = "404,500"
    ANY = "any"


class ProxyToken(StrEnum):
    """What stands for ``{token}`` when something is checked or deleted (P 2.8)."""

    ACCESS_KEY = "access-key"
    OF_CONF = "of-conf"
    """That of another ``PUT /conf`` in v1, the access key in v2."""


class Permit(StrEnum):
    """The fetch of the app's url as JSON, before it is opened (P 2.6, 7.9, 9.2)."""

    NONE = "none"
    FORGIVEN = "forgiven"
    """Whatever goes wrong is ignored."""
    NEEDED = "needed"
    """A fetch that fails ends the launch; an answer of 400 and more does not."""
    STRICT = "strict"
    """A fetch that fails, or an answer of 400 and more, ends the launch."""


class Opens(StrEnum):
    """What the new tab is given (O 3)."""

    URL = "url"
    """The url of ``add``, again."""
    REDIRECT_URL = "redirect-url"
    """The ``redirect_url`` of the answer, if there is one."""


class BadAdd(StrEnum):
    """What an answer of ``add`` that is no success does (P 9.2)."""

    IS_OPENED = "is-opened"
    """The address of the request itself is opened as if it were the app's."""
    IS_AN_ERROR = "is-an-error"


class Encoding(StrEnum):
    """How ``envs`` and ``args`` are put into the query of ``add`` (P 2.4, 3.1)."""

    RAW = "raw"
    URI = "encode-uri"
    COMPONENT = "encode-uri-component"


class _Facts(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Ui(_Facts):
    """A WebUI, in a browser or in the desktop app."""

    mode: SpeaksTo
    origin: str = Field(pattern=r"^(own|null|es6://app)$")
    """``own``: the web server that served it."""
    api_revision: str
    """``X-BackendAI-Version`` of its requests to the manager."""

    asks_version: bool
    """Whether anything but v1 exists for it."""
    answer_key: str
    """Where it looks for the version. A wrong key was a bug of its time."""
    asks_before_delete: bool
    failed_question: FailedQuestion
    still_deletes: StillDeletes
    manager_seconds: float
    """For each request to the manager that has no limit of its own."""

    auth_field: AuthField
    conf_must_succeed: bool
    """Whether ``/conf`` has to be a success with a token; else whatever it says is used."""
    sends_protocol: bool
    bad_add: BadAdd
    proxy_seconds: float | None = None
    """For each request of a launch to the proxy."""

    sends_login_token: bool
    """In the body of start-service; managers of before refuse what they do not know."""
    start_seconds: float | None = None
    """For start-service, where it is not ``manager_seconds``."""
    encoding: Encoding
    postfix: str
    """Added to the url of JupyterLab, whether the url has a query or not."""
    permit: Permit
    opens: Opens

    permit_key: bool
    """Whether it keeps the ``permit_key`` of a ``redirect_url`` and sends it with a delete."""

    token: ProxyToken
    close_path: str
    """Of one app, below the base of the proxy."""
    gone_stops_delete: bool
    """Whether ``{"code": 404}`` of the check spares the delete request to the proxy."""
    cleanup_seconds: float | None = None
    """For all of the clean-up at the proxy; when it is over the session is deleted anyway."""
    destroy_seconds: float
    destroy_retries: int = Field(ge=0)
    destroy_pause: float = Field(ge=0)


class Cli(_Facts):
    """The Python client."""

    api_revision: str
    """The newest it speaks; it comes down to the manager's."""
    oldest_revision: str
    stream_kind: str
    """The last part of the path of a tunnel."""
    heartbeat: float


class Client(Row):
    """A client of one release line. ``manager`` is the era of the manager of its time."""

    manager: str = Field(pattern=r"^manager-\d\d\.\d+$")
    ui: Ui | None = None
    cli: Cli | None = None

    @model_validator(mode="after")
    def _has_the_facts_of_its_kind(self) -> Self:
        is_cli = self.peer is Peer.PYTHON_CLIENT
        if is_cli and (self.cli is None or self.ui is not None):
            raise ValueError("a Python client has a table cli and no table ui")
        if not is_cli and (self.ui is None or self.cli is not None):
            raise ValueError("a WebUI has a table ui and no table cli")
        return self


@cache
def clients() -> Mapping[str, Client]:
    """Every client by the name of its era."""
    return packaged(FILE, Client)
