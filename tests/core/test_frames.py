"""Messages between processes, however their bytes arrive."""

from hypothesis import given
from hypothesis import strategies as st

from wsproxy.core.frames import Frame, Frames, frame

MESSAGES = st.lists(st.tuples(st.binary(max_size=40), st.booleans()), max_size=6)


@given(MESSAGES, st.lists(st.integers(1, 30), min_size=1, max_size=30))
def test_frames_come_out_as_they_went_in(messages, sizes):
    stream = b"".join(frame(message, marked) for message, marked in messages)
    frames, found, turn = Frames(), [], 0
    while stream:
        size = sizes[turn % len(sizes)]
        found += frames.feed(stream[:size])
        stream, turn = stream[size:], turn + 1
    assert found == [Frame(message, marked) for message, marked in messages]
