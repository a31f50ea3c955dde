"""The pages of v1: valid answers, the words people know, nothing unescaped."""

import pytest

from wsproxy.core.failure import Failure, FailureKind, Side
from wsproxy.core.tunnel import Trouble
from wsproxy.core.v1pages import failed_page, helper_page, raw_answer, starting_page

EVIL = '"><script>alert(1)</script>'


@pytest.mark.parametrize("number", [401, 404, 418, 500, 502])
def test_a_failure_names_its_number(number):
    page = failed_page(Trouble(status=number))
    assert "Server connection failed" in page
    assert f"{number} Error" in page
    assert "the manager" in page
    assert "refresh" not in page


def test_a_failure_without_a_number_says_what_happened_escaped():
    failure = Failure(FailureKind.REFUSED, Side.MANAGER, EVIL)
    page = failed_page(Trouble(failure=failure))
    assert "&lt;script&gt;" in page
    assert "<script" not in page
    assert "contact your administrator" in page


def test_silence_is_told_by_the_gateway():
    assert "the gateway" in failed_page(Trouble(silent=True))


def test_a_starting_page_reloads_after_a_second():
    page = starting_page(Trouble(status=500))
    assert '<meta http-equiv="refresh" content="1">' in page
    assert "500" in page


@pytest.mark.parametrize(
    ("app", "link"),
    [
        ("sftp", "sftp://upload@localhost:1"),
        ("sshd", "ssh://work@localhost:1"),
        ("vnc", "vnc://localhost:1"),
        ("xrdp", "rdp://localhost:1"),
    ],
)
def test_helper_pages(app, link):
    assert f'href="{link}"' in helper_page(app, "localhost", 1)


def test_hosts_are_escaped():
    assert "<script" not in helper_page("sftp", EVIL, 1)


def test_ipv6_hosts_lose_their_brackets_where_programs_take_none():
    assert "ssh -p 1 work@::1" in helper_page("sshd", "[::1]", 1)


def test_an_answer_is_whole():
    answer = raw_answer("<p>ä</p>")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.split(b"\r\n")[0] == b"HTTP/1.1 503 Service Unavailable"
    assert f"Content-Length: {len(body)}".encode() in head
    assert body.decode() == "<p>ä</p>"
