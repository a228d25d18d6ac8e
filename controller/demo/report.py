"""What the demo promises, what it measured, and whether each promise was kept."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import sqrt
from pathlib import Path

from controller.demo.hops import Rollback
from controller.demo.load import Utterance

_Z_999 = 3.2905
"""Two-sided 99.9 % quantile of the normal: one healthy demo in a thousand may miss the interval."""


@dataclass(frozen=True, slots=True)
class Share:
    """The candidate's measured share of the picks, with the interval that holds the true share with 99.9 %."""

    picked: int
    of: int
    share: float
    low: float
    high: float
    promised: float

    @property
    def kept(self) -> bool:
        """Say whether the promised share lies in the interval."""
        return self.low <= self.promised <= self.high


@dataclass(frozen=True, slots=True)
class Measured:
    """All that the demo measured. Names end in their units; the promises below read them."""

    requests: int
    failed_user_requests: int
    candidate_share_before: Share
    alert_received_to_applied_ms: float
    alert_received_to_last_candidate_request_ms: float
    fault_to_applied_s: float
    facts: int
    promotion_s: float
    clock_promotion_s: float
    mirrored: int
    heard_while_mirrored: int
    evidence_detection_s: float
    guilty_metric: str
    leak_detection_s: float
    leak_guilty_metric: str
    alerts_about_either: int
    promoted: bool
    returned_to_stable: bool
    quarantine_refused: bool
    replay_kafka_equal: bool
    replay_sql_equal: bool
    verified: bool
    checkpoints: int
    redecided_equal: bool
    tampering_found: str
    wall_s: float


def measure_share(spoken: Sequence[Utterance], release: str, from_ms: float, to_ms: float, promised: float) -> Share:
    """Return the share of picks that `release` had among utterances begun between two times (Wilson's interval)."""
    window = [utterance for utterance in spoken if from_ms <= utterance.started_ms < to_ms]
    picked = sum(utterance.picked == release for utterance in window)
    count = len(window)
    if count == 0:
        return Share(0, 0, 0.0, 0.0, 1.0, promised)
    share, z2 = picked / count, _Z_999**2
    middle = (share + z2 / (2 * count)) / (1 + z2 / count)
    half = _Z_999 / (1 + z2 / count) * sqrt(share * (1 - share) / count + z2 / (4 * count**2))
    return Share(picked, count, share, max(0.0, middle - half), min(1.0, middle + half), promised)


def latencies(rollback: Rollback) -> tuple[float, float, float]:
    """
    Return how long the rollback took.

    In this order: alert received to applied, milliseconds; alert received to the last utterance that began on the
    candidate, milliseconds (negative when none began after the alert); first fault to applied, seconds.
    """
    return (
        rollback.applied_ms - rollback.received_ms,
        rollback.last_candidate_ms - rollback.received_ms,
        (rollback.applied_ms - rollback.fault_ms) / 1000,
    )


def broken_promises(measured: Measured) -> list[str]:
    """Return a sentence for each promise that was not kept."""
    share = measured.candidate_share_before
    checks = (
        (measured.requests >= 100, f"only {measured.requests} utterances were spoken; at least 100 were promised"),
        (
            measured.failed_user_requests == 0,
            f"{measured.failed_user_requests} users were left without audio; none were promised",
        ),
        (
            share.of > 0 and share.kept,
            f"the candidate had {share.picked} of {share.of} utterances; {share.promised:.0%} were promised",
        ),
        (measured.promoted, "the good release was not promoted"),
        (
            measured.promotion_s < measured.clock_promotion_s,
            f"evidence took {measured.promotion_s:.0f} s, not less than the clock's {measured.clock_promotion_s:.0f} s",
        ),
        (measured.mirrored > 0, "no request was mirrored to the good release before its first user"),
        (measured.heard_while_mirrored == 0, f"{measured.heard_while_mirrored} users heard a mirrored release"),
        (
            "latency" in measured.guilty_metric,
            f"the slow release was taken back for {measured.guilty_metric or 'nothing in particular'}, not for latency",
        ),
        (
            measured.leak_guilty_metric == "memory",
            f"the leaking release was taken back for {measured.leak_guilty_metric or 'nothing in particular'}",
        ),
        (
            measured.alerts_about_either == 0,
            f"{measured.alerts_about_either} alerts had a say about releases that evidence alone was to find",
        ),
        (measured.returned_to_stable, "traffic did not return to the stable release"),
        (
            measured.alert_received_to_applied_ms <= APPLIED_WITHIN_MS,
            f"the rollback took {measured.alert_received_to_applied_ms:.0f} ms from the webhook to the gateway; "
            f"at most {APPLIED_WITHIN_MS} ms were promised",
        ),
        (
            measured.alert_received_to_last_candidate_request_ms <= APPLIED_WITHIN_MS,
            f"an utterance began on the candidate {measured.alert_received_to_last_candidate_request_ms:.0f} ms after "
            f"the webhook; at most {APPLIED_WITHIN_MS} ms were promised",
        ),
        (
            measured.fault_to_applied_s <= FAULT_WITHIN_S,
            f"it took {measured.fault_to_applied_s:.1f} s to notice a fault",
        ),
        (measured.quarantine_refused, "the release that was taken back was let in again"),
        (measured.replay_kafka_equal, "the journal replayed from Kafka gives another state or table"),
        (measured.replay_sql_equal, "the journal replayed from SQL gives another state or table"),
        (measured.verified, "the journal in SQL or in Kafka is not what was written"),
        (measured.checkpoints > 0, "no signed checkpoint vouches for the journal"),
        (measured.redecided_equal, "a recorded message leads to other facts when it is decided again"),
        (measured.tampering_found != "", "a word that was changed in a copy of the journal was not found"),
        (measured.wall_s <= WALL_WITHIN_S, f"the demo took {measured.wall_s:.0f} s; {WALL_WITHIN_S} s were promised"),
    )
    return [sentence for kept, sentence in checks if not kept]


APPLIED_WITHIN_MS = 50
FAULT_WITHIN_S = 15
WALL_WITHIN_S = 200


def write_report(path: Path, measured: Measured, broken: Sequence[str]) -> None:
    """Write the report as JSON."""
    report = {"ok": not broken, **asdict(measured), "broken_promises": list(broken)}
    path.write_text(json.dumps(report, indent=2) + "\n")
