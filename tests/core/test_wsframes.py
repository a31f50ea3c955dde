"""WebSocket frames: what is written can be read back, and any split gives the same."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsproxy.core.tunnel import LARGEST_FRAME_OUT
from wsproxy.core.wsframes import (
    FrameError,
    FrameReader,
    Opcode,
    close_code,
    encode,
    encode_close,
    mask_in_place,
    parts,
    split,
)

KEY = b"\x01\x02\x03\x04"


def unmasked(frame: bytes) -> bytes:
    """A client's frame as a server would send it."""
    first, second = frame[0], frame[1]
    extra = {126: 2, 127: 8}.get(second & 0x7F, 0)
    payload = bytearray(frame[6 + extra :])
    mask_in_place(frame[2 + extra : 6 + extra], payload)
    return bytes((first, second & 0x7F)) + frame[2 : 2 + extra] + bytes(payload)


def server(opcode: int, payload: bytes, final: bool = True) -> bytes:
    size = len(payload)
    first = (0x80 if final else 0) | opcode
    if size < 126:
        return struct.pack("!BB", first, size) + payload
    if size < 1 << 16:
        return struct.pack("!BBH", first, 126, size) + payload
    return struct.pack("!BBQ", first, 127, size) + payload


def test_the_example_of_the_rfc():
    """RFC 6455 section 5.7: a masked "Hello"."""
    frame = encode(Opcode.TEXT, b"Hello", bytes.fromhex("37fa213d"))
    assert frame == bytes.fromhex("818537fa213d7f9f4d5158")


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536, 100_000])
def test_lengths_of_every_form(size):
    payload = bytes(i % 251 for i in range(size))
    frame = unmasked(encode(Opcode.BINARY, payload, KEY))
    assert frame == server(Opcode.BINARY, payload)
    fed = FrameReader().feed(frame)
    assert (b"".join(fed.payload), fed.control) == (payload, [])


@pytest.mark.parametrize(("code", "sent"), [(1000, 1000), (1001, 1001), (1005, 1000), (1006, 1000)])
def test_codes_that_never_travel_are_sent_as_1000(code, sent):
    ((opcode, payload),) = FrameReader().feed(unmasked(encode_close(code, KEY))).control
    assert (opcode, close_code(payload)) == (Opcode.CLOSE, sent)


def test_close_payloads():
    assert close_code(b"") == 1005
    assert close_code(struct.pack("!H", 1013) + b"try again") == 1013
    with pytest.raises(FrameError):
        close_code(b"\x03")


@pytest.mark.parametrize(
    "frame",
    [
        b"\xc2\x00",  # a reserved bit: compression nobody offered
        b"\x83\x00",  # an unknown opcode
        b"\x82\x80abcd",  # masked by a server
        b"\x09\x00",  # a fragmented ping
        b"\x89\x7e\x00\x7e",  # a ping that is too long
        b"\x80\x00",  # goes on with no message begun
        b"\x02\x01a\x82\x01b",  # begins inside another message
    ],
)
def test_what_breaks_the_protocol(frame):
    with pytest.raises(FrameError):
        FrameReader().feed(frame)


def test_nothing_is_read_after_a_close():
    frames = server(Opcode.BINARY, b"a") + server(Opcode.CLOSE, b"") + server(Opcode.BINARY, b"b")
    assert FrameReader().feed(frames) == ([b"a"], [(Opcode.CLOSE, b"")])


def test_frames_that_arrive_byte_by_byte():
    wire = server(Opcode.PING, b"abc") + server(Opcode.BINARY, b"x" * 130)
    reader = FrameReader()
    every = [reader.feed(bytes([byte])) for byte in wire]
    assert [one for fed in every for one in fed.control] == [(Opcode.PING, b"abc")]
    assert b"".join(piece for fed in every for piece in fed.payload) == b"x" * 130


def test_an_empty_message_is_nothing():
    frames = server(Opcode.BINARY, b"") + server(Opcode.PING, b"")
    assert FrameReader().feed(frames) == ([], [(Opcode.PING, b"")])


@pytest.mark.parametrize("end", [0, 1, 9, 10, 200])
def test_messages_in_a_row_are_read_whatever_follows(end):
    sizes = [0, 1, 125, 126, 300, 65536]
    wire = b"".join(server(Opcode.BINARY, b"m" * size) for size in sizes)
    wire += server(Opcode.BINARY, b"n" * 190)
    reader = FrameReader()
    first = reader.feed(memoryview(wire)[: len(wire) - end])
    rest = reader.feed(memoryview(wire)[len(wire) - end :])
    assert b"".join([*first.payload, *rest.payload]) == b"m" * sum(sizes) + b"n" * 190


def test_payload_is_not_copied():
    wire = server(Opcode.BINARY, b"abc") + server(Opcode.BINARY, b"d" * 300)
    views = FrameReader().feed(memoryview(wire)).payload
    assert [isinstance(view, memoryview) and view.obj is wire for view in views] == [True, True]


@pytest.mark.parametrize("frame", [b"\x82\x80abcd" + b"x" * 20, b"\x82\xfe" + b"x" * 20])
def test_a_mask_after_good_messages_breaks_the_protocol(frame):
    with pytest.raises(FrameError):
        FrameReader().feed(server(Opcode.BINARY, b"good") + frame)


def test_a_whole_buffer_is_masked_where_it_is_and_nothing_else_is():
    buffer = bytearray(b"abcdefgh")
    _, masked = parts(Opcode.BINARY, memoryview(buffer), KEY)
    assert masked is buffer and bytes(buffer) != b"abcdefgh"
    for kept in (memoryview(bytearray(b"abcdefgh"))[:4], memoryview(b"abcd"), b"abcd"):
        _, masked = parts(Opcode.BINARY, kept, KEY)
        assert bytes(kept) == b"abcd" and len(masked) == 4


@pytest.mark.parametrize("size", [0, 1, 4, 5, 8, 9])
def test_pieces_fit_a_frame(size):
    data = bytes(range(size))
    pieces = split(data, largest=4)
    assert b"".join(pieces) == data
    assert all(len(piece) <= 4 for piece in pieces)


MESSAGES = st.lists(
    st.one_of(
        st.tuples(st.just("data"), st.lists(st.binary(max_size=300), min_size=1, max_size=3)),
        st.tuples(st.just("ping"), st.lists(st.binary(max_size=125), min_size=1, max_size=1)),
    ),
    max_size=6,
)


@given(MESSAGES, st.lists(st.integers(1, 400), max_size=20))
def test_any_split_of_the_bytes_gives_the_same(messages, cuts):
    wire, data, pings = b"", b"", []
    for kind, contents in messages:
        if kind == "ping":
            wire += server(Opcode.PING, contents[0])
            pings.append(contents[0])
            continue
        for number, part in enumerate(contents):
            opcode = Opcode.CONTINUATION if number else Opcode.BINARY
            wire += server(opcode, part, final=number == len(contents) - 1)
            data += part
    reader, got_data, got_pings, position = FrameReader(), b"", [], 0
    for cut in [*cuts, len(wire)]:
        fed = reader.feed(wire[position : position + cut])
        got_data += b"".join(fed.payload)
        got_pings += [piece for _, piece in fed.control]
        position += cut
    assert (got_data, got_pings) == (data, pings)


@given(st.binary(max_size=2000), st.binary(min_size=4, max_size=4))
def test_masking_twice_is_nothing(data, key):
    twice = bytearray(data)
    mask_in_place(key, twice)
    assert bytes(twice) == bytes(byte ^ key[i % 4] for i, byte in enumerate(data))
    mask_in_place(key, twice)
    assert bytes(twice) == data


@given(st.binary(max_size=300))
def test_no_bytes_break_the_reader_otherwise(data):
    reader = FrameReader()
    try:
        for byte in data:
            reader.feed(bytes([byte]))
    except FrameError:
        pass


def test_the_largest_frame_fills_four_segments():
    """Those of the loopback interface: 64 KiB less one, the heads of IPv6 and TCP, and options."""
    largest = 65_535 - 40 - 20 - 12
    size = len(encode(Opcode.BINARY, bytes(LARGEST_FRAME_OUT), KEY))
    assert 3 * largest < size <= 4 * largest
