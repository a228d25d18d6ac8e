"""Where two pieces of JSON differ first."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.wire.difference import Difference, first_difference

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("one", "other", "found"),
    [
        ({"b": 1, "a": [1, {"c": 2}]}, {"b": 2, "a": [1, {"c": 3}]}, Difference("a.1.c", "2", "3")),
        ({"a": 1}, {}, Difference("a", "1", "nothing")),
        ([1, 2], [1], Difference("1", "2", "nothing")),
        ([1], [1, 2], Difference("1", "nothing", "2")),
        ({"a": []}, {"a": {}}, Difference("a", "[]", "{}")),
        ({"a": "1"}, {"a": 1}, Difference("a", '"1"', "1")),
        (1.0, 1, Difference("", "1.0", "1")),
        ("x" * 300, "", Difference("", '"' + "x" * 199 + "...", '""')),
    ],
)
def test_the_first_place_that_differs_is_named(one: object, other: object, found: Difference) -> None:
    """By its path, in the order of the keys, with what stands on either side."""
    assert first_difference(one, other) == found


@given(JSON)
def test_equal_json_does_not_differ(value: object) -> None:
    """Nothing is named where there is nothing to name."""
    assert first_difference(value, value) is None


@given(JSON, JSON)
def test_it_differs_the_same_from_either_side(one: object, other: object) -> None:
    """Turned around, the place is the same and the sides are turned."""
    found, turned = first_difference(one, other), first_difference(other, one)
    assert (found and Difference(found.path, found.other, found.one)) == turned
