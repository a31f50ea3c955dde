"""What the address doctor can find, each with a stable code and what to do about it.

``NOTICES`` are the findings besides the version report's own reason, which is a finding too.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from wsproxy.core.codes import see


class Level(StrEnum):
    NOTE = "note"
    WARNING = "warning"
    PROBLEM = "problem"  # not healthy


@dataclass(frozen=True, slots=True)
class Notice:
    """A kind of finding: how bad it is, what it means, what to do."""

    level: Level
    meaning: str
    mend: str


NOTICES: Mapping[str, Notice] = {
    "advertise-missing": Notice(
        Level.NOTE,
        "It names no advertise_address: a coordinator before 25.15, or a worker.",
        "A group needs the address of the coordinator, not of a worker.",
    ),
    "advertise-malformed": Notice(
        Level.PROBLEM,
        "Its advertise_address is not usable.",
        "Correct `advertise` in [gateway] there: managers give it to clients.",
    ),
    "advertise-local": Notice(
        Level.WARNING,
        "It sends clients to an address that works on its own machine only.",
        "Set `advertise` in [gateway] there to an address that clients can reach.",
    ),
    "content-type": Notice(
        Level.WARNING,
        "Its answer is JSON, and its Content-Type says something else: managers do not read that.",
        "Let it answer /status with Content-Type: application/json.",
    ),
    "status-ignored": Notice(
        Level.WARNING,
        "It answers with an error status and names a version: managers read it, and we do not.",
        "Let it answer /status with 200.",
    ),
    "version-number": Notice(
        Level.WARNING,
        "Its api_version is a number: old managers pass it on, and newer ones refuse it.",
        'Let it say "v1" or "v2", a text.',
    ),
    "path-ignored": Notice(
        Level.WARNING,
        "Managers from 26.2 on ignore the path of the address and ask /status.",
        "Give the wsproxy a host name or port of its own.",
    ),
    "slash-at-end": Notice(
        Level.NOTE,
        "Managers before 26.2 ask //status because of the slash at the end.",
        "Write the address without it.",
    ),
    "clock-off": Notice(
        Level.WARNING,
        "Its clock is more than a minute off.",
        "Let both machines take their time from NTP.",
    ),
    "clock-far-off": Notice(
        Level.PROBLEM,
        "Its clock is more than 15 minutes off: managers refuse signatures then.",
        "Let both machines take their time from NTP.",
    ),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that the doctor has seen, in words for a person."""

    level: Level
    code: str
    text: str
    mend: str

    @property
    def see(self) -> str:
        """Where the documents say more."""
        return see(self.code)

    def document(self) -> dict[str, str]:
        return {
            "level": self.level.value,
            "code": self.code,
            "text": self.text,
            "mend": self.mend,
            "see": self.see,
        }


def found(code: str, text: str = "", mend: str = "") -> Finding:
    """A finding of a known kind; ``text`` and ``mend`` say it more exactly than the kind does."""
    notice = NOTICES[code]
    return Finding(notice.level, code, text or notice.meaning, mend or notice.mend)
