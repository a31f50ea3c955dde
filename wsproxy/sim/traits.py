"""What differs between managers of different releases (protocol 3.4, 5.2, 6.5, 8.1 to 8.3).

The simulated manager is driven by one ``ManagerTraits`` value; the defaults are the newest manager
that was recorded. ``Era`` keeps three that tests and the demo use; the compatibility eras hold one
for every release line.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar


class NoAddress(StrEnum):
    """What ``wsproxy-version`` answers for a group without address."""

    V1 = "v1"
    NOT_FOUND = "404"


class Refused(StrEnum):
    """What ``wsproxy-version`` answers when the address cannot be connected to."""

    UNCAUGHT = "500 internal-server-error"
    MISCONFIGURED = "500 server-misconfigured"
    UNAVAILABLE = "503 appproxy-connection-error"
    NAMED = "500 appproxy-connection-error"


class ConfBody(StrEnum):
    """What ``POST /v2/conf`` is sent: each has what the one before has, and more."""

    MINIMAL = "kernel"
    WITH_LOGIN = "kernel, login_session_token"
    FULL = "kernel, login_session_token, session"


class Deletion(StrEnum):
    """The answer to ``DELETE /session/…``."""

    STATS = "an object with stats"
    LISTED = "a list of them when recursive"
    STATUS = "an object with stats.status"


class Endpoints(StrEnum):
    """How a manager tells a proxy of inference endpoints (protocol 6.5)."""

    NONE = "never"
    A = "A"
    B = "B"
    C = "C"


@dataclass(frozen=True, slots=True)
class ManagerTraits:
    """One release line of the manager.

    No manager looks at the status of the address's answer. ``tries``: how often ``/status`` is
    asked when a connection breaks; ``remembers``: seconds a version is remembered per address;
    ``keeps_path``: ``/status`` is appended to the address, so that a path stays and a trailing
    slash makes ``//status``; ``checks_status``: what ``/status`` says is checked, and complaints
    about it have names of their own. ``pydantic_parameters``: unknown keys of requests are ignored
    and not refused. ``header_login``: the web server beside it knows ``X-BackendAI-SessionID``.
    """

    # pydantic reads these from rows of eras, where a field that does not exist is an error
    __pydantic_config__: ClassVar = {"extra": "forbid"}
    M23_09: ClassVar["ManagerTraits"]
    M26_2: ClassVar["ManagerTraits"]
    M26_8: ClassVar["ManagerTraits"]

    release: str = "26.8.1"
    api_version: str = "v9.20250722"
    no_address: NoAddress = NoAddress.V1
    refused: Refused = Refused.NAMED
    tries: int = 3
    remembers: float = 0.0
    keeps_path: bool = False
    asks_for_json: bool = True
    checks_status: bool = True
    conf_body: ConfBody = ConfBody.FULL
    project_key: str = "project_id"
    takes_login_token: bool = True
    pydantic_parameters: bool = True
    streams_desktops: bool = True  # vnc and rdp
    names_app_start: bool = True
    deletion: Deletion = Deletion.STATUS
    spares_unsettled: bool = False
    error_codes: bool = True
    compact_json: bool = True
    unsigned_is_401: bool = True
    by_user: bool = True  # sessions are looked up by user, not by access key
    endpoints: Endpoints = Endpoints.C
    header_login: bool = True


Era = ManagerTraits
"""Its named values: managers 23.09.10 and 26.8.1 were recorded, 26.2.0 is described."""

Era.M23_09 = ManagerTraits(
    release="23.09.10",
    api_version="v7.20230615",
    refused=Refused.MISCONFIGURED,
    tries=1,
    remembers=30.0,
    keeps_path=True,
    asks_for_json=False,
    checks_status=False,
    project_key="group_id",
    pydantic_parameters=False,
    streams_desktops=False,
    names_app_start=False,
    deletion=Deletion.LISTED,
    spares_unsettled=True,
    error_codes=False,
    compact_json=False,
    unsigned_is_401=False,
    by_user=False,
    endpoints=Endpoints.A,
)
Era.M26_2 = ManagerTraits(
    release="26.2.0",
    no_address=NoAddress.NOT_FOUND,
    refused=Refused.UNAVAILABLE,
    project_key="group_id",
    pydantic_parameters=False,
    streams_desktops=False,
    names_app_start=False,
    endpoints=Endpoints.B,
)
Era.M26_8 = ManagerTraits()
