"""Sends recorded requests again, and compares the answers' shapes with the recorded ones.

A recording has placeholders where values differ from run to run. ``Replay`` gives each a value: the
one that our own answer had at the place where the recorded answer had the placeholder, else one of
its own. So a recorded conversation goes on with our tokens, addresses and cookies.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from tests.support.apps import RawClient, raw_client

FOLDER = Path(__file__).resolve().parents[1] / "recordings"
PLACEHOLDER = re.compile(r"\{(?:[a-z]+\d+|(?:at|quoted):\d+)\}")
COOKIE = re.compile(r'appproxy_permit="?\{permit\d+\}"?')

FREE = {"data", "msg", "error_code", "title", "port"}
"""What people read in a problem: its words are ours. A port is any."""

CHUNKED = b"5\r\nabcde\r\n0\r\n\r\n"

COMPARED = ("location", "set-cookie", "retry-after", "www-authenticate")
"""Fields of answers that clients read, besides those of CORS."""


@dataclass(frozen=True)
class Exchange:
    """A recorded request and its answer."""

    name: str
    to: str
    method: str
    target: str
    fields: tuple[tuple[str, str], ...]
    body: str
    more: int
    status: int
    answer: tuple[tuple[str, str], ...]
    json: str
    app: dict[str, Any] | None

    def get(self, name: str) -> str:
        return next((value for key, value in self.fields if key.lower() == name), "")


def _pairs(lines: list[str]) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, _, value in (line.partition(": ") for line in lines))


def exchanges(folder: str, begin: str = "") -> Iterator[Exchange]:
    """The exchanges of a folder whose names begin so, in their order."""
    document = json.loads((FOLDER / f"{folder}.json").read_text(encoding="utf-8"))
    for one in document["exchanges"]:
        if one["name"].startswith(begin):
            yield Exchange(
                one["name"],
                one["to"],
                one["method"],
                one["target"],
                _pairs(one["fields"]),
                one["body"],
                one["more"],
                one["status"],
                _pairs(one["answer"]),
                one["json"],
                one.get("app"),
            )


@dataclass(frozen=True)
class Given:
    """Our answer."""

    status: int
    fields: tuple[tuple[str, str], ...]
    body: bytes

    def get(self, name: str) -> str:
        return next((value for key, value in self.fields if key.lower() == name), "")

    @property
    def json(self) -> Any:
        return json.loads(self.body) if self.body and "json" in self.get("content-type") else None


Sign = Callable[[str, str, str], Mapping[str, str]]
"""Of a method, a target and an authority: the fields of a signature."""


@dataclass
class Replay:
    """``values``: what placeholders stand for.

    ``kernels``: ports of apps by the recorded ones. ``ports``: ports that clients ask for.
    """

    values: dict[str, str]
    kernels: dict[int, int] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)
    urls: dict[str, str] = field(default_factory=dict)
    cookies: dict[str, str] = field(default_factory=dict)

    def fill(self, text: str) -> str:
        return PLACEHOLDER.sub(lambda found: self._value(found[0]), text)

    def _value(self, placeholder: str) -> str:
        if placeholder not in self.values:
            quoted = placeholder.replace("{at:", "{quoted:")
            if quoted in self.values:
                return self.values[quoted].replace("%3A", ":")
            assert not placeholder.startswith("{at:"), f"{placeholder} is nowhere"
            made = uuid5(NAMESPACE_URL, placeholder)
            self.values[placeholder] = str(made) if "uuid" in placeholder else made.hex
        return self.values[placeholder]

    # the request

    async def send(self, one: Exchange, sign: Sign | None = None) -> Given:
        """The request with our values; what was answered, and learnt from the answer.

        ``sign`` gives the fields that stand for the recorded signature.
        """
        place, target = self._where(one)
        port = place.rpartition(":")[2]
        head = [f"{one.method} {target} HTTP/1.1", *self._lines(one, place)]
        if sign is not None:
            fields = sign(one.method, target, place)
            head = [line for line in head if line.partition(":")[0] not in fields]
            head += [f"{name}: {value}" for name, value in fields.items()]
        body = self._body(one)
        if (body or one.method in ("POST", "PUT")) and not one.get("transfer-encoding"):
            head.append(f"Content-Length: {len(body)}")
        async with raw_client(int(port)) as client:
            await client.send("\r\n".join([*head, "", ""]).encode("latin-1") + body)
            given = await _answer(client, one.method)
        self._learn(one, given)
        return given

    def _where(self, one: Exchange) -> tuple[str, str]:
        """The address and the target; a URL that was given is used as it was given."""
        url = f"http://{one.to}{one.target}"
        for recorded, ours in self.urls.items():
            if url.startswith(recorded):
                whole = (ours + self.fill(url[len(recorded) :])).partition("://")[2]
                place, _, path = whole.partition("/")
                return place, f"/{path}"
        target = self.fill(one.target)
        for asked, port in self.ports.items():
            target = target.replace(f"port={asked}", f"port={port}")
        return self.fill(one.to), target

    def _lines(self, one: Exchange, place: str) -> Iterator[str]:
        for name, value in one.fields:
            if name.lower() == "host" and value == one.to:
                yield f"{name}: {place}"
            elif name.lower() == "connection" and value.lower() == "keep-alive":
                yield f"{name}: close"
            elif name.lower() == "cookie":
                cookie = COOKIE.sub(lambda _: self.cookies.get(place, "none=1"), value)
                yield f"{name}: {self.fill(cookie)}"
            else:
                yield f"{name}: {self.fill(value)}"
        if not one.get("connection"):
            yield "Connection: close"

    def _body(self, one: Exchange) -> bytes:
        """With our app's port in it; what the recording does not show of it is filled up."""
        if one.get("transfer-encoding"):
            return CHUNKED
        text = re.sub(
            r'("kernel_port": ?"?)(\d+)',
            lambda found: found[1] + str(self.kernels.get(int(found[2]), int(found[2]))),
            self.fill(one.body),
        )
        return text.encode("latin-1") + b"z" * one.more

    # the answer

    def _learn(self, one: Exchange, given: Given) -> None:
        for recorded, ours in _texts(_document(one.json), given.json):
            self._bind(recorded, ours)
        for name, value in one.answer:
            if name.lower() == "location":
                self._bind(value, given.get("location"))
        if given.get("set-cookie") and given.status < 400:
            place = given.get("location").partition("://")[2].partition("/")[0]
            self.cookies[place] = given.get("set-cookie").partition(";")[0]
            permit = next((value for name, value in one.answer if name == "Set-Cookie"), "")
            for placeholder in re.findall(r"\{permit\d+\}", permit):
                self.values[placeholder] = self.cookies[place].partition("=")[2].strip('"')

    def _bind(self, recorded: str, ours: str) -> None:
        recorded, ours = recorded.rstrip("/"), ours.rstrip("/")
        if "?" in recorded:
            self.urls[recorded] = ours
        names = PLACEHOLDER.findall(recorded)
        parts = [re.escape(part) for part in PLACEHOLDER.split(recorded)]
        groups = ["([^/]+)" if name.startswith("{at:") else "(.+?)" for name in names]
        pattern = "".join(part + group for part, group in zip(parts, [*groups, ""], strict=True))
        found = re.fullmatch(pattern + "(?:/.*)?", ours)
        if found is not None:
            self.values.update(zip(names, found.groups(), strict=True))


def _document(text: str) -> Any:
    return json.loads(text) if text else None


def _texts(recorded: Any, ours: Any) -> Iterator[tuple[str, str]]:
    """Texts at the same places of two documents."""
    if isinstance(recorded, dict) and isinstance(ours, dict):
        for key in recorded.keys() & ours.keys():
            yield from _texts(recorded[key], ours[key])
    elif isinstance(recorded, str) and isinstance(ours, str):
        yield recorded, ours


async def _answer(client: RawClient, method: str) -> Given:
    """One answer: by its length, by its chunks, or until the end."""
    start, *lines = (await client.head()).decode("latin-1").rstrip().split("\r\n")
    given = Given(int(start.split(" ")[1]), _pairs(lines), b"")
    if method == "HEAD" or given.status in (101, 204, 304):
        return given
    if given.get("content-length"):
        return replace(given, body=await client.size(int(given.get("content-length"))))
    return replace(given, body=await client.end())


def differences(one: Exchange, given: Given) -> list[str]:
    """How the shape of our answer is another one."""
    found = []
    if given.status != one.status:
        found.append(f"{one.status} -> {given.status}")
    found += _fields(one, given)
    recorded, ours = _document(one.json), given.json
    if isinstance(recorded, dict):
        mine = ours if isinstance(ours, dict) else {}
        if missing := sorted(recorded.keys() - mine.keys() - FREE):
            found.append(f"no {', '.join(missing)}")
        found += _values(recorded, mine)
    return found


def _values(recorded: dict[str, Any], ours: dict[str, Any]) -> Iterator[str]:
    """Values that clients decide by: the type of a problem, codes and booleans."""
    for key in sorted((recorded.keys() & ours.keys()) - FREE):
        one, other = recorded[key], ours[key]
        if type(one) is not type(other):
            yield f"{key} is another type"
        elif isinstance(one, bool | int) and one != other:
            yield f"{key} {one} -> {other}"
    if "type" in recorded and "type" in ours and recorded["type"] != ours["type"]:
        yield f"{_slug(recorded)} -> {_slug(ours)}"


def _slug(document: dict[str, Any]) -> str:
    return str(document["type"]).rpartition("/probs/")[2]


def _fields(one: Exchange, given: Given) -> Iterator[str]:
    """Fields that clients read: those of CORS where an origin asks."""
    names = {name.lower() for name, _ in one.answer}
    compared = set(COMPARED)
    if one.get("origin") and one.app is None:
        compared |= {"access-control-allow-origin"}
        if one.method == "OPTIONS":
            compared |= {"access-control-allow-methods", "access-control-allow-headers"}
    for name in sorted(names & compared):
        if not given.get(name):
            yield f"no {name}"
    told = next((value for name, value in one.answer if name.lower() == "content-type"), "")
    if one.json and _media(told) != _media(given.get("content-type")):
        yield f"content-type {given.get('content-type')}"


def _media(content_type: str) -> str:
    """Problems are JSON, whichever of the two they say."""
    return content_type.partition(";")[0].strip().replace("problem+", "")
