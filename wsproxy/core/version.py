"""The version report: v2 if and only if the address was asked and said so; else v1, and why.

One pure function, ``judge``, turns what was seen at an address into a report (design 3). It never
raises: every observation has a row in ``ROWS``, and whatever a stranger sends as a body is at worst
"not a wsproxy". ``docs/version-report.md`` shows the same table to people; a test compares them.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from wsproxy.core.address import Malformed
from wsproxy.core.problem import Problem
from wsproxy.core.wire import Version


class Policy(StrEnum):
    """What an unusable address means for the status of the answer."""

    FALLBACK = "fallback"  # 200 and v1: the client goes through the manager, and can delete
    STRICT = "strict"  # the statuses that managers give


class Trouble(StrEnum):
    """Why nobody gave an HTTP answer. The values are the ends of the stable codes."""

    UNRESOLVABLE = "unresolvable"  # the resolver's deadline counts as this too
    REFUSED = "refused"  # refused, unreachable, reset, closed without an answer
    SILENT = "silent"  # the connection attempt, the head or the body got no end in time
    TLS = "tls"


@dataclass(frozen=True, slots=True)
class NoAddress:
    """The group has no address: v1 is what its owner wants."""


@dataclass(frozen=True, slots=True)
class GroupUnknown:
    """The group does not exist, or is not the caller's."""


@dataclass(frozen=True, slots=True)
class Fault:
    """No HTTP answer. ``detail`` is what the platform said, for a person."""

    trouble: Trouble
    detail: str = ""
    connected: bool = False  # somebody had accepted the connection


@dataclass(frozen=True, slots=True)
class NotHttp:
    """Something answered that is not HTTP, or has no end."""

    detail: str


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer to ``GET /status``; ``location`` to ``server`` are header fields."""

    status: int
    body: bytes = b""
    location: str = ""
    date: str = ""
    server: str = ""
    whole: bool = True  # False: its body was cut, or longer than anyone reads
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class ManagerFault:
    """The manager could not be asked. ``code`` is the part of the reason after ``manager-``."""

    code: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ManagerSaid:
    """The manager asked the address itself, and this is the ``wsproxy_version`` it gives."""

    version: object


Observation = (
    NoAddress | GroupUnknown | Malformed | Fault | NotHttp | Answer | ManagerFault | ManagerSaid
)


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table: what it means, what to do about it, and its statuses."""

    meaning: str
    mend: str
    degraded: bool = True
    fallback: int = 200
    strict: int = 500


_CHECK = "Correct the address of the group, or start the wsproxy there."

ROWS: Mapping[str, Row] = {
    "address-not-set": Row("The group has no address.", "", degraded=False, strict=200),
    "confirmed": Row("The address was asked and said so.", "", degraded=False, strict=200),
    "group-not-found": Row(
        "The group does not exist, or is not yours.",
        "Check the name of the group, and that your project may use it.",
        fallback=404,
        strict=404,
    ),
    "address-malformed": Row(
        "The address is not a URL.",
        "Write it as http://HOST:PORT, an IPv6 address in brackets.",
    ),
    "address-unresolvable": Row(
        "The name in the address does not resolve.",
        "Correct the name, or the DNS of this machine.",
    ),
    "address-refused": Row(
        "Nothing answers at the address: refused, unreachable, reset, or closed without an answer.",
        _CHECK,
    ),
    "address-silent": Row(
        "The address gives no answer within the deadline.",
        "Look for a firewall that drops packets, or a wsproxy that hangs.",
    ),
    "address-tls": Row(
        "TLS cannot be established at the address.",
        "Use http:// for a plain port and https:// for a TLS port; renew or trust the certificate.",
    ),
    "address-answers": Row(
        "The address answers with an error status.",
        "Look into the log of the server there; if it is not a wsproxy, correct the address.",
    ),
    "address-redirects": Row(
        "The address redirects.",
        "Use the address that it leads to: nobody follows redirects for /status.",
    ),
    "address-not-a-wsproxy": Row(
        "What answers there is not a wsproxy.",
        "Another program has this port: correct the address of the group.",
    ),
    "version-unknown": Row(
        "The address answers with a version that this program does not know.",
        "Upgrade this program, or the wsproxy there.",
    ),
    "manager-malformed": Row(
        "The endpoint of the manager is not a URL.",
        "Correct `endpoint` in [manager].",
    ),
    "manager-unresolvable": Row(
        "The name of the manager does not resolve.",
        "Correct `endpoint` in [manager], or the DNS of this machine.",
    ),
    "manager-refused": Row(
        "The manager cannot be reached.",
        "Start the manager, or correct `endpoint` in [manager].",
    ),
    "manager-silent": Row(
        "The manager gives no answer within the deadline.",
        "It may be waiting for a dead wsproxy address; clear the address of the group.",
    ),
    "manager-tls": Row(
        "TLS with the manager cannot be established.",
        "Correct the scheme of `endpoint` in [manager], or the certificate.",
    ),
    "manager-denies": Row(
        "The manager refuses the credentials.",
        "Check the access key, the secret key and the clock of this machine.",
    ),
    "manager-answers": Row(
        "The manager answers with an error status.",
        "Look into the log of the manager.",
    ),
    "manager-not-a-manager": Row(
        "What answers at the manager's endpoint is not a manager.",
        "Correct `endpoint` in [manager].",
    ),
    "manager-cannot-reach-address": Row(
        "The manager cannot connect to the address of the group.",
        "Correct the address of the group, or clear it to use v1.",
    ),
    "manager-rejects-address": Row(
        "The manager was answered by something at the group's address that is no wsproxy.",
        "Correct the address of the group, or clear it to use v1.",
    ),
}
"""Every reason; ``address-answers`` and ``manager-answers`` are followed by the status."""

_FAMILIES = ("address-answers", "manager-answers")


def row_of(reason: str) -> Row:
    """The row of a reason as it appears on the wire, e.g. ``address-answers-404``."""
    return ROWS[next((name for name in _FAMILIES if reason.startswith(name)), reason)]


@dataclass(frozen=True, slots=True)
class VersionReport:
    """Which version holds, and why. ``address`` is as it may be shown; ``happened`` is a person's.

    ``seen`` is what it was judged from, for those who want to say more (the address doctor).
    """

    version: Version
    reason: str
    happened: str
    address: str = ""
    seen: Observation = NoAddress()

    @property
    def degraded(self) -> bool:
        return row_of(self.reason).degraded

    @property
    def mend(self) -> str:
        return row_of(self.reason).mend

    @property
    def detail(self) -> str:
        """What happened and what to do about it, in one line."""
        return f"{self.happened} {self.mend}".strip()

    def status(self, policy: Policy, front: bool = False) -> int:
        """The HTTP status. ``front``: before a manager, 404 would stop deletion in 22.x clients."""
        row = row_of(self.reason)
        if policy is Policy.STRICT:
            return row.strict
        return 200 if front else row.fallback

    def document(self) -> dict[str, Any]:
        """The keys that every body has."""
        keys: dict[str, Any] = {
            "wsproxy_version": self.version.value,
            "reason": self.reason,
            "degraded": self.degraded,
        }
        if self.degraded:
            keys["detail"] = self.detail
        return keys

    def body(self, policy: Policy, front: bool = False) -> dict[str, Any]:
        """The JSON of the answer: the report, on 4xx and 5xx within a problem document."""
        if self.status(policy, front) < 400:
            return self.document()
        return self.problem().body()

    def problem(self) -> Problem:
        """The problem for clients that get an error status."""
        code = "group-not-found" if self.reason == "group-not-found" else "wsproxy-address"
        return Problem(code, msg=self.detail, extra=self.document())


def judge(seen: Observation, address: str = "") -> VersionReport:
    """The whole table of design 3. ``address`` is only shown (see ``core.address.shown``)."""
    version, reason, happened = _verdict(seen, f"The address {address}" if address else "It")
    return VersionReport(version, reason, happened, address, seen)


_Verdict = tuple[Version, str, str]


def _v1(reason: str, happened: str = "") -> _Verdict:
    return Version.V1, reason, happened or row_of(reason).meaning


def _verdict(seen: Observation, it: str) -> _Verdict:
    match seen:
        case NoAddress():
            return _v1("address-not-set")
        case GroupUnknown():
            return _v1("group-not-found")
        case Malformed(why):
            return _v1("address-malformed", f"{it} is not usable: {why}.")
        case Fault(trouble, detail):
            return _v1(f"address-{trouble}", _because(it, trouble, detail))
        case NotHttp(detail):
            return _v1("address-not-a-wsproxy", f"{it} is not a wsproxy: {detail}.")
        case Answer():
            return _of_answer(seen, it)
        case ManagerFault(code, detail):
            return _v1(f"manager-{code}", _managers(code, detail))
        case _:
            return _of_version(seen.version, "The manager")


_TROUBLES: Mapping[Trouble, str] = {
    Trouble.UNRESOLVABLE: "does not resolve",
    Trouble.REFUSED: "gave no answer",
    Trouble.SILENT: "gave no answer in time",
    Trouble.TLS: "does not speak TLS as it should",
}


def _because(it: str, trouble: Trouble, detail: str) -> str:
    return f"{it} {_TROUBLES[trouble]}: {detail}." if detail else f"{it} {_TROUBLES[trouble]}."


def _managers(code: str, detail: str) -> str:
    meaning = row_of(f"manager-{code}").meaning
    return f"{meaning.removesuffix('.')}: {detail}." if detail else meaning


def _of_answer(answer: Answer, it: str) -> _Verdict:
    if 300 <= answer.status < 400:
        where = shortened(answer.location) or "nowhere"
        return _v1("address-redirects", f"{it} redirects ({answer.status}) to {where}.")
    if 400 <= answer.status < 600:
        return _v1(f"address-answers-{answer.status}", f"{it} answers {answer.status}.")
    if not 200 <= answer.status < 300:
        return _v1("address-not-a-wsproxy", f"{it} answers {answer.status}, which is no status.")
    if not answer.whole:
        return _v1("address-not-a-wsproxy", f"{it} sends a body that is cut or has no end.")
    document = _parsed(answer.body)
    if not isinstance(document, dict) or "api_version" not in document:
        return _v1("address-not-a-wsproxy", f"{it} does not answer as a wsproxy does.")
    return _of_version(document["api_version"], it)


def _parsed(body: bytes) -> object:
    """The JSON value, or None; a Content-Type is not asked for."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _of_version(said: object, it: str) -> _Verdict:
    if isinstance(said, str) and said in ("v1", "v2"):
        return Version(said), "confirmed", f"{it} says {said}."
    return _v1("version-unknown", f"{it} says version {shortened(repr(said))}.")


def shortened(text: str) -> str:
    """A stranger's text for one line of a report: printable and at most 80 characters."""
    clean = "".join(char if char.isprintable() else "?" for char in text)
    return clean if len(clean) <= 80 else clean[:80] + "…"
