"""Amounts as they are typed: 2h, in the words of the plan language."""

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
