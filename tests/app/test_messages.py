"""What the processes of a gateway say to each other, packed and unpacked."""

import os
import pickle
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


@pytest.mark.parametrize(
    "data",
    [
        pack(Evil()),
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
