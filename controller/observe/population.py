"""
Whom chance alone divided between candidate and stable: only these can be compared.

A segment's users differ from everybody else's, VIPs or another language's, and so do their times and failures. Where a
segment is given to the candidate whole, comparing it with the rest would compare two kinds of users, not two releases.
So the common weight is compared where it lies strictly between 0 and 100 %; otherwise the segment whose own weight
does; of several such segments the one with the most requests. Copies of stable's requests are drawn from all of them
alike, so while nobody is served they are compared with all of stable's.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Final

from controller.core.evidence.window import ArmCounts
from controller.core.names import FULL_BP
from controller.core.plan import Step
from controller.observe.counting import Increment

REQUESTS: Final = "segue_root_requests_total"
BLOCKS: Final = "segue_blocks_total"
MEASURED: Final = "segue_measured_total"
COMMON: Final = ""


def arms(increments: Iterable[Increment], step: Step, candidate: str, stable: str) -> tuple[ArmCounts, ArmCounts]:
    """
    Return candidate's and stable's counts among those who can be compared, all instances and endpoints together.

    candidate, stable: versions. What testers forced is never counted: they chose their release.
    """
    found = tuple(increments)
    if not step.serves and step.mirror_bp:
        ours = [one for one in found if _is_of(one, "mirror", candidate)]
        return _sum(ours), _sum(one for one in found if _is_of(one, "stable", stable))
    ours = [one for one in found if _is_of(one, "candidate", candidate)]
    theirs = [one for one in found if _is_of(one, "stable", stable)]
    segment = _segment(step, (*ours, *theirs))
    return _sum(_within(ours, segment)), _sum(_within(theirs, segment))


def _segment(step: Step, counted: Iterable[Increment]) -> str:
    if 0 < step.weight_bp < FULL_BP:
        return COMMON
    divided = [segment.name for segment in step.segments if 0 < segment.weight_bp < FULL_BP]
    requests = dict.fromkeys(divided, 0)
    for one in counted:
        if one.labels["__name__"] == REQUESTS and one.labels.get("segment", COMMON) in requests:
            requests[one.labels["segment"]] += one.count
    # Of equals the first of the plan, so that every observer chooses the same.
    return max(requests, key=requests.__getitem__, default=COMMON)


def _is_of(one: Increment, arm: str, release: str) -> bool:
    return (one.labels.get("arm"), one.labels.get("release")) == (arm, release)


def _within(counted: Iterable[Increment], segment: str) -> Iterable[Increment]:
    # Prometheus drops a label that is empty.
    return (one for one in counted if one.labels.get("segment", COMMON) == segment)


def _sum(counted: Iterable[Increment]) -> ArmCounts:
    outcomes: Counter[tuple[str, str]] = Counter()
    buckets: dict[str, Counter[int]] = {"latency": Counter(), "ttfa": Counter(), "rtf": Counter()}
    for one in counted:
        name, labels = one.labels["__name__"], one.labels
        if name != MEASURED:
            outcomes[name, labels["outcome"]] += one.count
        elif labels["measure"] in buckets:
            buckets[labels["measure"]][int(labels["bucket"])] += one.count
    failures, failed_blocks = outcomes[REQUESTS, "failed"], outcomes[BLOCKS, "failed"]
    return ArmCounts(
        # An overrun release did not fail: what was waited for it stands among the times.
        requests=failures + outcomes[REQUESTS, "ok"] + outcomes[REQUESTS, "overrun"],
        failures=failures,
        blocks=failed_blocks + outcomes[BLOCKS, "ok"],
        failed_blocks=failed_blocks,
        **{measure: tuple(sorted(histogram.items())) for measure, histogram in buckets.items()},
    )
