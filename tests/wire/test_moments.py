"""Moments as people write them."""

import pytest

from controller.core.errors import Malformed
from controller.wire.moments import time_ms


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("1970-01-01T00:00:00.001Z", 1),
        ("2026-03-01T03:00:00Z", 1_772_334_000_000),
        ("2026-03-01T04:00:00+01:00", 1_772_334_000_000),
        ("9999-12-31T23:59:59.9999Z", 253_402_300_799_999),
        ("1969-12-31T23:59:59.9999Z", -1),
    ],
)
def test_a_moment_is_the_millisecond_it_falls_into(text: str, ms: int) -> None:
    """Never the next one: the last of them all has none."""
    assert time_ms("--until", text) == ms


@pytest.mark.parametrize("text", ["", "yesterday", "2026-03-01T03:00:00", "0001-01-01T00:00:00+23:00", "2026-13-01"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    """With what is allowed."""
    with pytest.raises(Malformed, match=r"--until is .*; allowed: a time with its zone"):
        time_ms("--until", text)
