"""What the address doctor makes of what it saw: findings for a person, and healthy or not.

The version report says which version holds; this says what else is wrong there, what the thing at
the address really is, and how far its clock is off (a manager's signatures allow 15 minutes).
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from wsproxy.core.address import Address, Malformed, parse, shown
from wsproxy.core.codes import see
from wsproxy.core.findings import Finding, Level, found
from wsproxy.core.version import Answer, NotHttp, Observation, VersionReport, shortened
from wsproxy.core.wire import Version

SKEW_WARNING = 60.0
"""Seconds from which a difference of clocks is worth a word."""

SKEW_LIMIT = 15 * 60.0
"""Seconds that a manager tolerates in the date of a signature (design 12)."""


@dataclass(frozen=True, slots=True)
class Examination:
    """The doctor's report: the version report's reason first among the findings, if it is bad.

    ``skew``: seconds the other clock is ahead, None when not told.
    """

    report: VersionReport
    findings: tuple[Finding, ...]
    looks_like: str = ""
    advertised: str = ""
    skew: float | None = None

    @property
    def healthy(self) -> bool:
        return self.report.reason == "confirmed" and not any(
            finding.level is Level.PROBLEM for finding in self.findings
        )

    @property
    def clock(self) -> str:
        """The other clock in words; a Date has whole seconds, so small differences are none."""
        if self.skew is None:
            return ""
        return "the same as here" if abs(self.skew) < 2 else f"{self.skew:+.0f} s"

    def document(self) -> dict[str, Any]:
        """The JSON of ``wsproxy status --json``."""
        return {
            "address": self.report.address,
            "healthy": self.healthy,
            **self.report.document(),
            "detail": self.report.happened,
            "mend": self.report.mend,
            "see": see(self.report.reason),
            "looks_like": self.looks_like,
            "advertise_address": self.advertised,
            "clock_skew": self.skew,
            "findings": [finding.document() for finding in self.findings],
        }


def examine(
    text: str, report: VersionReport, now: float, root: Observation | None = None
) -> Examination:
    """Judge what was seen at the address ``text``.

    ``report`` is of its ``/status``, ``root`` what its ``/`` answers, if that was asked; ``now`` in
    unix seconds. Never raises.
    """
    looks_like = "" if report.reason == "confirmed" else recognise(report.seen, root)
    skew = _skew(report.seen, now)
    if skew is None:
        skew = _skew(root, now)
    advertised, about_advertised = _advertised(text, report)
    findings = [
        *_about_report(report),
        *about_advertised,
        *_about_answer(report.seen),
        *_about_address(text),
        *_about_clock(skew),
    ]
    return Examination(report, tuple(findings), looks_like, advertised, skew)


# what it really is

_Look = Callable[[Answer], str]


def _manager(answer: Answer) -> str:
    document = _object(answer)
    if "manager" in document and "version" in document:
        return f"a Backend.AI manager ({shortened(str(document['manager']))})"
    return ""


def _backend_ai(answer: Answer) -> str:
    kind = str(_object(answer).get("type", ""))
    return "a server of Backend.AI, not its proxy" if "api.backend.ai/probs" in kind else ""


def _containing(needle: bytes, name: str) -> _Look:
    return lambda answer: name if needle in answer.body.lower() else ""


def _served_by(server: str, name: str) -> _Look:
    return lambda answer: name if answer.server.lower().startswith(server) else ""


def _jupyter(answer: Answer) -> str:
    leads_to = answer.location.startswith(("/lab", "/tree", "/login?next=", "/hub/"))
    return "an app: Jupyter" if leads_to or b"jupyter" in answer.body.lower() else ""


LOOKS: tuple[_Look, ...] = (
    _manager,
    _containing(b"backend-ai-webui", "a Backend.AI web server (WebUI)"),
    _containing(b"backend.ai webui", "a Backend.AI web server (WebUI)"),
    _containing(b"<title>backend.ai", "a Backend.AI web server (WebUI)"),
    _served_by("wsproxy", "a wsproxy, but not its API (its admin port, or a wrong path?)"),
    _backend_ai,
    _jupyter,
    _containing(b"tensorboard", "an app: TensorBoard"),
    _containing(b"code-server", "an app: code-server"),
    _containing(b"rstudio", "an app: RStudio"),
    _served_by("ttyd", "an app: ttyd"),
    _served_by("tornadoserver", "an app on Tornado"),
    _served_by("nginx", "an nginx web server"),
    _served_by("apache", "an Apache web server"),
    _served_by("caddy", "a Caddy web server"),
    _served_by("simplehttp", "Python's http.server"),
)
"""Asked in this order, of the answer at ``/`` first."""


def recognise(*seen: Observation | None) -> str:
    """A name for what answers there, or ""."""
    if any(isinstance(each, NotHttp) and "SSH" in each.detail for each in seen):
        return "an SSH server"
    answers = [each for each in reversed(seen) if isinstance(each, Answer)]
    return next((name for look in LOOKS for each in answers if (name := look(each))), "")


def _object(answer: Answer) -> dict[str, Any]:
    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


# what is wrong


def _about_report(report: VersionReport) -> list[Finding]:
    if not report.degraded:
        return []
    return [Finding(Level.PROBLEM, report.reason, report.happened, report.mend)]


def _advertised(text: str, report: VersionReport) -> tuple[str, list[Finding]]:
    """What a v2 tells managers to tell clients (protocol 5.1)."""
    if report.version is not Version.V2 or not isinstance(report.seen, Answer):
        return "", []
    told = _object(report.seen).get("advertise_address")
    if told is None:
        return "", [found("advertise-missing")]
    address = parse(told) if isinstance(told, str) else Malformed("it is no text")
    if isinstance(address, Malformed):
        where = shortened(str(told))
        said = f"Its advertise_address {where} is not usable: {address.why}."
        return where, [found("advertise-malformed", said)]
    return str(address), _reachable(address, parse(text))


def _reachable(advertised: Address, asked: Address | Malformed) -> list[Finding]:
    if isinstance(asked, Malformed) or _local(asked.host) or not _local(advertised.host):
        return []
    said = f"It sends clients to {advertised}, which works on its own machine only."
    return [found("advertise-local", said)]


def _local(host: str) -> bool:
    return host in ("::1", "localhost") or host.startswith("127.") or host.endswith(".localhost")


_JSON_TYPE = re.compile(r"application/([\w.+-]+\+)?json", re.IGNORECASE)
"""What managers take for JSON."""


def _about_answer(seen: Observation | None) -> list[Finding]:
    """Where managers judge an answer differently than we do (observed 1)."""
    if not isinstance(seen, Answer) or "api_version" not in (document := _object(seen)):
        return []
    findings = []
    if not _JSON_TYPE.fullmatch(seen.content_type.partition(";")[0].strip()):
        findings.append(found("content-type"))
    if seen.status >= 400:
        said = f"It answers {seen.status} and names a version: managers read it, and we do not."
        findings.append(found("status-ignored", said))
    if isinstance(document["api_version"], int | float):
        findings.append(found("version-number"))
    return findings


def _about_address(text: str) -> list[Finding]:
    """Habits of managers that this address will meet (protocol 8.1)."""
    address = parse(text)
    if isinstance(address, Malformed):
        return []
    findings = []
    if address.path:
        said = f"Managers from 26.2 on ignore the path {address.path} and ask /status."
        findings.append(found("path-ignored", said))
    if text.endswith("/"):
        mend = f"Write {shown(text).rstrip('/')} in the group."
        findings.append(found("slash-at-end", mend=mend))
    return findings


def _skew(seen: Observation | None, now: float) -> float | None:
    """Seconds the clock there is ahead, from its Date header."""
    if not isinstance(seen, Answer) or not seen.date:
        return None
    try:
        return round(parsedate_to_datetime(seen.date).timestamp() - now, 1)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _about_clock(skew: float | None) -> list[Finding]:
    if skew is None or abs(skew) < SKEW_WARNING:
        return []
    direction = "ahead of" if skew > 0 else "behind"
    text = f"Its clock is {_spoken(abs(skew))} {direction} the clock here."
    if abs(skew) > SKEW_LIMIT:
        return [found("clock-far-off", f"{text} Signatures are refused from 15 minutes on.")]
    return [found("clock-off", text)]


def _spoken(seconds: float) -> str:
    return f"{seconds / 60:.0f} minutes" if seconds >= 120 else f"{seconds:.0f} seconds"
