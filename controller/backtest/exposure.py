"""
Whom a release reached, as it went and as it would have gone.

Requests are those that windows counted. Under another share they are scaled by it, which keeps each user's habits and
assumes that whoever heard the release asked for as much as anybody else.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from controller.backtest.courses import Course, Share
from controller.backtest.windows import Windows


@dataclass(frozen=True, slots=True)
class Exposure:
    """
    How long a release had users, milliseconds, until it was taken back or promoted for good; and how many requests.

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
    lasted_ms, counted_ms, requests = _lasted_ms(course, until_ms), 0, 0.0
    here, there = _Shares(course.shares), _Shares(happened.shares)
    for start_ms, end_ms, counted in windows.counts:
        # Its requests were the release's as the window ended: what had no users when it began has none before.
        is_now, was = here.at(end_ms - 1), there.at(end_ms - 1)
        if is_now.serves and (scale := _scale(is_now, was)) is not None:
            counted_ms += end_ms - start_ms
            requests += counted * scale
    return Exposure(lasted_ms, round(requests), max(0, lasted_ms - counted_ms))


def _scale(now: Share, was: Share) -> float | None:
    """Return how many times as many users there are by one share as by the other; None where nobody can say."""
    if (now.weight_bp, now.segments) == (was.weight_bp, was.segments):
        return 1.0 if was.serves else None
    # Of segments only one was counted, and nobody knows how many users it has.
    if now.segments or was.segments or not was.weight_bp:
        return None
    return now.weight_bp / was.weight_bp


def _lasted_ms(course: Course, until_ms: int) -> int:
    """Return how long it had users. What is promoted for good is no longer tried on anybody."""
    ends = course.ended_ms if course.outcome == "promoted" else until_ms
    shares = [*(share for share in course.shares if share.at_ms < ends), Share(ends, 0)]
    return sum(after.at_ms - before.at_ms for before, after in pairwise(shares) if before.serves)


class _Shares:
    """Shares by time, asked in ascending order."""

    def __init__(self, shares: Sequence[Share]) -> None:
        self._ahead = list(reversed(shares))
        self._now = Share(0, 0)

    def at(self, at_ms: int) -> Share:
        while self._ahead and self._ahead[-1].at_ms <= at_ms:
            self._now = self._ahead.pop()
        return self._now
