"""How many requests one client may make in a minute, and how that is told (protocol 2.7).

A fixed window per client, as the hardened local proxy has. The header fields are those of the
IETF draft "RateLimit header fields for HTTP", revision 6, which that program sends.
"""

import math
from dataclasses import dataclass, field

WINDOW = 60.0
"""Seconds."""

MOST_CLIENTS = 10_000
"""Clients that are remembered; above it the windows that have ended are forgotten."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """Whether a request may pass, and what its answer says."""

    allowed: bool
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class RateLimit:
    """``limit`` requests a window and client; 0 means no limit. Times are monotonic seconds."""

    limit: int
    window: float = WINDOW
    _windows: dict[str, tuple[float, int]] = field(default_factory=dict)  # end, requests so far

    def ask(self, client: str, now: float) -> Ruling:
        """Count one request of ``client``."""
        if not self.limit:
            return Ruling(allowed=True)
        end, used = self._windows.get(client, (0.0, 0))
        if now >= end:
            self._forget(now)
            end, used = now + self.window, 0
        used += 1
        self._windows[client] = (end, used)
        allowed = used <= self.limit
        return Ruling(allowed, self._headers(used, math.ceil(end - now), allowed=allowed))

    def _headers(self, used: int, reset: int, *, allowed: bool) -> tuple[tuple[str, str], ...]:
        headers = (
            ("RateLimit-Policy", f"{self.limit};w={self.window:.0f}"),
            ("RateLimit-Limit", str(self.limit)),
            ("RateLimit-Remaining", str(max(0, self.limit - used))),
            ("RateLimit-Reset", str(reset)),
        )
        return headers if allowed else (*headers, ("Retry-After", str(reset)))

    def _forget(self, now: float) -> None:
        if len(self._windows) < MOST_CLIENTS:
            return
        running = {name: window for name, window in self._windows.items() if window[0] > now}
        self._windows = running if len(running) < MOST_CLIENTS else {}
