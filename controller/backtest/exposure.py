"""
Whom a release reached, as it went and as it would have gone.

Requests are those that windows counted. Under another share they are scaled by it, which keeps each user's habits and
assumes that whoever heard the release asked for as much as anybody else.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from controller.backtest.courses import Course, Share
from controller.backtest.windows import Counts, Windows


@dataclass(frozen=True, slots=True)
class Exposure:
    """
    How long a release had users, milliseconds, while it could be taken back; and how many requests.

    uncounted_ms: the part of `lasted_ms` of which no window says how many requests there were, or would have been.
    """

    lasted_ms: int
    requests: int
    uncounted_ms: int


def exposure(course: Course, happened: Course, windows: Windows, until_ms: int) -> Exposure:
    """
    Return whom a release reached in one course.

    happened: the course in which the windows were measured. until_ms: where the record ends, for what still runs then.
    """
    lasted_ms, counts = _lasted_ms(course, until_ms), windows.counts
    # Its requests were the release's as the window ended: what had no users when it began has none before.
    now, was = _held(course.shares, counts[:, 1] - 1), _held(happened.shares, counts[:, 1] - 1)
    scales = np.full((len(course.shares) + 1, len(happened.shares) + 1), np.nan)
    for here, one in enumerate((_NOTHING, *course.shares)):
        for there, other in enumerate((_NOTHING, *happened.shares)):
            if one.serves and (scale := _scale(one, other)) is not None:
                scales[here, there] = scale
    by = scales[now, was]
    known = ~np.isnan(by)
    counted_ms = int((counts[known, 1] - counts[known, 0]).sum())
    requests = float((counts[known, 2] * by[known]).sum())
    return Exposure(lasted_ms, round(requests), max(0, lasted_ms - counted_ms))


_NOTHING: Final = Share(0, 0)


def _held(shares: Sequence[Share], at_ms: Counts) -> Counts:
    """Return which share was held at each time: its number from 1 on, 0 before the first."""
    return np.searchsorted(np.array([share.at_ms for share in shares], np.int64), at_ms, side="right")


def _scale(now: Share, was: Share) -> float | None:
    """Return how many times as many users there are by one share as by the other; None where nobody can say."""
    if (now.weight_bp, now.segments) == (was.weight_bp, was.segments):
        return 1.0 if was.serves else None
    # Of segments only one was counted, and nobody knows how many users it has.
    if now.segments or was.segments or not was.weight_bp:
        return None
    return now.weight_bp / was.weight_bp


def _lasted_ms(course: Course, until_ms: int) -> int:
    """Return how long it had users. What nothing can take back any more is no longer tried on anybody."""
    # Not until the promotion: the time under guard counts in a course that was reverted, and so it does in the other.
    ends = course.proven_ms if course.proven_ms >= 0 else until_ms
    shares = [*(share for share in course.shares if share.at_ms < ends), Share(ends, 0)]
    return sum(after.at_ms - before.at_ms for before, after in pairwise(shares) if before.serves)
