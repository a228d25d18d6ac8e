"""Moments as people write them."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.core.errors import Malformed
from controller.wire.envelope import time_text
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


@given(st.integers(-62_135_596_800_000, 253_402_300_799_999))
def test_a_time_is_written_to_the_millisecond(ms: int) -> None:
    """As ISO 8601 has it, from the year 1 to the year 9999: it stands in messages and in SQLite's journal for ever."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
    assert time_text(ms) == moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert time_ms("--until", time_text(ms)) == ms
