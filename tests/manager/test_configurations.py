"""Tokens of configurations: stable, random, never shared."""

from dataclasses import replace

from wsproxy.core.configuration import Configuration, Mode
from wsproxy.manager.configurations import Configurations

MINE = Configuration("http://m", Mode.API, "AK", "SK", api_version=8.0)
THEIRS = replace(MINE, access_key="AK2")


def test_the_same_configuration_keeps_its_token_and_takes_new_details():
    made = Configurations()
    first = made.put(MINE)
    again = made.put(replace(MINE, api_version=9.0), by_client=True)
    assert (again.id, again.token) == (first.id, first.token)
    found = made.by_id(first.id)
    assert found is not None
    assert found.api_version == 9.0
    assert len(made) == 1


def test_two_users_never_share():
    made = Configurations()
    one, other = made.put(MINE), made.put(THEIRS)
    same_key = made.put(replace(MINE, secret_key="guess"))
    assert len({one.token, other.token, same_key.token}) == 3
    assert made.by_token(one.token) == one
    assert made.by_token("guess") is None
    assert made.by_token("") is None


def test_tokens_are_random():
    token = Configurations().put(MINE).token
    assert len(token) == 43
    assert Configurations().put(MINE).token != token


def test_what_legacy_tokens_mean():
    made = Configurations()
    assert made.latest() is None
    one, other = made.put(MINE, by_client=True), made.put(THEIRS, by_client=True)
    assert made.latest() == other
    assert made.by_access_key("AK") == one
    assert made.by_access_key("") is None
    session = Configuration("http://w", Mode.SESSION, session="AK9")
    made.put(session)
    assert made.by_access_key("AK9") is None


def test_what_the_gateway_makes_itself_changes_nothing_a_client_said():
    made = Configurations()
    theirs = made.put(MINE, by_client=True)
    assert made.put(replace(MINE, api_version=4.0)) == theirs
    made.put(THEIRS)
    assert made.latest() == theirs


def test_the_one_unused_for_longest_is_forgotten():
    made = Configurations(most=2)
    one, two = made.put(MINE), made.put(THEIRS)
    assert made.by_id(one.id) == MINE  # used just now
    three = made.put(replace(MINE, access_key="AK3"))
    assert made.by_token(two.token) is None
    assert made.by_id(two.id) is None
    assert made.by_token(one.token) is not None
    assert made.by_token(three.token) is not None


def test_whose_a_login_is_must_be_learnt():
    made = Configurations()
    login = Configuration("http://w", Mode.SESSION, session="s1")
    older, newer = made.put(login), made.put(replace(login, session="s2"))
    made.put(MINE)
    assert made.logins(5) == (newer, older)
    assert made.logins(1) == (newer,)
    assert made.by_access_key("") is None
    made.learn(older.id, "")
    made.learn("unknown", "AKLOGIN")
    assert made.by_access_key("AKLOGIN") is None
    made.learn(older.id, "AKLOGIN")
    assert made.by_access_key("AKLOGIN") == older
    assert made.logins(5) == (newer,)
    made.forget(older.id)
    assert made.by_access_key("AKLOGIN") is None


def test_forgetting_revokes_the_token():
    made = Configurations()
    one = made.put(MINE)
    made.forget(one.id)
    made.forget(one.id)
    assert made.by_token(one.token) is None
    assert made.latest() is None
    assert made.put(MINE).token != one.token


def test_nothing_secret_is_shown():
    made = Configurations()
    one = made.put(replace(MINE, session="SESSION", secret_key="SECRET"))
    shown = repr(one) + repr(made)
    assert not any(word in shown for word in ("SESSION", "SECRET", one.token))
