"""Lists as bind parameters."""

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def padded(values: Sequence[T]) -> list[T]:
    """
    Repeat the last value until there are 1, 2, 4, 8, ... of them; values must not be empty.

    For `IN`, where a value said twice changes nothing: a store prepares each text of a statement once, and so there
    are ten texts of it instead of one for every length.
    """
    length = 1 << (len(values) - 1).bit_length()
    return [*values, *[values[-1]] * (length - len(values))]
