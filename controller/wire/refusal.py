"""What is wrong with an object, in one sentence: the place, the value that stands there, and what is allowed."""

from collections.abc import Mapping
from typing import Final

from pydantic import BaseModel, ValidationError

from controller.core.errors import Malformed
from controller.wire.strict import MISSING, refused

_KINDS: Final[Mapping[str, str]] = {
    "string_type": "text",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "an object",
    "model_type": "an object",
    "string_too_short": "text that is not empty",
}
"""pydantic's kinds of values in the words of the contract."""


def fields(kind: type[BaseModel]) -> list[str]:
    """Return the names of a model's fields, as people write them."""
    return [field.alias or name for name, field in kind.model_fields.items()]


def refusal(error: ValidationError, root: str, kind: type[BaseModel], *tags: str) -> Malformed:
    """
    Return the first of a model's complaints.

    root: what the path begins with. kind: the model. tags: that name branches of a union, which are no places; they
    stand second in a path.
    """
    first = error.errors(include_url=False)[0]
    place = [str(part) for part in first["loc"]]
    if place[1:2] and place[1] in tags:
        del place[1]
    path = ".".join((root, *place))
    if first["type"] == "missing":
        return refused(path, MISSING, "a value")
    if first["type"] == "extra_forbidden":
        # `Body` tells of its own fields; what is left is the model itself.
        return Malformed(f"{path} is not a field of {kind.__name__}; allowed: {', '.join(fields(kind))}")
    if first["type"] == "string_pattern_mismatch":
        return refused(path, first["input"], f"text that matches {first['ctx']['pattern']}")
    said = first["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    if first["type"] == "value_error" and isinstance(first["input"], Mapping):
        # A rule over several fields; its sentence says what is allowed.
        return Malformed(f"{path}: {said}")
    return refused(path, first["input"], _KINDS.get(first["type"], said))
