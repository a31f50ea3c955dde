"""Deleting a session: what each answer means, and for which of its two parts (design 7).

The manager decides the fate of the *session*; a gateway that of its *circuits*. The two are asked
side by side and judged apart, because who said 404 matters: the manager's means already gone, the
gateway's means nothing to clean, and some other server's means nothing at all.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Any

from wsproxy.core.failure import Failure, FailureKind, Side
from wsproxy.core.wire import Version


class Fate(StrEnum):
    """What became of the session, or of its circuits."""

    DELETED = "deleted"
    ALREADY_GONE = "already-gone"
    CLOSED = "closed"
    NONE = "none"
    DEFERRED = "deferred"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a part failed: a stable code, and words for a person."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class SessionPart:
    """``deleted``, ``already-gone``, ``failed``. ``unreachable``: nobody answered as a manager."""

    fate: Fate
    fault: Fault | None = None
    unreachable: bool = False

    @property
    def gone(self) -> bool:
        return self.fate is not Fate.FAILED


@dataclass(frozen=True, slots=True)
class CircuitsPart:
    """``closed`` (how many), ``none``, ``deferred`` or ``failed``."""

    fate: Fate
    closed: int = 0
    fault: Fault | None = None


NOTHING = CircuitsPart(Fate.NONE)


@dataclass(frozen=True, slots=True)
class Terminated:
    """One session's result; ``id`` is how the caller named it."""

    id: str
    session: SessionPart
    circuits: CircuitsPart

    def document(self) -> dict[str, Any]:
        """For ``--json``: ``id``, ``session``, ``circuits``, and what is known besides."""
        document: dict[str, Any] = {
            "id": self.id,
            "session": self.session.fate.value,
            "circuits": self.circuits.fate.value,
        }
        if self.circuits.fate is Fate.CLOSED:
            document["closed"] = self.circuits.closed
        for name, fault in (("session", self.session.fault), ("circuits", self.circuits.fault)):
            if fault is not None:
                document[f"{name}_problem"] = {"code": fault.code, "detail": fault.detail}
        return document


class Exit(IntEnum):
    """Exit codes of ``wsproxy terminate`` (design 7); 2 is usage."""

    GONE = 0
    NOT_DELETED = 1
    UNREACHABLE = 3


def exit_code(results: Iterable[Terminated]) -> Exit:
    """0 when every session is gone; 3 when a manager was not reached; else 1."""
    left = [result.session for result in results if not result.session.gone]
    if not left:
        return Exit.GONE
    return Exit.UNREACHABLE if any(part.unreachable for part in left) else Exit.NOT_DELETED


# the session


GONE_SLUGS = frozenset({"session-not-found", "object-not-found"})
"""Only these problems of a manager mean that the session does not exist."""

GONE_OR_NOT_YOURS = "It is gone, or not yours (use -o)."


def of_manager(status: int, body: bytes, explained: str = "") -> SessionPart:
    """The manager's answer to DELETE (protocol 8.3). ``explained``: words for a person."""
    document = _parsed(body)
    slug = problem_slug(document)
    if 200 <= status < 300 and (isinstance(document, dict | list) or status == 204):
        return SessionPart(Fate.DELETED)
    if status == 404 and slug in GONE_SLUGS:
        return SessionPart(Fate.ALREADY_GONE, Fault(slug, GONE_OR_NOT_YOURS))
    if slug:
        return SessionPart(Fate.FAILED, Fault(slug, explained))
    if status < 300:
        return SessionPart(Fate.FAILED, Fault("not-a-manager", "What answers is not a manager."))
    return SessionPart(Fate.FAILED, Fault(f"manager-answers-{status}", explained))


def of_manager_failure(failure: Failure) -> SessionPart:
    """Nobody answered as a manager does."""
    detail = f"The manager cannot be used: {failure.detail}."
    return SessionPart(Fate.FAILED, Fault(f"manager-{failure.kind}", detail), unreachable=True)


# the circuits


class Told(StrEnum):
    """What one dialect of a gateway said to a check or a deletion."""

    YES = "yes"
    NONE = "none"
    DENIED = "denied"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Word:
    """``count``: how many circuits were closed, where the gateway says so, else 1."""

    told: Told
    count: int = 0
    fault: Fault | None = None


def of_gateway(version: Version, status: int, body: bytes) -> Word:
    """A gateway's answer: its status line and the code in its body both count (landscape A).

    v1 answers 200 with ``{"code": n}``; v2 200 with ``{"success": bool}``, old ones by status.
    """
    document = _parsed(body)
    said = document if isinstance(document, dict) else {}
    code = _code(version, status, said)
    if code == 200:
        count = said.get("closed")
        return Word(Told.YES, count if isinstance(count, int) else 1)
    if code in (401, 404):  # 401: a v1 proxy that was never configured has no circuits
        return Word(Told.NONE)
    if code == 403:
        detail = "The gateway does not accept the token (use --gateway-token)."
        return Word(Told.DENIED, fault=Fault("token-rejected", detail))
    if 200 <= status < 300:
        detail = "What answers at the gateway's address is not a wsproxy."
        return Word(Told.BROKEN, fault=Fault("gateway-not-a-wsproxy", detail))
    fault = Fault(f"gateway-answers-{status}", f"The gateway answers {status}.")
    return Word(Told.BROKEN, fault=fault)


def _code(version: Version, status: int, said: Mapping[str, Any]) -> int:
    """The one number that both generations mean; 0 when the answer is no wsproxy's."""
    inner = said.get("code")
    if status >= 400:
        return status if status in (403, 404) or inner == status else 0
    if status >= 300:
        return 0
    if isinstance(inner, int) and not isinstance(inner, bool):
        return inner
    if version is Version.V2 and isinstance(said.get("success"), bool):
        return 200 if said["success"] else 404
    return 0


_GATEWAY_KINDS: Mapping[FailureKind, str] = {
    FailureKind.UNRESOLVABLE: "gateway-unresolvable",
    FailureKind.CONNECT_TIMEOUT: "gateway-silent",
    FailureKind.FIRST_BYTE_TIMEOUT: "gateway-silent",
    FailureKind.TOTAL_TIMEOUT: "gateway-silent",
    FailureKind.TLS: "gateway-tls",
    FailureKind.MALFORMED_ANSWER: "gateway-not-a-wsproxy",
}


def of_gateway_failure(failure: Failure) -> Word:
    """Nobody answered at the gateway's address."""
    code = _GATEWAY_KINDS.get(failure.kind, "gateway-refused")
    return Word(Told.BROKEN, fault=Fault(code, f"The gateway cannot be used: {failure.detail}."))


OUT_OF_TIME = Failure(FailureKind.TOTAL_TIMEOUT, Side.GATEWAY, "it gives no answer in time")


def circuits_part(words: Iterable[Word]) -> CircuitsPart:
    """What the dialects of one gateway said together: closed wins, then a fault, then nothing."""
    said = list(words)
    closed = sum(word.count for word in said if word.told is Told.YES)
    faults = [word for word in said if word.told in (Told.BROKEN, Told.DENIED)]
    if closed:
        return CircuitsPart(Fate.CLOSED, closed)
    if faults:
        worst = next((word for word in faults if word.told is Told.BROKEN), faults[0])
        return CircuitsPart(Fate.FAILED, fault=worst.fault)
    return NOTHING


def worth_a_hint(session: SessionPart, circuits: CircuitsPart) -> bool:
    """Whether to ask the gateway again: it may see now that the session is gone (design 7)."""
    denied = circuits.fault is not None and circuits.fault.code == "token-rejected"
    return session.gone and denied


# shared


def _parsed(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def problem_slug(document: object) -> str:
    """The last part of a problem's ``type``; "" when it is no problem document."""
    kind = document.get("type") if isinstance(document, dict) else None
    if not isinstance(kind, str) or "/" not in kind:
        return ""
    return kind.rpartition("/")[2]
