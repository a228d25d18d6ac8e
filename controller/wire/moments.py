"""Moments as people write them: ISO 8601 with a zone."""

from datetime import UTC, datetime, timedelta
from typing import Final

from controller.core.errors import Malformed

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ALLOWED: Final = "a time with its zone, such as 2026-03-01T03:00:00Z"


def time_ms(name: str, text: str) -> int:
    """Return a moment in milliseconds since 1970 UTC; raises Malformed naming what was given, such as --until."""
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            # Overflows where the year is no year in UTC.
            return (moment.astimezone(UTC) - _EPOCH) // timedelta(milliseconds=1)
    except (ValueError, OverflowError):
        pass
    raise Malformed(f"{name} is {text[:80]!r}; allowed: {_ALLOWED}")
