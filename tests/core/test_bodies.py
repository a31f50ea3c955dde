import pytest

from wsproxy.core.bodies import CountedBody, EndlessBody, follow
from wsproxy.core.chunks import ChunkScanner
from wsproxy.core.framing import CHUNKED, NO_BODY, UNTIL_CLOSE, Body, BodyKind


def test_a_counted_body_takes_what_is_its_own():
    body = CountedBody(5)
    assert (body.feed(b"abc"), body.done) == (3, False)
    assert (body.feed(b"defg"), body.done) == (2, True)
    assert body.feed(b"x") == 0
    assert not body.faulty


def test_an_endless_body_takes_everything():
    body = EndlessBody()
    assert body.feed(b"abc") == 3
    assert not body.done


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (Body(BodyKind.LENGTH, 3), CountedBody),
        (CHUNKED, ChunkScanner),
        (UNTIL_CLOSE, EndlessBody),
        (NO_BODY, type(None)),
    ],
)
def test_what_follows_a_body(body: Body, kind: type):
    assert type(follow(body)) is kind
