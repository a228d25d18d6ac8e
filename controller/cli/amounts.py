"""Amounts as they are typed: 2h, in the words of the plan language, and whole numbers that a database can hold."""

from typing import Final

from pydantic import TypeAdapter, ValidationError

from controller.core.errors import Malformed
from controller.wire.amounts import Span

LARGEST_NUMBER: Final = 2**63 - 1
"""That either store can hold."""

_SPAN: Final[TypeAdapter[float]] = TypeAdapter(Span)


def seconds(option: str, text: str) -> float:
    """Return a time span in seconds; raises Malformed naming the option."""
    try:
        return _SPAN.validate_python(text)
    except ValidationError as error:
        allowed = error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")
        raise Malformed(f"{option} is {text!r}; allowed: {allowed}") from None


def position(text: str) -> int | None:
    """Return the position in a stream that a text names; None when it names none that there could be."""
    # Without the look at its length, a page of digits would be too long for int to take.
    named = text.isdecimal() and len(text) <= len(str(LARGEST_NUMBER)) and int(text) <= LARGEST_NUMBER
    return int(text) if named else None
