"""The relay table, row by row, and what holds for every sequence of events."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsproxy.core.relay import Action, Event, Party, RelayEnd, State, party_of, step

HALF_CLOSES = [
    (State.BOTH, Event.CLIENT_ENDED, State.CLIENT_DONE, Action.FINISH_UPSTREAM),
    (State.BOTH, Event.UPSTREAM_ENDED, State.UPSTREAM_DONE, Action.FINISH_CLIENT),
    (State.CLIENT_DONE, Event.UPSTREAM_ENDED, State.ENDED, Action.CLOSE),
    (State.UPSTREAM_DONE, Event.CLIENT_ENDED, State.ENDED, Action.CLOSE),
    (State.CLIENT_DONE, Event.CLIENT_ENDED, State.CLIENT_DONE, Action.NOTHING),
    (State.UPSTREAM_DONE, Event.UPSTREAM_ENDED, State.UPSTREAM_DONE, Action.NOTHING),
]
OPEN = [State.BOTH, State.CLIENT_DONE, State.UPSTREAM_DONE]


@pytest.mark.parametrize(("state", "event", "following", "action"), HALF_CLOSES)
def test_each_direction_ends_alone(state, event, following, action):
    assert step(state, event) == (following, action)


@pytest.mark.parametrize("event", [Event.CLIENT_ENDED, Event.UPSTREAM_ENDED])
def test_without_half_close_one_end_is_the_end_of_both(event):
    assert step(State.BOTH, event, half_close=False) == (State.ENDED, Action.CLOSE)


@pytest.mark.parametrize("state", OPEN)
@pytest.mark.parametrize("event", [Event.CLIENT_CLOSED, Event.UPSTREAM_CLOSED, Event.CLOSE_ASKED])
def test_an_orderly_close_lets_written_bytes_leave(state, event):
    assert step(state, event) == (State.ENDED, Action.CLOSE)


@pytest.mark.parametrize("state", OPEN)
@pytest.mark.parametrize("event", [Event.CLIENT_BROKE, Event.UPSTREAM_BROKE, Event.ABORT_ASKED])
def test_a_broken_side_is_never_a_clean_end_for_the_other(state, event):
    assert step(state, event) == (State.ENDED, Action.CUT)


@pytest.mark.parametrize("event", list(Event))
def test_after_the_end_nothing_happens(event):
    assert step(State.ENDED, event) == (State.ENDED, Action.NOTHING)


@given(st.lists(st.sampled_from(list(Event)), max_size=12), st.booleans())
def test_every_sequence_ends_at_most_once_and_finishes_each_side_at_most_once(events, half_close):
    state, actions = State.BOTH, []
    for event in events:
        state, action = step(state, event, half_close=half_close)
        actions.append(action)
    done = [action for action in actions if action is not Action.NOTHING]
    assert len(done) == len(set(done))
    assert sum(action in (Action.CLOSE, Action.CUT) for action in done) == (state is State.ENDED)


@pytest.mark.parametrize("event", list(Event))
def test_every_event_has_a_culprit(event):
    name = party_of(event).value
    assert name == "gateway" if "ASKED" in event.name else event.name.lower().startswith(name)


def test_an_end_with_an_error_is_not_clean():
    assert RelayEnd(Party.CLIENT).clean
    assert not RelayEnd(Party.UPSTREAM, ConnectionResetError()).clean
