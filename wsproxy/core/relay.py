"""A two-way byte relay as a table: who ended what, and what the pump does next.

    BOTH ──client ends──▶ CLIENT_DONE ──upstream ends──▶ ENDED
      └──upstream ends──▶ UPSTREAM_DONE ──client ends──▶ ENDED

Either direction may end alone (TCP half-close); a connection that is lost ends both. ``net.pump``
tells the events and carries out the actions; between them it copies bytes and asks nobody.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto


class State(Enum):
    BOTH = auto()  # bytes flow both ways
    CLIENT_DONE = auto()  # the client sends no more; the upstream still may
    UPSTREAM_DONE = auto()
    ENDED = auto()


class Event(Enum):
    CLIENT_ENDED = auto()  # the client's end of stream
    UPSTREAM_ENDED = auto()
    CLIENT_CLOSED = auto()  # the connection is gone, in order
    UPSTREAM_CLOSED = auto()
    CLIENT_BROKE = auto()  # the connection is gone, with an error (a reset)
    UPSTREAM_BROKE = auto()
    CLOSE_ASKED = auto()  # by the gateway: circuit closed, drain
    ABORT_ASKED = auto()


class Action(Enum):
    NOTHING = auto()
    FINISH_UPSTREAM = auto()  # pass the client's end on, keep reading the answer
    FINISH_CLIENT = auto()
    CLOSE = auto()  # close both sides once what was written has left
    CUT = auto()  # the other side must not mistake this for a clean end


class Party(Enum):
    CLIENT = "client"
    UPSTREAM = "upstream"
    GATEWAY = "gateway"


@dataclass(frozen=True, slots=True)
class RelayEnd:
    """How a relay ended: who ended it first, and the error that broke it, if one did."""

    first: Party
    error: Exception | None = None

    @property
    def clean(self) -> bool:
        return self.error is None


Step = tuple[State, Action]

_ENDS: Mapping[tuple[State, Event], Step] = {
    (State.BOTH, Event.CLIENT_ENDED): (State.CLIENT_DONE, Action.FINISH_UPSTREAM),
    (State.BOTH, Event.UPSTREAM_ENDED): (State.UPSTREAM_DONE, Action.FINISH_CLIENT),
    (State.CLIENT_DONE, Event.CLIENT_ENDED): (State.CLIENT_DONE, Action.NOTHING),
    (State.CLIENT_DONE, Event.UPSTREAM_ENDED): (State.ENDED, Action.CLOSE),
    (State.UPSTREAM_DONE, Event.UPSTREAM_ENDED): (State.UPSTREAM_DONE, Action.NOTHING),
    (State.UPSTREAM_DONE, Event.CLIENT_ENDED): (State.ENDED, Action.CLOSE),
}

_FINAL: Mapping[Event, Action] = {
    Event.CLIENT_CLOSED: Action.CLOSE,
    Event.UPSTREAM_CLOSED: Action.CLOSE,
    Event.CLIENT_BROKE: Action.CUT,
    Event.UPSTREAM_BROKE: Action.CUT,
    Event.CLOSE_ASKED: Action.CLOSE,
    Event.ABORT_ASKED: Action.CUT,
}

_PARTY: Mapping[Event, Party] = {
    Event.CLIENT_ENDED: Party.CLIENT,
    Event.CLIENT_CLOSED: Party.CLIENT,
    Event.CLIENT_BROKE: Party.CLIENT,
    Event.UPSTREAM_ENDED: Party.UPSTREAM,
    Event.UPSTREAM_CLOSED: Party.UPSTREAM,
    Event.UPSTREAM_BROKE: Party.UPSTREAM,
    Event.CLOSE_ASKED: Party.GATEWAY,
    Event.ABORT_ASKED: Party.GATEWAY,
}


def step(state: State, event: Event, *, half_close: bool = True) -> Step:
    """The next state and what to do. ``half_close``: the other side can be told an end alone.

    Where it cannot (TLS), an end of one direction is the end of both: to say nothing would leave
    the other side waiting for ever.
    """
    if state is State.ENDED:
        return State.ENDED, Action.NOTHING
    if event in _FINAL:
        return State.ENDED, _FINAL[event]
    following, action = _ENDS[state, event]
    if action in (Action.FINISH_CLIENT, Action.FINISH_UPSTREAM) and not half_close:
        return State.ENDED, Action.CLOSE
    return following, action


def party_of(event: Event) -> Party:
    """Who caused an event."""
    return _PARTY[event]
