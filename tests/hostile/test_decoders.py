"""Each decoder keeps its promise; `python -m tests.hostile` asks a hundred thousand times, and looks at the time."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.hostile.decoders import DECODERS, Decoder
from tests.hostile.promise import drawn, refusal

BY_NAME = pytest.mark.parametrize("decoder", DECODERS, ids=lambda decoder: decoder.name)


@BY_NAME
@settings(max_examples=150)
@given(number=st.integers(0, 2**40))
def test_hostile_input_is_a_value_or_a_reason(decoder: Decoder, number: int) -> None:
    """Never another exception, and never a reason that is long, cannot be printed, or tells a secret."""
    refusal(decoder, drawn(decoder, 0, number))


@BY_NAME
def test_hostile_inputs_are_not_all_alike(decoder: Decoder) -> None:
    """Some are taken and some refused for many reasons: what is spoiled reaches what stands deep inside."""
    reasons = {refusal(decoder, drawn(decoder, 1, number))[:40] for number in range(150)}
    assert "" in reasons
    assert len(reasons) > 5
