"""A mapping in two layers behaves as a dictionary that is copied for each change."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wsproxy.core.layers import THIN, Layers

STEPS = st.lists(st.tuples(st.integers(0, 120), st.one_of(st.none(), st.integers(0, 9))))


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.integers(0, 120), st.integers(0, 9)), STEPS)
def test_it_is_a_dictionary(first, steps):
    layers, model = Layers(first), dict(first)
    before = [(layers, dict(model))]
    for key, value in steps:
        if value is None:
            layers = layers.without(key)
            model.pop(key, None)
        else:
            layers = layers.with_(key, value)
            model[key] = value
        before.append((layers, dict(model)))
    for known, expected in before:  # none of the older ones has changed
        assert dict(known) == expected
        assert len(known) == len(expected)
        assert all((key in known) == (key in expected) for key in range(121))
        assert sorted(known.gone_in(layers)) == sorted(expected.keys() - model.keys())
        new = {key for key, value in model.items() if expected.get(key) is not value}
        assert set(known.new_in(layers)) == new


def test_what_is_changed_keeps_its_place():
    layers = Layers({1: "a", 2: "b", 3: "c"}).with_(1, "A").with_(4, "d").without(2)

    assert list(layers.items()) == [(1, "A"), (3, "c"), (4, "d")]
    assert list(Layers({1: "a"})) == [1]
    assert repr(layers) == "Layers(3)"


def test_what_is_not_there():
    layers = Layers({1: "a"}).without(1)

    assert layers.get(1) is None
    assert layers.without(1) is layers
    for key in (1, 2):
        with pytest.raises(KeyError):
            layers[key]


def test_a_change_of_many_copies_few():
    """The thick layer is shared until the thin one has grown to its square root."""
    layers = first = Layers(dict.fromkeys(range(10_000), 0))
    shared = 0
    for key in range(10_000, 10_400):
        layers = layers.with_(key, 1)
        shared += layers._below is first._below
        assert len(layers._top) <= 101
    assert shared == 100
    assert len(layers) == 10_400
    small: Layers[int, int] = Layers()
    for key in range(THIN):
        small = small.with_(key, key)
    assert len(small._top) == THIN and not small._below
    assert small.with_(99, 0)._below


def test_a_large_dictionary_is_not_copied():
    made = dict.fromkeys(range(10), 0)

    assert Layers(made)._below is made
    assert Layers(made).with_(99, 0)._below is made
    assert 99 not in made


def test_differences_are_found_across_thick_layers():
    before: Layers[int, str] = Layers({1: "a", 2: "b"})
    after: Layers[int, str] = Layers({2: "B", 3: "c"})
    assert before.gone_in(after) == [1]
    assert before.new_in(after) == [2, 3]
    kept = before[2]
    assert before.new_in(Layers({2: kept})) == []


def test_a_merge_takes_out_what_was_taken_out():
    layers = first = Layers(dict.fromkeys(range(100), "a"))
    for key in range(THIN + 1):
        layers = layers.without(key) if key % 2 else layers.with_(key, "b")

    assert layers._below is not first._below and not layers._top
    assert sorted(layers) == [k for k in range(100) if k > THIN or not k % 2]
    assert (layers[0], layers[99]) == ("b", "a")
    assert sorted(first.gone_in(layers)) == list(range(1, THIN + 1, 2))
    assert sorted(first.new_in(layers)) == list(range(0, THIN + 1, 2))
