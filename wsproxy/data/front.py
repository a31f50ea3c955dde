"""The front of a manager or a web server: pass everything on, answer only what is ours.

Nothing is added or taken away on the way in: a manager's signatures cover the Host and the path,
and every other byte is the business of the two ends (design 8).
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from wsproxy.core.circuit import Direct
from wsproxy.core.front import DELETION_STATUSES, ended_session, owns
from wsproxy.core.heads import Peer, RequestHead
from wsproxy.core.negotiate import api_form
from wsproxy.core.wire import Version
from wsproxy.data.site import Forward, HandOver, Outcome, Plan


@dataclass(frozen=True, slots=True)
class FrontForward(Forward):
    """A request for the server behind, and the session that ends if it succeeds."""

    ends_session: str | None = None


class FrontSite:
    """One per front listener. ``behind`` is the manager, ``api`` makes a protocol of our own API.

    ``session_ended`` is called with the id or name of a session whose deletion has passed.
    """

    def __init__(
        self,
        behind: Direct,
        api: Callable[[], asyncio.Protocol],
        version: Version,
        session_ended: Callable[[str], None],
    ) -> None:
        self._behind = behind
        self._api = api
        self._version = version
        self._session_ended = session_ended

    def plan(self, head: RequestHead, peer: Peer) -> Plan:
        if owns(head.path):
            return HandOver(self._api)
        return FrontForward(
            routes=(self._behind,),
            request_headers=head.headers,
            version=self._version,
            form_of=api_form,
            ends_session=ended_session(head.method, head.path),
        )

    def passed(self, forward: Forward, status: int, seconds: float) -> bool:
        return False

    def record(self, outcome: Outcome) -> None:
        forward = outcome.forward
        if not isinstance(forward, FrontForward) or forward.ends_session is None:
            return
        if outcome.status in DELETION_STATUSES:
            self._session_ended(forward.ends_session)


class ApiSite:
    """The control API alone: the listener checks the head, the API gets the connection."""

    def __init__(self, api: Callable[[], asyncio.Protocol]) -> None:
        self._plan = HandOver(api)

    def plan(self, head: RequestHead, peer: Peer) -> Plan:
        return self._plan

    def passed(self, forward: Forward, status: int, seconds: float) -> bool:
        return False

    def record(self, outcome: Outcome) -> None:
        raise AssertionError("the API site never forwards")
