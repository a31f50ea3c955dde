"""Deleting a session: what each answer means, and for which of its two parts (design 7).

The manager decides the fate of the *session*; a gateway that of its *circuits*. The two are asked
side by side and judged apart, because who said 404 matters: the manager's means already gone, the
gateway's means nothing to clean, and some other server's means nothing at all.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Any, TypeVar

from wsproxy.core.failure import Failure, FailureKind, Side
from wsproxy.core.strangers import parsed, problem_slug
from wsproxy.core.wire import Speaker, Version


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
    """``deleted``, ``already-gone`` or ``failed``. ``unreachable``: nobody answered."""

    fate: Fate
    fault: Fault | None = None
    unreachable: bool = False

    @property
    def gone(self) -> bool:
        return self.fate is not Fate.FAILED


@dataclass(frozen=True, slots=True)
class CircuitsPart:
    """``closed``, ``none``, ``deferred`` or ``failed``.

    ``closed``: how many, None where the gateway does not say. A fault beside ``closed`` means that
    one of the gateway's dialects closed circuits and the other failed.
    """

    fate: Fate
    closed: int | None = None
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
        if self.circuits.closed is not None:
            document["closed"] = self.circuits.closed
        for name, fault in (("session", self.session.fault), ("circuits", self.circuits.fault)):
            if fault is not None:
                document[f"{name}_problem"] = {"code": fault.code, "detail": fault.detail}
        return document


def unfinished(reference: str) -> Terminated:
    """The result of a session whose deletion was interrupted."""
    fault = Fault("interrupted", "Interrupted: it may or may not have been deleted.")
    return Terminated(
        reference, SessionPart(Fate.FAILED, fault), CircuitsPart(Fate.FAILED, fault=fault)
    )


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

ENDED = frozenset({"TERMINATING", "TERMINATED", "CANCELLED"})
"""Statuses of sessions that never come back; managers show some of them for a while."""

GONE_OR_NOT_YOURS = "It is gone, or not yours (use -o)."

NOT_A_MANAGER = Fault("not-a-manager", "What answers at the manager's address is not a manager.")


def of_manager(status: int, body: bytes, explained: str = "", speaker: str = "") -> SessionPart:
    """The manager's answer to DELETE (protocol 8.3). ``explained``: words for a person.

    ``speaker``: who says to have made the answer, where somebody does; a gateway's 404 is not the
    manager's.
    """
    document = parsed(body)
    slug = problem_slug(document)
    if 200 <= status < 300:
        if _is_deletion(document):
            return SessionPart(Fate.DELETED)
        return SessionPart(Fate.FAILED, NOT_A_MANAGER)
    if status == 404 and slug in GONE_SLUGS and speaker in ("", Speaker.MANAGER):
        return SessionPart(Fate.ALREADY_GONE, Fault(slug, GONE_OR_NOT_YOURS))
    return SessionPart(Fate.FAILED, Fault(slug or f"manager-answers-{status}", explained))


def _is_deletion(document: object) -> bool:
    """Managers answer with statistics: one object, or a list of them (24.x)."""
    if isinstance(document, dict):
        return "stats" in document
    return (
        isinstance(document, list)
        and bool(document)
        and all(isinstance(one, dict) for one in document)
    )


_MANAGER_KINDS: Mapping[FailureKind, str] = {
    FailureKind.UNRESOLVABLE: "manager-unresolvable",
    FailureKind.CONNECT_TIMEOUT: "manager-silent",
    FailureKind.FIRST_BYTE_TIMEOUT: "manager-silent",
    FailureKind.TOTAL_TIMEOUT: "manager-silent",
    FailureKind.TLS: "manager-tls",
    FailureKind.MALFORMED_ANSWER: NOT_A_MANAGER.code,
}


_ANSWERED = frozenset({FailureKind.MALFORMED_ANSWER, FailureKind.CUT})


def of_manager_failure(failure: Failure) -> SessionPart:
    """No answer of a manager's; where something has begun to answer, it was at least reached."""
    return SessionPart(
        Fate.FAILED,
        manager_fault(failure),
        unreachable=failure.kind not in _ANSWERED,
    )


def manager_fault(failure: Failure) -> Fault:
    """The code and the words for a manager that did not answer."""
    code = _MANAGER_KINDS.get(failure.kind, "manager-refused")
    return Fault(code, f"The manager cannot be used: {failure.detail}.")


# the circuits


class Told(StrEnum):
    """What one dialect of a gateway said to a deletion."""

    CLOSED = "closed"
    NONE = "none"
    DENIED = "denied"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Word:
    """``count``: how many circuits were closed, where the gateway says so."""

    told: Told
    count: int | None = None
    fault: Fault | None = None


DENIED = Word(
    Told.DENIED,
    fault=Fault("token-rejected", "The gateway does not accept the token (use --gateway-token)."),
)


def of_gateway(version: Version, status: int, body: bytes) -> Word:
    """A gateway's answer: its status line and the code in its body both count (protocol 2.5, 7.8).

    v1 answers 200 with ``{"code": n}``; v2 200 with ``{"success": bool}``, old ones by status.
    """
    document = parsed(body)
    said = document if isinstance(document, dict) else {}
    if status in (401, 403):
        return DENIED
    if status == 404:
        return Word(Told.NONE)
    if not 200 <= status < 300:
        fault = Fault(f"gateway-answers-{status}", f"The gateway answers {status}.")
        return Word(Told.BROKEN, fault=fault)
    return _of_code(_code(version, said), said)


def _of_code(code: int, said: Mapping[str, Any]) -> Word:
    if code == 200:
        closed = _count(said.get("closed"))
        return Word(Told.CLOSED, closed if closed is None or closed >= 0 else None)
    if code in (401, 404):  # 401: a v1 proxy that was never configured has no circuits
        return Word(Told.NONE)
    if code == 403:
        return DENIED
    if code:
        fault = Fault(f"gateway-answers-{code}", f"The gateway answers with code {code}.")
    else:
        detail = "What answers at the gateway's address is not a wsproxy."
        fault = Fault("gateway-not-a-wsproxy", detail)
    return Word(Told.BROKEN, fault=fault)


def _code(version: Version, said: Mapping[str, Any]) -> int:
    """The one number that both generations mean; 0 when the answer is no wsproxy's."""
    inner = _count(said.get("code"))
    if inner is not None:
        return inner
    if version is Version.V2 and isinstance(said.get("success"), bool):
        return 200 if said["success"] else 404
    return 0


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


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
    return Word(Told.BROKEN, fault=gateway_fault(failure))


def gateway_fault(failure: Failure) -> Fault:
    """The code and the words for a gateway that did not answer."""
    code = _GATEWAY_KINDS.get(failure.kind, "gateway-refused")
    return Fault(code, f"The gateway cannot be used: {failure.detail}.")


def malformed_gateway(why: str) -> Word:
    """The gateway's address is not one."""
    fault = Fault("gateway-malformed", f"The gateway's address is not usable: {why}.")
    return Word(Told.BROKEN, fault=fault)


OUT_OF_TIME = Failure(FailureKind.TOTAL_TIMEOUT, Side.GATEWAY, "it gives no answer in time")


def circuits_part(words: Iterable[Word]) -> CircuitsPart:
    """What the dialects of one gateway said together: closed wins, then a fault, then nothing."""
    said = list(words)
    broken = next((word.fault for word in said if word.told is Told.BROKEN), None)
    closed = [word.count for word in said if word.told is Told.CLOSED]
    if closed:
        known = [count for count in closed if count is not None]
        return CircuitsPart(Fate.CLOSED, sum(known) if len(known) == len(closed) else None, broken)
    if broken is None and DENIED in said:
        broken = DENIED.fault
    return CircuitsPart(Fate.FAILED, fault=broken) if broken else NOTHING


ID_UNKNOWN = Fault(
    "session-id-unknown",
    "A gateway knows sessions by their ids, and this one's was not told (use the id).",
)


def of_a_name(session: SessionPart, circuits: CircuitsPart) -> CircuitsPart:
    """The circuits of a session whose id is not known: that none were found then says nothing."""
    if session.fate is Fate.DELETED and circuits == NOTHING:
        return CircuitsPart(Fate.FAILED, fault=ID_UNKNOWN)
    return circuits


Q = TypeVar("Q")


def worth_a_hint(session: SessionPart, words: Mapping[Q, Word]) -> list[Q]:
    """Which questions to ask again: who denied them may see now that the session is gone.

    A delete that lacks the right is still a hint (design 7).
    """
    if not session.gone:
        return []
    return [question for question, word in words.items() if word.told is Told.DENIED]
