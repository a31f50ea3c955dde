"""A site whose outcomes somebody else wants to see too: metrics, the access log, collection."""

from typing import Protocol

from wsproxy.core.heads import Peer, RequestHead
from wsproxy.data.site import Forward, Outcome, Plan, Site


class Witness(Protocol):
    def __call__(self, outcome: Outcome) -> None: ...
    def passed(self, forward: Forward, status: int, seconds: float) -> bool: ...


class Watched:
    """Plans as ``site`` does; every outcome goes to the site first and then to ``witness``."""

    def __init__(self, site: Site, witness: Witness) -> None:
        self._site = site
        self._witness = witness

    def plan(self, head: RequestHead, peer: Peer) -> Plan:
        return self._site.plan(head, peer)

    def record(self, outcome: Outcome) -> None:
        self._site.record(outcome)
        self._witness(outcome)

    def passed(self, forward: Forward, status: int, seconds: float) -> bool:
        return self._site.passed(forward, status, seconds) and self._witness.passed(
            forward, status, seconds
        )
