"""
Canonical JSON read piece by piece; each function is given a place, and returns the place after, -1 where it fails.

They read on beyond the end of a window that is cut off. There is `ROOM`, and who calls sees where the end is.
"""

from typing import Any, Final

import numpy as np

from controller.backtest.quick import compiled
from controller.backtest.quick.timings import BUCKETS, FIRST_BUCKET

Array = Any

ROOM: Final = 64 * b"\0"
"""Behind the last window, for whoever looks for a text or a digit there: longer than any text that is looked for."""
LARGEST: Final = 2**25
"""More requests are left to the core: products of counts are whole numbers of a double as long as they are fewer."""
_ONE, _NINE = np.uint64(1), np.uint64(9)


@compiled
def after(text: Array, at: int, wanted: Array) -> int:
    """Return the place after `wanted`, -1 where something else stands."""
    if at < 0:
        return -1
    differs = 0
    for place in range(len(wanted)):
        differs += text[at + place] != wanted[place]
    return -1 if differs else at + len(wanted)


@compiled
def after_brace(text: Array, at: int) -> int:
    return at + 1 if at >= 0 and text[at] == 125 else -1


@compiled
def after_text(text: Array, at: int, end: int) -> int:
    """Return the place of the quote that ends a text."""
    if at < 0:
        return -1
    while at < end:
        if text[at] == 34:
            return at
        at += 2 if text[at] == 92 else 1
    return -1


@compiled
def number_at(text: Array, at: int) -> tuple[int, int]:
    """Read a whole number of up to 18 digits; the place is -1 where there is none."""
    if at < 0:
        return -1, 0
    negative = text[at] == 45
    at += negative
    first, value = at, 0
    while 48 <= text[at] <= 57:
        value = value * 10 + (text[at] - 48)
        at += 1
    if not 0 < at - first <= 18:
        return -1, 0
    return at, -value if negative else value


@compiled
def histogram_at(text: Array, begin: int, buckets: Array, counts: Array, used: int) -> tuple[int, int]:
    if begin < 0 or text[begin] != 91:  # [
        return -1, used
    if text[begin + 1] == 93:  # ]
        return begin + 2, used
    # A place without a sign: of one that has a sign numba asks each time whether it counts from the end.
    at = np.uint64(begin + 1)
    while text[at] == 91:
        at += _ONE
        negative = text[at] == 45
        if negative:
            at += _ONE
        at, bucket = _digits(text, at)
        if bucket < 0 or text[at] != 44:  # ,
            return -1, used
        at, count = _digits(text, at + _ONE)
        bucket = -bucket if negative else bucket
        if text[at] != 93 or not (0 <= bucket - FIRST_BUCKET < BUCKETS and 0 < count <= LARGEST):
            return -1, used
        buckets[used], counts[used] = bucket, count
        used += 1
        if text[at + _ONE] != 44:
            return int(at) + 2 if text[at + _ONE] == 93 else -1, used
        at += _ONE + _ONE
    return -1, used


@compiled
def _digits(text: Array, at: Array) -> tuple[Array, int]:
    """Read a whole number of up to nine digits; it is -1 where there is none."""
    first, value = at, 0
    while 48 <= text[at] <= 57:
        value = value * 10 + (text[at] - 48)
        at += _ONE
    return at, value if first < at <= first + _NINE else -1
