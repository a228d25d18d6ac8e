"""
Slower than stable was? Requests of both arms above quantiles that stable had in the five minutes before.

The thresholds come from the past alone, so given the past, exceeding one is a coin with the same odds on both arms when
the candidate is no slower; the likelihood of failures then serves for latency as well.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from controller.core.evidence.window import BUCKET_RATIO, Histogram

QUANTILES: Final = (0.5, 0.9, 0.95, 0.99)
QUANTILE_WEIGHTS: Final = (0.2, 0.2, 0.2, 0.4)
BUCKET: Final = math.log(BUCKET_RATIO)
MINUTES_BACK: Final = 5
MINUTE_MS: Final = 60_000
LEAST_REFERENCE: Final = 100
"""Values of stable below which there is no p99 to speak of."""
LEAST_COVERED: Final = 0.9
"""Share of an arm's requests that its histogram must account for; else it is not this arm's histogram."""


@dataclass(frozen=True, slots=True)
class Minute:
    """Stable's values of one minute since 1970, in parts that are added up when the minute is over."""

    number: int
    parts: tuple[Histogram, ...]


@dataclass(frozen=True, slots=True)
class Reference:
    """
    How long stable takes.

    minutes: the last five whole minutes and the one that runs, ascending.
    thresholds: by quantile, the last bucket that is not slow; () as long as too little is known.
    """

    minutes: tuple[Minute, ...] = ()
    thresholds: tuple[int, ...] = ()


NOTHING_KNOWN: Final = Reference()


class Timed(NamedTuple):
    """One arm's requests in a window: how many in all, how many failed, and how long the others took."""

    requests: int
    failures: int
    values: Histogram


class Slow(NamedTuple):
    """
    What was slower than stable's quantiles.

    n_c, n_s: requests compared, by arm. rows: one per shift, in it by quantile how many x_c, x_s of them were slow.
    """

    n_c: int
    n_s: int
    rows: list[list[tuple[int, int]]]


def exceedances(reference: Reference, candidate: Timed, stable: Timed, shifts: Sequence[int]) -> Slow | None:
    """
    Count what was slower than stable's quantiles.

    shifts: buckets by which the candidate may be slower. Who gets no answer waits longest: a failed request is slow.
    Returns None when there is no reference, or when a histogram does not account for its arm's requests.
    """
    thresholds = reference.thresholds
    if not thresholds:
        return None
    n_s, slow_s = _above(stable, thresholds, 0)
    rows = []
    for shift in shifts:
        n_c, slow_c = _above(candidate, thresholds, shift)
        rows.append(list(zip(slow_c, slow_s, strict=True)))
    if not 0 < LEAST_COVERED * candidate.requests <= n_c or not 0 < LEAST_COVERED * stable.requests <= n_s:
        return None
    return Slow(n_c, n_s, rows)


def advance(reference: Reference, stable: Histogram, end_ms: int) -> Reference:
    """Add a window's values of stable; thresholds change when a minute is full, and until there are any."""
    number = end_ms // MINUTE_MS
    if reference.minutes and reference.minutes[-1].number == number:
        *past, running = reference.minutes
        running = Minute(number, (*running.parts, stable))
        thresholds = reference.thresholds or _thresholds(_sum(running.parts))
        return Reference((*past, running), thresholds)
    kept = (minute for minute in reference.minutes if minute.number >= number - MINUTES_BACK)
    past = [Minute(minute.number, (_sum(minute.parts),)) for minute in kept]
    known = _sum([part for minute in past for part in minute.parts])
    return Reference((*past, Minute(number, (stable,))), _thresholds(known) or _thresholds(stable))


def buckets_within(slower: float) -> int:
    """Return how many whole buckets lie within being `slower` (a share), rounded down."""
    return math.floor(math.log1p(slower) / BUCKET + 1e-9)


def buckets_covering(slower: float) -> int:
    """Return how many whole buckets cover being `slower` (a share), rounded up."""
    return math.ceil(math.log1p(slower) / BUCKET - 1e-9)


def _above(arm: Timed, thresholds: tuple[int, ...], shift: int) -> tuple[int, list[int]]:
    """
    Return how many requests an arm accounts for, by its histogram and its failures, and how many exceed each threshold.

    thresholds: ascending, buckets. shift: buckets by which they are raised.
    """
    size, up_to, ahead = 0, [], iter(thresholds)
    threshold = next(ahead, math.inf) + shift
    for bucket, count in arm.values:
        while bucket > threshold:
            up_to.append(size)
            threshold = next(ahead, math.inf) + shift
        size += count
    up_to += [size] * (len(thresholds) - len(up_to))
    size += arm.failures
    return size, [size - within for within in up_to]


def _size(values: Histogram) -> int:
    return sum([count for _, count in values])


def _sum(parts: Sequence[Histogram]) -> Histogram:
    if len(parts) == 1:
        return parts[0]
    counts: dict[int, int] = {}
    for part in parts:
        for bucket, count in part:
            counts[bucket] = counts.get(bucket, 0) + count
    return tuple(sorted(counts.items()))


def _thresholds(values: Histogram) -> tuple[int, ...]:
    total = _size(values)
    if total < LEAST_REFERENCE:
        return ()
    found: list[int] = []
    cumulated = 0
    wanted = [math.ceil(quantile * total) for quantile in QUANTILES]
    for bucket, count in values:
        cumulated += count
        while len(found) < len(wanted) and cumulated >= wanted[len(found)]:
            found.append(bucket)
    return tuple(found)
