"""What the processes of a gateway say to each other, packed and unpacked."""

import io
import os
import pickle
from enum import Enum
from typing import Any
from uuid import UUID

import pytest

from tests.support.circuits import circuit
from tests.support.node import settings
from wsproxy.app.messages import Begin, Put, Take, pack, unpack, unpack_told
from wsproxy.core.circuit import CloseReason, Direct, ThroughManager
from wsproxy.core.counted import Counted, Exchanges
from wsproxy.core.meter import Carried
from wsproxy.core.selection import key_of
from wsproxy.core.setup import Places
from wsproxy.core.targets import Listening
from wsproxy.core.told import Closed, Ready, Report, SessionGone, Tried

ID = UUID(int=7)
TRIED = Tried(worked=True, failures=2)


def test_everything_that_main_says():
    begin = Begin(settings(), Places("http://a", "h", "", 0), (Listening("::", 1),), 2)
    for message in (begin, Put((circuit(1), circuit(2))), Take(None), Take(ID)):
        assert unpack(pack(message)) == message


@pytest.mark.parametrize(
    "told",
    [
        Ready(),
        Closed(ID, Carried(ID, 1, 2, 3)),
        SessionGone(ID, CloseReason.SESSION_ENDED),
        Report(
            5,
            1,
            (Carried(ID),),
            Counted(Exchanges((("v2", 2, 1),), (0, 1), 9), (("v1", 1),)),
            ((ID, TRIED),),
            (
                (key_of(Direct("10.0.0.1", 80, "r", "s")), TRIED),
                (key_of(ThroughManager("s", "a", "c")), TRIED),
            ),
        ),
    ],
)
def test_everything_that_a_worker_says(told):
    assert unpack_told(pack(told)) == told


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("true",)


class Inside:
    """Calls something that a module of ours only imports."""

    def __reduce__(self) -> str | tuple[object, ...]:
        return UUID, ("00000000-0000-0000-0000-000000000007",)


MEMBER = b"\x80\x04cbuiltins\ngetattr\nc%b\n%b\n\x8c%c%b\x86R."
"""How Python 3.11.2 writes a member of an enumeration: module, class, length and name."""


def member(module: bytes, kind: bytes, name: bytes) -> bytes:
    return MEMBER % (module, kind, len(name), name)


@pytest.mark.parametrize(
    "data",
    [
        pack(Evil()),
        member(b"uuid", b"UUID", b"__init__"),
        member(b"wsproxy.core.wire", b"Version", b"__init__"),
        member(b"wsproxy.core.wire", b"Version", b"mro"),
        member(b"wsproxy.core.circuit", b"Circuit", b"__init__"),
        member(b"wsproxy.core.wire", b"Version", b"V2"),  # known, and yet no message
        pack(settings()),
        pack(Inside()),
        pack("text"),
        pack(Put(())),
        b"\x80\x04cwsproxy.core.admission\nmath\n.",
        b"\x80\x04cwsproxy.core.address\nre\n.",
    ],
)
def test_nothing_else_is_made_of_what_a_worker_says(data):
    with pytest.raises(pickle.UnpicklingError, match="nothing that a worker says"):
        unpack_told(data)


class Older(pickle.Pickler):
    """Writes members of an enumeration as Python 3.11.2 does."""

    def reducer_override(self, obj: object) -> Any:
        return (getattr, (type(obj), obj.name)) if isinstance(obj, Enum) else NotImplemented


def test_members_of_an_enumeration_are_understood_as_older_pythons_write_them():
    told = SessionGone(ID, CloseReason.SESSION_ENDED)
    written = io.BytesIO()
    Older(written, pickle.HIGHEST_PROTOCOL).dump(told)
    assert b"getattr" in written.getvalue()
    assert unpack_told(written.getvalue()) == told
