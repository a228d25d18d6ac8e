"""Amounts and moments as they are typed: 2h, in the words of the plan language, and times in ISO 8601."""

from datetime import datetime
from typing import Final

from pydantic import TypeAdapter, ValidationError

from controller.core.errors import Malformed
from controller.wire.amounts import Span

_SPAN: Final[TypeAdapter[float]] = TypeAdapter(Span)


def seconds(option: str, text: str) -> float:
    """Return a time span in seconds; raises Malformed naming the option."""
    try:
        return _SPAN.validate_python(text)
    except ValidationError as error:
        allowed = error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")
        raise Malformed(f"{option} is {text!r}; allowed: {allowed}") from None


def time_ms(option: str, text: str) -> int:
    """Return a moment in milliseconds since 1970 UTC; raises Malformed naming the option."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise Malformed(f"{option} is {text!r}; allowed: a time with its zone, such as 2026-03-01T03:00:00Z")
    return round(moment.timestamp() * 1000)
