"""`controller/core/evidence/timing.py`, with histograms as rows of counts by bucket."""

import math
from typing import Any, Final

from controller.backtest.quick import compiled
from controller.core.evidence.timing import LEAST_COVERED as _LEAST_COVERED
from controller.core.evidence.timing import LEAST_REFERENCE as _LEAST_REFERENCE
from controller.core.evidence.timing import MINUTE_MS as _MINUTE_MS
from controller.core.evidence.timing import MINUTES_BACK as _MINUTES_BACK
from controller.core.evidence.timing import QUANTILES as _QUANTILES

FIRST_BUCKET: Final = -400
BUCKETS: Final = 801
"""From 3 nanoseconds to ten years; a window with anything beyond is the core's."""
MINUTES: Final = _MINUTES_BACK + 2

Array = Any


@compiled
def thresholds_of(counts: Array, first: int, last: int, found: Array) -> int:
    """Write `_thresholds` of a row of counts into `found`; return how many, 0 where too little is known."""
    total = 0
    for place in range(first, last + 1):
        total += counts[place]
    if total < _LEAST_REFERENCE:
        return 0
    number, cumulated = 0, 0
    for place in range(first, last + 1):
        if counts[place]:
            cumulated += counts[place]
            while number < len(_QUANTILES) and cumulated >= math.ceil(_QUANTILES[number] * total):
                found[number] = place + FIRST_BUCKET
                number += 1
    return number


@compiled
def advance(
    numbers: Array, rows: Array, known: int, span: Array, found: Array, thresholds: int, end_ms: int,
    buckets: Array, counts: Array, total: Array,
) -> tuple[int, int]:  # fmt: skip
    """
    Do `advance` in place.

    numbers, rows: of `known` minutes, ascending, the last one running. span: first and last place that has any count.
    found: the thresholds, so many as `thresholds` says. total: room for a row. Returns minutes and thresholds known.
    """
    number = end_ms // _MINUTE_MS
    if not (known and numbers[known - 1] == number):
        first, last, kept = span[0], span[1], 0
        total[first : last + 1] = 0
        for minute in range(known):
            if numbers[minute] >= number - _MINUTES_BACK:
                numbers[kept] = numbers[minute]
                for place in range(first, last + 1):
                    rows[kept, place] = rows[minute, place]
                    total[place] += rows[minute, place]
                kept += 1
        numbers[kept] = number
        rows[kept, first : last + 1] = 0
        thresholds = thresholds_of(total, first, last, found)
        known = kept + 1
    _add(rows[known - 1], span, buckets, counts)
    if not thresholds:
        thresholds = thresholds_of(rows[known - 1], span[0], span[1], found)
    return known, thresholds


@compiled
def _add(row: Array, span: Array, buckets: Array, counts: Array) -> None:
    for number in range(len(buckets)):
        place = buckets[number] - FIRST_BUCKET
        row[place] += counts[number]
        if place < span[0]:
            span[0] = place
        if place > span[1]:
            span[1] = place


@compiled
def above(buckets: Array, counts: Array, failures: int, thresholds: Array, shift: int, slow: Array) -> int:
    """Do `_above`: write into `slow` how many exceed each threshold; return how many there are."""
    size, number = 0, 0
    for place in range(len(buckets)):
        while number < len(thresholds) and buckets[place] > thresholds[number] + shift:
            slow[number] = size
            number += 1
        size += counts[place]
    while number < len(thresholds):
        slow[number] = size
        number += 1
    size += failures
    for place in range(len(thresholds)):
        slow[place] = size - slow[place]
    return size


@compiled
def accounted(requests: int, found: int) -> bool:
    """Say whether a histogram accounts for its arm's requests."""
    return 0 < _LEAST_COVERED * requests <= found
