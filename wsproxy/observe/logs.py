"""Logs of a gateway: one line an event on stderr, as text or JSON, without secrets.

Modules log with ``logging.getLogger(__name__)``. Facts beside the message go into ``extra`` as
``{"fields": {...}}``, or through ``event``; both formats print them.
"""

import json
import logging
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TextIO

from wsproxy.observe.redact import escaped, printable, redact, safe_url

LOGGER = "wsproxy"
access_log = logging.getLogger(f"{LOGGER}.access")

NOISY = ("asyncio", "aiohttp")
"""Loggers of libraries that share our handler; only from warning on."""


class OneLine(logging.Formatter):
    """``time level logger: message key=value``; a traceback follows on the same line, escaped."""

    def format(self, record: logging.LogRecord) -> str:
        clean = _cleaner(record)
        parts = [_when(record), record.levelname.lower(), f"{record.name}:"]
        parts.append(clean(record.getMessage()))
        parts += [clean(f"{key}={_value(value)}") for key, value in _fields(record).items()]
        if record.exc_info:
            parts.append("error=" + redact(self.formatException(record.exc_info)))
        return escaped(" ".join(parts))


class JsonLine(logging.Formatter):
    """One JSON object a line: time, level, logger, message, and the fields."""

    def format(self, record: logging.LogRecord) -> str:
        clean = _cleaner(record)
        document: dict[str, Any] = {
            "time": _when(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": clean(record.getMessage()),
        }
        for key, value in _fields(record).items():
            document[key] = value if isinstance(value, int | float | None) else clean(str(value))
        if record.exc_info:
            document["error"] = redact(self.formatException(record.exc_info))
        return json.dumps(document)  # ASCII: nothing in it can drive a terminal or end a line


def _cleaner(record: logging.LogRecord) -> Callable[[str], str]:
    """``redact``, but for access records: their parts are safe already, and there are many."""
    return str if record.name == access_log.name else redact


def _when(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _fields(record: logging.LogRecord) -> Mapping[str, Any]:
    fields = getattr(record, "fields", None)
    return fields if isinstance(fields, Mapping) else {}


def _value(value: Any) -> str:
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if not text or " " in text else text


def setup(level: str = "info", style: str = "text", stream: TextIO | None = None) -> None:
    """Send all logs of this process to ``stream`` (stderr). Calling it again replaces the first."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLine() if style == "json" else OneLine())
    for name in (LOGGER, *NOISY):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.propagate = False
        logger.setLevel(logging.WARNING if name in NOISY else level.upper())


def event(logger: logging.Logger, level: int, message: str, **fields: Any) -> None:
    """Log ``message`` with facts beside it, e.g. ``event(log, INFO, "circuit opened", port=1)``."""
    logger.log(level, message, extra={"fields": fields})


@dataclass(frozen=True, slots=True)
class Access:
    """One finished exchange or tunnel, for the access log. Names no client and no query.

    ``method`` and ``target`` are empty for TCP apps and v1 listeners, where nobody reads a head.
    ``seconds`` is the duration; ``status`` 0 means that no answer was sent; ``failure`` and
    ``side`` are those of ``core.failure``, or "".
    """

    method: str
    target: str
    status: int
    version: str
    seconds: float
    circuit: str = ""
    app: str = ""
    failure: str = ""
    side: str = ""
    upgraded: bool = False


def wants_access(side: str) -> bool:
    """Whether a record with this failure side ("" for none) would be written at all."""
    return access_log.isEnabledFor(_level(side))


def _level(side: str) -> int:
    return logging.WARNING if side in ("gateway", "manager", "app") else logging.INFO


def log_access(access: Access) -> None:
    """Write one access record; at level warning when the gateway or the app failed."""
    level = _level(access.side)
    if not access_log.isEnabledFor(level):
        return
    fields: dict[str, Any] = {}
    if access.method:
        fields["method"] = printable(access.method, 20)
        fields["target"] = safe_url(access.target)
        fields["status"] = access.status
    fields |= {"version": access.version, "ms": round(access.seconds * 1000, 1)}
    optional = {
        "circuit": access.circuit,
        "app": printable(access.app, 60),
        "failure": access.failure,
        "side": access.side,
        "upgraded": access.upgraded,
    }
    fields.update({key: value for key, value in optional.items() if value})
    event(access_log, level, "tunnel" if access.upgraded else "exchange", **fields)
