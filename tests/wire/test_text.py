"""The text of a dataclass is the canonical one, whichever way it was written."""

from dataclasses import dataclass

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from controller.wire.shape import plain
from controller.wire.strict import canonical
from controller.wire.text import text_of
from tests.wire.values import TEXT


@dataclass(frozen=True, slots=True)
class Arm:
    """Within another."""

    share: float
    named: str = ""


@dataclass(frozen=True, slots=True)
class Measured:
    """One of every kind of value that facts and states have."""

    share: float
    counts: tuple[int, ...] = ()
    named: str = ""
    pairs: tuple[tuple[str, float], ...] = ()
    arm: Arm | None = None
    arms: tuple[Arm, ...] = ()
    known: bool = False


NUMBERS = (
    st.floats(allow_nan=False, allow_infinity=False)
    | st.integers(-300, 300).map(lambda power: 1.5 * 10.0**power)
    | st.integers(-(2**53), 2**53)
)
ARMS = st.builds(Arm, NUMBERS, TEXT)
MEASURED = st.builds(
    Measured,
    NUMBERS,
    st.lists(st.integers(-(2**63), 2**63 - 1), max_size=3).map(tuple),
    TEXT,
    st.lists(st.tuples(TEXT, NUMBERS), max_size=3).map(tuple),
    st.none() | ARMS,
    st.lists(ARMS, max_size=3).map(tuple),
    st.booleans(),
)


@given(MEASURED)
@example(Measured(0.00001))
@example(Measured(1e-7))
@example(Measured(1e16))
@example(Measured(-0.0))
@example(Measured(5))
@example(Measured(1.0, named='e5, 0.0000 \u2028\x7f\x1f"\\/'))
def test_text_is_the_canonical_one(value: Measured) -> None:
    """Numbers near zero and far from it, odd characters, whole numbers in a field for fractions: one text for each."""
    assert text_of(value).decode() == canonical(plain(value))


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_what_json_has_no_number_for_is_refused(number: float) -> None:
    """It would read as nothing."""
    with pytest.raises(ValueError, match="no number that JSON has"):
        text_of(Measured(1.0, pairs=(("x", number),)))


def test_text_that_is_none_is_refused() -> None:
    """A lone half of a character has no bytes."""
    with pytest.raises(UnicodeEncodeError):
        text_of(Measured(1.0, named="\ud800"))
