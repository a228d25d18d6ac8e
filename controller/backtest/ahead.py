"""Whether a release would have had more of the traffic than it had at the time."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from controller.backtest.courses import Course, Share

LATE_MS: Final = 5_000
"""By how much a share may come before or go after the recorded one: recorded timers came due a little late."""

_NOTHING: Final = Share(0, 0)
_END: Final = 2**62


def ahead(would_have: Course, happened: Course) -> bool:
    """Say whether it would have had more traffic at any time until it was over, segments and promotion included."""
    end_ms = happened.ended_ms if happened.ended_ms >= 0 else _END
    # It gets ahead where its own share changes, or where the recorded one has been another for long enough.
    moments = [share.at_ms for share in would_have.shares]
    moments += [share.at_ms + LATE_MS + 1 for share in happened.shares]
    return any(
        all(
            _exceeds(now, had)
            for now in _held(would_have.shares, at_ms, at_ms)
            for had in _held(happened.shares, at_ms - LATE_MS, at_ms + LATE_MS)
        )
        for at_ms in moments
        if at_ms < end_ms
    )


def _held(shares: Sequence[Share], first_ms: int, last_ms: int) -> list[Share]:
    """Return the shares that were held at any time from first_ms to last_ms."""
    spans = pairwise((_NOTHING, *shares, Share(_END, 0)))
    return [share for share, after in spans if share.at_ms <= last_ms and after.at_ms > first_ms]


def _exceeds(one: Share, other: Share) -> bool:
    """Say whether some user may hear the release by one share who does not by the other."""
    here, there = ([share.weight_bp, *(segment.weight_bp for segment in share.segments)] for share in (one, other))
    if [segment.where for segment in one.segments] == [segment.where for segment in other.segments]:
        return any(more > less for more, less in zip(here, there, strict=True))
    # Which users belong to several segments nobody knows.
    return max(here) > min(there)
