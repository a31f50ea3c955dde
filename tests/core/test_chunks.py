"""Chunked bodies: the same verdict however the bytes are split."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from wsproxy.core.chunks import MAX_LINE, MAX_TRAILERS, ChunkScanner

GOOD = (
    b"0\r\n\r\n",
    b"3\r\nabc\r\n0\r\n\r\n",
    b'00A;x="y z";q\r\n0123456789\r\n0;last\r\nA: b\r\nC:\r\n\r\n',
    b"1\r\n\r\r\n1\r\n\n\r\n0\r\n\r\n",
)


def feed(data: bytes, cuts: list[int]) -> tuple[ChunkScanner, int]:
    """Feed in pieces, as the engine does; how many bytes were passed on in all."""
    scanner = ChunkScanner()
    passed, start = 0, 0
    for cut in [*sorted(cuts), len(data)]:
        piece = data[start:cut]
        start = max(start, cut)
        count = scanner.feed(piece)
        if scanner.faulty:
            break
        passed += count
        if scanner.done:
            break
    return scanner, passed


@pytest.mark.parametrize("data", GOOD)
def test_a_good_body_at_every_split(data: bytes):
    for cut in range(len(data) + 1):
        scanner, passed = feed(data + b"GET", [cut])
        assert scanner.done
        assert not scanner.faulty
        assert passed == len(data)
    scanner, passed = feed(data, list(range(len(data))))
    assert scanner.done
    assert passed == len(data)


def test_bytes_after_the_end_do_not_belong():
    scanner = ChunkScanner()
    assert scanner.feed(b"0\r\n\r\nmore") == 5
    assert scanner.feed(b"more") == 0


def test_a_long_line_is_refused_before_it_ends():
    scanner = ChunkScanner()
    scanner.feed(b"1;" + b"x" * MAX_LINE)
    assert scanner.faulty
    assert scanner.feed(b"x") == 0


def test_a_line_of_the_longest_size_passes():
    scanner = ChunkScanner()
    scanner.feed(b"0;" + b"x" * (MAX_LINE - 4) + b"\r\n\r\n")
    assert scanner.done
    scanner = ChunkScanner()
    scanner.feed(b"0;" + b"x" * (MAX_LINE - 3) + b"\r\n\r\n")
    assert scanner.faulty


def test_trailers_are_bounded():
    line = b"X: " + b"y" * 1000 + b"\r\n"
    scanner = ChunkScanner()
    scanner.feed(b"0\r\n" + line * (MAX_TRAILERS // len(line)))
    assert not scanner.faulty
    scanner.feed(line)
    assert scanner.faulty


@pytest.mark.parametrize(
    "name",
    [b"Content-Length", b"transfer-encoding", b"Host", b"TRAILER", b"Cookie", b"X_Forwarded-For"],
)
def test_trailers_must_not_frame_or_claim(name: bytes):
    scanner = ChunkScanner()
    scanner.feed(b"0\r\n" + name + b": 1\r\n")
    assert scanner.faulty


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [b"3", b"0", b"a", b"\r", b"\n", b"\r\n", b"abc", b";", b"x:", b" ", b"\x00", b"g"]
        ),
        max_size=14,
    ).map(b"".join),
    st.lists(st.integers(0, 30), max_size=6),
)
@example(b"3\r\nabc\r\n0\r\n\r\n", [1, 4, 7])
def test_the_verdict_does_not_depend_on_the_split(data: bytes, cuts: list[int]):
    whole, at_once = feed(data, [])
    split, in_pieces = feed(data, [cut for cut in cuts if cut < len(data)])
    assert (split.done, split.faulty) == (whole.done, whole.faulty)
    if not whole.faulty:
        assert in_pieces == at_once


@settings(max_examples=100, deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=40), max_size=6), st.lists(st.integers(0, 300)))
def test_every_well_formed_body_passes(chunks: list[bytes], cuts: list[int]):
    data = b"".join(b"%x\r\n%s\r\n" % (len(one), one) for one in chunks) + b"0\r\n\r\n"
    scanner, passed = feed(data + b"next", [cut for cut in cuts if cut < len(data)])
    assert scanner.done
    assert passed == len(data)
