"""Where settings come from: the file, the classic variables, and ``WSPROXY__SECTION__KEY``.

Later ones win, in this order. Each value remembers its origin, so that a complaint can name it.
Nothing is checked here but the syntax of the file; meaning is the models' matter.
"""

import json
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wsproxy.config.complaints import Complaint
from wsproxy.config.lines import line_numbers
from wsproxy.config.sections import Gateway
from wsproxy.config.values import Bind, bracketed, parse_bind
from wsproxy.core.portpool import parse_pool

PREFIX = "WSPROXY__"

KeyPath = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Origin:
    """``line`` is None for everything that is no file."""

    source: str
    line: int | None = None


@dataclass(slots=True)
class Raw:
    """Merged, unchecked settings: nested dicts keyed as in the file."""

    data: dict[str, Any] = field(default_factory=dict)
    origins: dict[KeyPath, Origin] = field(default_factory=dict)
    complaints: list[Complaint] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    lenient_pool: bool = False

    def put(self, path: KeyPath, value: Any, origin: Origin) -> None:
        table = self.data
        for name in path[:-1]:
            inner = table.setdefault(name, {})
            if not isinstance(inner, dict):  # the file has a plain value where a table belongs
                return
            table = inner
        table[path[-1]] = value
        self.origins[path] = origin

    def origin_of(self, path: KeyPath) -> Origin:
        """Where ``path`` was set, or something in it, or the nearest table around it."""
        inside = [key for key in self.origins if path and key[: len(path)] == path]
        if inside:
            return self.origins[min(inside, key=len)]
        return self.origin_of(path[:-1]) if path else self.origins.get((), Origin(""))


def read_file(raw: Raw, path: Path) -> None:
    """Add the file; a file that cannot be read or parsed becomes a complaint."""
    source = str(path)
    raw.origins[()] = Origin(source)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        reason = error.strerror or str(error)
        remedy = "`wsproxy config sample` prints a file to begin with"
        raw.complaints.append(Complaint("", f"cannot be read: {reason}", remedy, source))
        return
    except UnicodeDecodeError:
        raw.complaints.append(Complaint("", "is not UTF-8 text", "", source))
        return
    try:
        raw.data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raw.complaints.append(_syntax(str(error), source, text))
        return
    for key, line in line_numbers(text).items():
        raw.origins[key] = Origin(source, line)


def _syntax(message: str, source: str, text: str) -> Complaint:
    match = re.search(r" \(at (?:line (\d+), column \d+|end of document)\)$", message)
    line = text.count("\n") + 1
    if match and match[1]:
        line = int(match[1])
    what = message[: match.start()] if match else message
    return Complaint("", f"is not valid TOML: {what}", "Text needs quotes", source, line)


def read_dotenv(path: Path) -> dict[str, str]:
    """``KEY=VALUE`` lines, with ``export``, quotes and comments; other lines are ignored."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return {}
    values = {}
    for line in text.splitlines():
        if match := re.match(r"\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(.*?)\s*$", line):
            values[match[1]] = _unquoted(match[2])
    return values


def _unquoted(text: str) -> str:
    if match := re.match(r"""(["'])(.*?)\1\s*(?:#.*)?$""", text):
        return match[2]
    return re.split(r"(?:^|\s)#", text, maxsplit=1)[0].strip()


def text_list(text: str) -> list[Any] | str:
    """A list from the environment: a JSON array, or items between commas."""
    text = text.strip()
    if text.startswith("["):
        try:
            items = json.loads(text)
        except ValueError:
            return text
        return list(items)
    return [item.strip() for item in text.split(",") if item.strip()]


Converter = Callable[[KeyPath, str], Any]


def read_prefixed(raw: Raw, environ: Mapping[str, str], convert: Converter) -> None:
    """Add ``WSPROXY__SECTION__KEY``. ``convert`` makes of the text what its key wants."""
    for name in sorted(environ):
        if not name.startswith(PREFIX):
            continue
        parts = name.removeprefix(PREFIX).split("__")
        path = _env_path(parts, raw.data)
        raw.put(path, convert(path, environ[name]), Origin(f"environment variable {name}"))


def _env_path(parts: list[str], data: Mapping[str, Any]) -> KeyPath:
    keys = [part.lower().replace("_", "-") for part in parts]
    if keys[0] == "groups" and len(parts) == 3:
        keys[1] = _group_name(parts[1], data.get("groups"))
    return tuple(keys)


def _group_name(part: str, groups: Any) -> str:
    """A group of the file that is spelt alike; else the text itself, capitals made small."""
    known: Iterable[str] = groups if isinstance(groups, dict) else ()
    for name in known:
        if re.sub(r"\W", "_", name).upper() == re.sub(r"\W", "_", part).upper():
            return name
    return part.lower() if part.isupper() else part


def read_classic(raw: Raw, environ: Mapping[str, str]) -> None:
    """Add the variables of the older local proxy (protocol 1). Empty ones count as not set."""
    present = {name: value.strip() for name, value in environ.items() if value.strip()}
    _classic_addresses(raw, present)
    for name, path in _CLASSIC_TEXTS.items():
        if name in present:
            raw.put(path, present[name], _classic_origin(name))
    if "WSPROXY_CORS_ORIGINS" in present:
        origins = text_list(present["WSPROXY_CORS_ORIGINS"])
        raw.put(("gateway", "allowed-origins"), origins, _classic_origin("WSPROXY_CORS_ORIGINS"))
    if present.get("DEBUG", "").lower() in ("true", "1", "yes"):
        raw.put(("gateway", "log-level"), "debug", _classic_origin("DEBUG"))
    if present.get("NODE_TLS_REJECT_UNAUTHORIZED") == "0":
        origin = _classic_origin("NODE_TLS_REJECT_UNAUTHORIZED")
        raw.put(("manager", "verify-tls"), False, origin)
    _classic_pool(raw, present.get("WSPROXY_PORT_POOL"))


_CLASSIC_TEXTS: Mapping[str, KeyPath] = {
    "EXT_HTTP_PROXY": ("v1", "http-proxy"),
    "PROXYLISTENIP": ("v1", "listen-host"),
    "WSPROXY_PORT_POOL": ("v1", "port-pool"),
}

CLASSIC: Mapping[str, tuple[str, str]] = {
    "PROXYLISTENIP": ("`gateway.bind`, `v1.listen-host`", "Address to listen on."),
    "PROXYBASEHOST": ("`gateway.advertise`", "Host in every URL that is returned."),
    "PROXYBASEPORT": ("`gateway.bind`", "Port of the control API."),
    "PORT": ("`gateway.bind`", "The same, where PROXYBASEPORT is not set."),
    "EXT_HTTP_PROXY": ("`v1.http-proxy`", "HTTP proxy for the tunnels to the manager."),
    "WSPROXY_CORS_ORIGINS": ("`gateway.allowed-origins`", "Commas or a JSON array."),
    "WSPROXY_PORT_POOL": ("`v1.port-pool`", "As there, but wrong entries are skipped."),
    "DEBUG": ("`gateway.log-level`", "`true`: debug."),
    "NODE_TLS_REJECT_UNAUTHORIZED": ("`manager.verify-tls`", "`0`: false."),
}
"""Name -> what it sets, and its meaning (for the reference page)."""


def _classic_origin(name: str) -> Origin:
    return Origin(f"environment variable {name}")


def _classic_addresses(raw: Raw, present: Mapping[str, str]) -> None:
    """PROXYLISTENIP and PROXYBASEPORT (or PORT) make bind, PROXYBASEHOST the host of advertise."""
    port_name = "PROXYBASEPORT" if "PROXYBASEPORT" in present else "PORT"
    names = [name for name in ("PROXYLISTENIP", port_name) if name in present]
    bind = _bind_so_far(raw.data)
    host = present.get("PROXYLISTENIP", bracketed(bind.host))
    port = present.get(port_name, str(bind.port))
    if names:
        host = host if host.startswith("[") else bracketed(host)
        raw.put(("gateway", "bind"), f"{host}:{port}", _classic_origin(names[-1]))
    if "PROXYBASEHOST" in present:
        base = present["PROXYBASEHOST"]
        base = base if base.startswith("[") else bracketed(base)
        origin = _classic_origin("PROXYBASEHOST")
        raw.put(("gateway", "advertise"), f"http://{base}:{port}", origin)


def _bind_so_far(data: Mapping[str, Any]) -> Bind:
    default: Bind = Gateway.model_fields["bind"].default
    section = data.get("gateway")
    written = section.get("bind") if isinstance(section, dict) else None
    try:
        bind = parse_bind(written)
    except ValueError:
        return default
    return bind if isinstance(bind, Bind) and not bind.path else default


def _classic_pool(raw: Raw, text: str | None) -> None:
    """Bad entries are skipped with a warning; a pool of nothing else stays a pool (protocol 1)."""
    raw.lenient_pool = text is not None
    for entry in parse_pool(text or "")[1]:
        raw.warnings.append(f"WSPROXY_PORT_POOL: {entry!r} is skipped: no port, no rising range")
