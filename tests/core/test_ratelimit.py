"""The rate limit as a function of requests and time."""

from wsproxy.core import ratelimit
from wsproxy.core.ratelimit import RateLimit


def _pass(limit: RateLimit, client: str, now: float) -> bool:
    return limit.ask(client, now).allowed


def test_the_request_after_the_limit_is_refused_and_told_when_to_come_back():
    limit = RateLimit(3)
    assert [_pass(limit, "a", 10.0 + n) for n in range(4)] == [True, True, True, False]
    headers = dict(limit.ask("a", 30.5).headers)
    assert headers == {
        "RateLimit-Policy": "3;w=60",
        "RateLimit-Limit": "3",
        "RateLimit-Remaining": "0",
        "RateLimit-Reset": "40",
        "Retry-After": "40",
    }


def test_what_remains_is_told_while_it_passes():
    headers = dict(RateLimit(600).ask("a", 0.0).headers)
    assert (headers["RateLimit-Remaining"], headers["RateLimit-Reset"]) == ("599", "60")
    assert "Retry-After" not in headers


def test_a_new_window_begins_after_the_old_one():
    limit = RateLimit(1)
    assert _pass(limit, "a", 0.0)
    assert not _pass(limit, "a", 59.9)
    assert _pass(limit, "a", 60.0)


def test_clients_do_not_share_a_window():
    limit = RateLimit(1)
    assert _pass(limit, "a", 0.0)
    assert _pass(limit, "b", 0.0)


def test_no_limit_says_nothing():
    ruling = RateLimit(0).ask("a", 0.0)
    assert ruling.allowed
    assert ruling.headers == ()


def test_windows_that_ended_are_forgotten(monkeypatch):
    monkeypatch.setattr(ratelimit, "MOST_CLIENTS", 3)
    limit = RateLimit(1)
    for client in "abc":
        limit.ask(client, 0.0)
    limit.ask("d", 100.0)
    assert list(limit._windows) == ["d"]


def test_too_many_clients_at_once_start_afresh(monkeypatch):
    monkeypatch.setattr(ratelimit, "MOST_CLIENTS", 3)
    limit = RateLimit(1)
    for client in "abcd":
        limit.ask(client, 0.0)
    assert list(limit._windows) == ["d"]
