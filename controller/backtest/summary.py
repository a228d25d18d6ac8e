"""What another policy would have come to over all rollouts. What the record cannot answer is counted, and left out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from controller.backtest.compare import Compared


class Change(StrEnum):
    """What would have been different about a rollout."""

    SAME = "same"
    EARLIER = "earlier"
    """The same outcome, sooner."""
    LATER = "later"
    OTHER = "other"
    """Another outcome."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Summary:
    """
    Counts of rollouts, and sums over the bad releases of which the record can answer.

    saved, added: requests and milliseconds of users on releases that were taken back in either course; what a policy
    saves with one release is not set off against what it adds with another. uncounted_ms: of the milliseconds, saved
    and added, those of which no window says how many requests they had.
    """

    rollouts: int
    same: int
    earlier: int
    later: int
    other: int
    unknown: int
    requests_saved: int
    requests_added: int
    saved_ms: int
    added_ms: int
    uncounted_ms: int


def change(one: Compared) -> Change:
    """Say what would have been different."""
    happened, other = one.happened, one.would_have
    if one.unknown or other is None:
        return Change.UNKNOWN
    if other.outcome != happened.outcome:
        return Change.OTHER
    if other.ended_ms == happened.ended_ms:
        return Change.SAME
    return Change.EARLIER if other.ended_ms < happened.ended_ms else Change.LATER


def summed(compared: Sequence[Compared]) -> Summary:
    """Add up."""
    changes = [change(one) for one in compared]
    answered = [one for one, what in zip(compared, changes, strict=True) if what is not Change.UNKNOWN]
    sides = [one.sides for one in answered if one.sides]
    requests = [would.requests - did.requests for did, would in sides]
    lasted_ms = [would.lasted_ms - did.lasted_ms for did, would in sides]
    return Summary(
        rollouts=len(changes),
        same=changes.count(Change.SAME),
        earlier=changes.count(Change.EARLIER),
        later=changes.count(Change.LATER),
        other=changes.count(Change.OTHER),
        unknown=changes.count(Change.UNKNOWN),
        requests_saved=_fewer(requests),
        requests_added=_more(requests),
        saved_ms=_fewer(lasted_ms),
        added_ms=_more(lasted_ms),
        uncounted_ms=sum(abs(would.uncounted_ms - did.uncounted_ms) for did, would in sides),
    )


def _fewer(differences: Iterable[int]) -> int:
    return -sum(one for one in differences if one < 0)


def _more(differences: Iterable[int]) -> int:
    return sum(one for one in differences if one > 0)
