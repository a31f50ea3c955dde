"""The life of a circuit as a table: what opening does in order, and the way back from each stage.

Closing is the way back from ``OPEN``; an opening that fails goes back from where it was. One table
for both, so nothing that was taken can be forgotten.
"""

from collections.abc import Mapping
from enum import StrEnum


class Stage(StrEnum):
    NEW = "new"  # nothing taken
    RESERVED = "reserved"  # the slot is kept from others on this node
    BINDING = "binding"  # the listener may be bound
    BOUND = "bound"
    STORING = "storing"  # the store may have it
    OPEN = "open"  # in the route table: traffic flows
    CLOSED = "closed"


class Step(StrEnum):
    """What can happen to a circuit."""

    RESERVE = "reserve"
    BIND = "bind"
    BOUND = "bound"
    STORE = "store"
    SHOW = "show"
    CLOSE = "close"  # on purpose, or because the step before failed


class Undo(StrEnum):
    """What the way back does."""

    HIDE = "hide"  # out of the route table: no new request finds it
    FORGET = "forget"  # out of the store
    UNBIND = "unbind"  # listener and connections end
    RELEASE = "release"  # the slot is free again


FORWARD: Mapping[tuple[Stage, Step], Stage] = {
    (Stage.NEW, Step.RESERVE): Stage.RESERVED,
    (Stage.RESERVED, Step.BIND): Stage.BINDING,
    (Stage.BINDING, Step.BOUND): Stage.BOUND,
    (Stage.BOUND, Step.STORE): Stage.STORING,
    (Stage.STORING, Step.SHOW): Stage.OPEN,
}

WAY_BACK: Mapping[Stage, tuple[Undo, ...]] = {
    Stage.NEW: (),
    Stage.RESERVED: (Undo.RELEASE,),
    Stage.BINDING: (Undo.UNBIND, Undo.RELEASE),
    Stage.BOUND: (Undo.UNBIND, Undo.RELEASE),
    Stage.STORING: (Undo.FORGET, Undo.UNBIND, Undo.RELEASE),
    Stage.OPEN: (Undo.HIDE, Undo.FORGET, Undo.UNBIND, Undo.RELEASE),
    Stage.CLOSED: (),
}


class WrongStep(Exception):
    """A step out of order: a mistake in the program."""


def after(stage: Stage, step: Step) -> Stage:
    """The stage that a step leads to; ``CLOSE`` leads to ``CLOSED`` from everywhere."""
    if step is Step.CLOSE:
        return Stage.CLOSED
    try:
        return FORWARD[stage, step]
    except KeyError:
        raise WrongStep(f"{step} is not possible when {stage}") from None
