"""What v2 proxies demand of requests, and how they complain (protocol 5.2 to 5.4)."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any
from uuid import UUID

from wsproxy.compat.standins.problems import BAD_PARAMETERS, FaultError

Place = tuple[str, ...]
ALL_PROTOCOLS = ("http", "grpc", "h2", "tcp", "preopen", "vnc", "rdp")
OLD_PROTOCOLS = ("http", "grpc", "h2", "tcp", "preopen")
LONGEST_ADDRESSES = 255


class Complaints:
    """Collects what is wrong, as pydantic lists it."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._given = given
        self.entries: list[dict[str, Any]] = []

    def add(self, kind: str, place: Place, msg: str) -> None:
        self.entries.append({"type": kind, "loc": list(place), "msg": msg})

    def text(self, name: str) -> str:
        """A required text."""
        if name not in self._given:
            self.add("missing", (name,), "Field required")
        return str(self._given.get(name, ""))

    def uuid(self, value: Any, *place: str) -> str:
        try:
            return str(UUID(str(value)))
        except ValueError:
            self.add("uuid_parsing", place, "Input should be a valid UUID")
            return ""

    def one_of(self, name: str, choices: Sequence[str]) -> str:
        value = self.text(name)
        if name in self._given and value not in choices:
            quoted = [f"'{choice}'" for choice in choices]
            msg = f"Input should be {', '.join(quoted[:-1])} or {quoted[-1]}"
            self.add("enum", (name,), msg)
        return value

    def number(self, name: str, *, required: bool = True) -> int | None:
        if name not in self._given:
            if required:
                self.add("missing", (name,), "Field required")
            return None
        try:
            return int(self._given[name])
        except (TypeError, ValueError):
            self.add("int_parsing", (name,), "Input should be a valid integer")
            return None


@dataclass(frozen=True, slots=True)
class Listing:
    """How complaints are put into ``data``: later programs wrap them."""

    wrapped: bool

    def judge(self, complaints: Complaints) -> None:
        """Raise ``FaultError`` (400) when there are any."""
        if complaints.entries:
            entries = complaints.entries
            data: Any = {"errors": entries} if self.wrapped else entries
            raise FaultError(BAD_PARAMETERS, "Input validation error", data)


def parsed(body: bytes) -> Any:
    """The JSON of a body; nothing is an empty object. Raises ``FaultError`` (400)."""
    try:
        return json.loads(body or b"{}")
    except ValueError as error:
        raise FaultError(BAD_PARAMETERS, "Malformed body") from error


@dataclass(frozen=True, slots=True)
class Wish:
    """What ``add`` and ``auth`` are asked for. ``kept``: the parameters that ``add`` passes on."""

    app: str
    protocol: str
    open_to_public: bool
    allowed_client_ips: str | None
    redirect: str
    no_reuse: bool
    port: int | None
    kept: tuple[tuple[str, str], ...]


_FLAGS = ("open_to_public", "no_reuse")
_TEXTS = ("args", "allowed_client_ips", "redirect", "port", "subdomain")


def wish(
    query: Mapping[str, str], complaints: Complaints, protocols: Sequence[str], addresses: bool
) -> Wish:
    """Read the query. ``addresses``: whether a list of addresses is looked at."""
    app, protocol = complaints.text("app"), complaints.one_of("protocol", protocols)
    if "envs" in query:  # text of an object, never an object (protocol 5.3)
        complaints.add("dict_type", ("envs",), "Input should be a valid dictionary")
    allowed = query.get("allowed_client_ips")
    if addresses and allowed and not _addresses(allowed):
        complaints.add("value_error", ("allowed_client_ips",), "Value error, not an address")
    flags = {name: query.get(name, "").lower() in ("true", "1", "yes", "on") for name in _FLAGS}
    kept = [("app", app), ("protocol", protocol)]
    kept += [(name, "True") for name in _FLAGS if flags[name]]
    kept += [(name, query[name]) for name in _TEXTS if query.get(name)]
    return Wish(
        app=app,
        protocol=protocol,
        allowed_client_ips=allowed,
        redirect=query.get("redirect", ""),
        port=complaints.number("port", required=False),
        kept=tuple(kept),
        **flags,
    )


def _addresses(text: str) -> bool:
    try:
        for part in text.split(","):
            ip_network(part.strip(), strict=False)
    except ValueError:
        return False
    return len(text) <= LONGEST_ADDRESSES
