"""A site whose outcomes somebody else wants to see too: metrics, the access log, collection."""

from collections.abc import Callable

from wsproxy.core.heads import Peer, RequestHead
from wsproxy.data.site import Outcome, Plan, Site

Witness = Callable[[Outcome], None]


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
