"""Frames are followed, whatever the pieces."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wsproxy.core.circuit import CloseReason
from wsproxy.core.wstrail import FrameTrail, close_frame


def frame(size: int, opcode: int = 2, masked: bool = False) -> bytes:
    flag = 0x80 if masked else 0
    if size < 126:
        head = struct.pack("!BB", 0x80 | opcode, flag | size)
    elif size < 1 << 16:
        head = struct.pack("!BBH", 0x80 | opcode, flag | 126, size)
    else:
        head = struct.pack("!BBQ", 0x80 | opcode, flag | 127, size)
    return head + (b"mask" if masked else b"") + bytes(size)


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536])
@pytest.mark.parametrize("masked", [False, True])
def test_one_frame(size: int, masked: bool):
    data = frame(size, masked=masked)
    trail = FrameTrail()
    between = [trail.between]
    for piece in (data[:-1], data[-1:], data):
        trail.feed(piece)
        between.append(trail.between)
    assert between == [True, False, True, True]
    assert not trail.closed


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from([0, 3, 125, 126, 300]), st.booleans()), max_size=5),
    st.lists(st.integers(0, 1500), max_size=8),
)
def test_the_split_does_not_matter(frames: list[tuple[int, bool]], cuts: list[int]):
    data = b"".join(frame(size, masked=masked) for size, masked in frames)
    ends = {0}
    for size, masked in frames:
        ends.add(max(ends) + len(frame(size, masked=masked)))
    trail = FrameTrail()
    start = 0
    for cut in [*sorted(min(cut, len(data)) for cut in cuts), len(data)]:
        trail.feed(data[start:cut])
        start = cut
        assert trail.between == (cut in ends)


@pytest.mark.parametrize("cut", [0, 1, 2, 3])
def test_a_close_frame_is_noticed(cut: int):
    data = frame(2, opcode=8)
    trail = FrameTrail()
    trail.feed(data[:cut])
    trail.feed(data[cut:])
    assert trail.closed
    trail.feed(frame(1))
    assert trail.closed


@pytest.mark.parametrize(
    ("reason", "code"), [(CloseReason.SESSION_ENDED, 1001), (CloseReason.SHUTDOWN, 1012)]
)
def test_the_gateway_s_close_frame(reason: CloseReason, code: int):
    data = close_frame(reason)
    assert data[0] == 0x88
    assert data[1] == len(data) - 2
    assert data[2:] == struct.pack("!H", code) + reason.value.encode()
    trail = FrameTrail()
    trail.feed(data)
    assert trail.between
    assert trail.closed
