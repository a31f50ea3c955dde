"""Sizes, counts and deadlines of the data plane, as one value (design 5.7).

Deadlines are separate: waiting for a place, connecting (``net.connect``), the first byte, resting,
and the whole exchange. None covers for another.
"""

from dataclasses import dataclass, field

from wsproxy.core.forwarded import Networks
from wsproxy.core.framing import HeadLimits
from wsproxy.core.pooling import PoolRules


@dataclass(frozen=True, slots=True)
class EngineRules:
    """Seconds, unless the name says otherwise. 0 switches ``total``, ``stalled`` and
    ``per_client`` off.

    ``flush`` is how long a connection that is to be closed may take nothing of what was written to
    it, ``stalled`` how long one may that is to get more of its answer; ``linger`` how long one is
    heard out that may still be sending.
    ``splice``: a body of which so many bytes are still to come is moved by the kernel, if it can.
    ``first_byte`` runs from the end of the request, and also bounds how long an upload may stand
    still before an answer. ``per_client``: connections at once from one address; addresses in
    ``trusted`` (proxies before us) are not counted.
    """

    head: HeadLimits = field(default_factory=HeadLimits)
    pool: PoolRules = field(default_factory=PoolRules)
    head_seconds: float = 10.0
    slot_wait: float = 10.0
    first_byte: float = 300.0
    idle: float = 75.0
    total: float = 0.0
    stalled: float = 300.0
    linger: float = 2.0
    flush: float = 15.0
    per_client: int = 512
    splice: int = 4 << 20
    trusted: Networks = ()
