"""What of a request's body is held, and until when."""

from wsproxy.core.framing import CHUNKED, NO_BODY, Body, BodyKind
from wsproxy.data.upload import Upload


def test_a_request_without_a_body_can_always_be_sent_again():
    upload = Upload(NO_BODY)
    assert (upload.complete, upload.take(b"next")) == (True, 0)
    assert (upload.first(), upload.held) == (b"", [])


def test_a_whole_body_can_be_sent_again_a_part_cannot():
    upload = Upload(Body(BodyKind.LENGTH, 4))
    assert upload.take(b"ab") == 2
    upload.hold(b"ab")
    assert upload.take(b"cdef") == 2
    upload.hold(b"cd")
    assert upload.complete
    assert (upload.first(), upload.first(), upload.size) == (b"abcd", b"abcd", 4)
    part = Upload(Body(BodyKind.LENGTH, 4))
    part.take(b"ab")
    part.hold(b"ab")
    assert (part.first(), part.held) == (b"ab", None)
    part.hold(b"cd")
    assert part.first() == b""


def test_what_was_passed_on_is_gone():
    upload = Upload(Body(BodyKind.LENGTH, 4))
    upload.take(b"abcd")
    upload.passed_on()
    assert upload.held is None


def test_a_broken_body():
    upload = Upload(CHUNKED)
    upload.take(b"zz\r\n")
    assert upload.faulty
    assert not upload.complete
