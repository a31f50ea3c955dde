#!/usr/bin/env python3
"""Distil recorded traffic into fixtures: ``python -m scripts.recordings FOLDER… --to DIRECTORY``.

Each folder of transcripts becomes one JSON file of requests and answers. What is secret or differs
from run to run becomes a placeholder such as ``{uuid1}`` or ``{at:5050}``; what nobody compares
(dates, server names, pages, bodies of apps) is left out.
"""

import argparse
import ast
import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Fields = list[tuple[str, str]]

DROPPED = {
    *("date", "server", "content-length", "connection", "keep-alive"),
    *("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-window"),
}
"""Fields of answers, in lower case."""

LONGEST = 1500
"""Characters of a body that are kept; ``more`` says how many bytes were sent besides."""


@dataclass
class Message:
    """A request or an answer: its first line, its fields, its body."""

    start: str
    fields: Fields = field(default_factory=list)
    body: str = ""

    def get(self, name: str) -> str:
        return next((value for key, value in self.fields if key.lower() == name), "")


@dataclass
class Exchange:
    """``seen``: what the app behind received. ``to``: where it was sent; "" is as Host says."""

    name: str
    request: Message
    answer: Message
    seen: Message | None = None
    to: str = ""


# taking texts apart


def message(text: str) -> Message:
    """A head and a body, whatever the ends of lines."""
    head, _, body = text.replace("\r\n", "\n").lstrip("\n").partition("\n\n")
    start, *lines = head.split("\n")
    pairs = [line.partition(": ") for line in lines if ": " in line]
    return Message(start, [(name, value) for name, _, value in pairs], body.strip("\n"))


def of_browser(name: str, text: str) -> Iterator[Exchange]:
    """``---- time``, the request, then the answer behind ``==> ``."""
    for number, part in enumerate(re.split(r"(?m)^---- [\d:]+\n", text)[1:], 1):
        lines = part.split("\n")
        answer = "\n".join(line[4:] for line in lines if line.startswith("==> "))
        request = "\n".join(line for line in lines if not line.startswith("==> "))
        yield Exchange(f"{name} {number}", message(request), message(answer))


def of_socket(name: str, text: str) -> Iterator[Exchange]:
    """``>>> TO place``, the request, ``<<< time``, the answer, and what the app received."""
    found = re.search(r">>> TO (\S+)\n(.*?)\n<<< [^\n]*\n(.*?)(?:\n### what |\Z)", text, re.DOTALL)
    if found is None or not found[3].startswith("HTTP/"):
        return
    _, marked, seen = text.partition("<<APP GOT>>\n")
    app = message(seen) if marked else None
    answer = message(found[3].partition("\n<<")[0])
    yield Exchange(name, message(found[2]), answer, app, found[1])


def of_manager(name: str, text: str) -> Iterator[Exchange]:
    """``### title``, the request behind ``>>> ``, ``<<< [time]``, the answer."""
    for part in re.split(r"(?m)^### ", text)[1:]:
        title, _, rest = part.partition("\n")
        for asked, said in re.findall(
            r"((?:^>>> [^\n]*\n)+)<<< \[[^\n]*\n(.*?)(?=^>>> |\Z)", rest, re.DOTALL | re.MULTILINE
        ):
            request = "\n".join(line[4:] for line in asked.split("\n"))
            yield Exchange(f"{name}: {title}", message(request), message(said))


def of_curl(name: str, text: str) -> Iterator[Exchange]:
    """``##### title``, ``> `` and ``< `` lines, ``--- body``, ``--- `` and the outcome."""
    for part in re.split(r"(?m)^##### ", text)[1:]:
        title, _, rest = part.partition("\n")
        asked = "\n".join(re.findall(r"(?m)^> (.*)$", rest))
        said = "\n".join(re.findall(r"(?m)^< (.*)$", rest))
        body = re.search(r"(?ms)^--- body[^\n]*\n(.*?)\n--- \d+ exit", rest)
        data = re.search(r"(?m)^\$ curl .* -d (\{.*?\}|\[.*?\])(?: http.*| -H .*)?$", rest)
        if asked and said.startswith("HTTP/"):
            request, answer = message(asked), message(said)
            request.body = data[1] if data else ""
            answer.body = body[1] if body else ""
            yield Exchange(f"{name}: {title}", request, answer)


def of_stream(name: str, text: str) -> Iterator[Exchange]:
    """``### title path {fields}`` and the handshake's answer, or ``### GET path how -> answer``."""
    login = re.search(r"X-BackendAI-SessionID': '(\w+)'", text)
    for title, path, fields, rest in re.findall(
        r"(?m)^### (.*?) (/func/\S+) (\{.*\})\n (.*)$", text
    ):
        refused = re.search(r"(\d{3}) (\{.*\})", rest)
        if refused:
            asked = Message(f"GET {path} HTTP/1.1", list(ast.literal_eval(fields).items()))
            answer = Message(f"HTTP/1.1 {refused[1]}", list(ast.literal_eval(refused[2]).items()))
            yield Exchange(f"{name}: {title}", asked, answer)
    for method, path, status, body in re.findall(
        r"(?m)^### (GET|POST) (\S+) header -> (\d+) (.*)$", text
    ):
        sent = [("X-BackendAI-SessionID", login[1])] if login else []
        answer = Message(f"HTTP/1.1 {status}", [("Content-Type", "application/json")], body)
        yield Exchange(f"{name}: {path}", Message(f"{method} {path} HTTP/1.1", sent), answer)


Parser = Callable[[str, str], Iterator[Exchange]]

PARSERS: dict[str, tuple[Parser, str]] = {
    "webui": (of_browser, "v*.txt"),
    "appproxy": (of_socket, "[0-9]*.txt"),
    "manager": (of_manager, "**/*.txt"),
    "wsproxy": (of_curl, "0[13]-*.txt"),
    "webserver": (of_stream, "stream*.txt"),
}
"""By the first word of a folder's name: how it is read, and which of its files.

Recordings of command line clients show no requests; those have no parser.
"""


# making it the same for every run


class Names:
    """Gives each value that differs from run to run one placeholder in a folder."""

    _KINDS = (
        ("jwt", re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]*")),
        ("permit", re.compile(r"[A-Za-z0-9+/]{86}==")),
        ("signature", re.compile(r"\b[0-9a-f]{64}\b")),
        ("login", re.compile(r"\b[0-9a-f]{32}\b")),
        ("uuid", re.compile(r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b")),
        ("token", re.compile(r"\bSTUBTOKEN\b")),
        ("secret", re.compile(r"(?<=api_secret: )\S+|\bsome_api_secret\b|\bAP1S3CR3T\w*\b")),
        ("lst", re.compile(r"\blst(?:-secret-\d)?\b")),
    )

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], str] = {}

    def clean(self, text: str) -> str:
        for kind, pattern in self._KINDS:
            text = pattern.sub(lambda found, kind=kind: self._name(kind, found[0]), text)  # type: ignore[misc]
        text = re.sub(r"127\.0\.0\.1%3A(\d+)", r"{quoted:\1}", text)
        return re.sub(r"127\.0\.0\.1:(\d+)", r"{at:\1}", text)

    def lines(self, fields: Fields, dropped: set[str]) -> list[str]:
        """Fields as lines, without some."""
        kept = [(key, value) for key, value in fields if key.lower() not in dropped]
        return [f"{key}: {self.clean(value)}" for key, value in kept]

    def _name(self, kind: str, value: str) -> str:
        number = 1 + sum(known == kind for known, _ in self._known)
        return self._known.setdefault((kind, value), f"{{{kind}{number}}}")


def distilled(exchange: Exchange, names: Names) -> dict[str, Any]:
    """One exchange as it is kept."""
    asked, said = exchange.request, exchange.answer
    method, target, _ = asked.start.split(" ", 2)
    status = re.match(r"HTTP/1\.[01] (-?\d+)", said.start)
    document: dict[str, Any] = {
        "name": names.clean(exchange.name),
        "to": names.clean(exchange.to or asked.get("host")),
        "method": method,
        "target": names.clean(target),
        "fields": names.lines(asked.fields, {"content-length", "date"}),
        "body": names.clean(asked.body[:LONGEST]),
        "more": max(0, int(asked.get("content-length") or 0) - len(asked.body[:LONGEST])),
        "status": int(status[1]) if status else 0,
        "answer": names.lines(said.fields, DROPPED),
        "json": names.clean(_json(said)),
    }
    if exchange.seen is not None:
        document["app"] = {
            "start": names.clean(exchange.seen.start),
            "fields": names.lines(exchange.seen.fields, set()),
        }
        document["json"] = ""
    return document


def _json(said: Message) -> str:
    """A body that clients read: JSON, and not an app's own."""
    if "json" not in said.get("content-type") or said.get("x-app"):
        return ""
    try:
        json.loads(said.body)
    except ValueError:
        return ""
    return said.body


def distil(folder: Path) -> dict[str, Any]:
    """A whole folder."""
    parser, files = PARSERS[folder.name.partition("-")[0]]
    names = Names()
    exchanges = [
        distilled(exchange, names)
        for path in sorted(folder.glob(files), key=_in_order)
        for exchange in parser(path.stem, path.read_text(encoding="latin-1"))
    ]
    _number(exchanges)
    return {"folder": folder.name, "exchanges": exchanges}


def _number(exchanges: list[dict[str, Any]]) -> None:
    """A name that was used before gets a number."""
    used: Counter[str] = Counter()
    for one in exchanges:
        used[one["name"]] += 1
        if used[one["name"]] > 1:
            one["name"] += f" #{used[one['name']]}"


def _in_order(path: Path) -> tuple[int, str]:
    """Files that are numbered, by their numbers."""
    number = re.match(r"\d+", path.name)
    return (int(number[0]) if number else 0, path.name)


def main(arguments: list[str]) -> int:
    options = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    options.add_argument("folder", nargs="+", type=Path)
    options.add_argument("--to", type=Path, required=True)
    chosen = options.parse_args(arguments)
    for folder in chosen.folder:
        document = distil(folder)
        text = json.dumps(document, indent=1, ensure_ascii=False)
        lines = [line.rstrip() for line in text.split("\n")]
        path = chosen.to / f"{folder.name}.json"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        print(f"wrote {path}: {len(document['exchanges'])} exchanges")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
