"""Is the candidate proven worse? The verdict that takes a release back."""

from controller.core.evidence.engine import Evidence, Track, gap, prior
from controller.core.evidence.fortune import value
from controller.core.evidence.merge import guilty, merged
from controller.core.evidence.rules import Metric, Rules
from controller.core.gate import Figure, Outcome, Verdict

MERGED = "all together"


def judge_rollback(evidence: Evidence, rules: Rules) -> Verdict:
    """
    Say whether the candidate must go.

    FAIL when the merged e-value is >= 1/alpha: a healthy release is taken back with probability <= alpha a day.
    INCONCLUSIVE when a measure of the rules has had no comparison lately: hold. PASS when nothing speaks against it.
    """
    threshold = 1 / rules.alpha
    metrics = [track.metric for track in evidence.tracks]
    shares = [share for _, share in rules.shares]
    values = [_value(track, evidence, rules) for track in evidence.tracks]
    together = merged(values, shares)
    figures = tuple(
        Figure(track.metric, found, threshold, track.samples)
        for track, found in zip(evidence.tracks, values, strict=True)
    )
    figures = (*figures, Figure(MERGED, together, threshold, sum(track.samples for track in evidence.tracks)))
    if together >= threshold:
        named = tuple(metrics[place].value for place in guilty(values, shares, threshold))
        blamed = " and ".join(named) if named else "several measures together"
        reason = f"the candidate is worse in {blamed}: e-value {together:.0f} of {threshold:.0f} needed"
        return Verdict(Outcome.FAIL, reason, figures, named)
    if absent := missing(evidence, rules):
        return Verdict(Outcome.INCONCLUSIVE, f"nothing to compare for {', '.join(absent)}", figures)
    reason = f"nothing proves the candidate worse: e-value {together:.2f} of {threshold:.0f} needed"
    return Verdict(Outcome.PASS, reason, figures)


def missing(evidence: Evidence, rules: Rules) -> tuple[Metric, ...]:
    """Return the measures that were never compared, or not in the last `missing_after_s` seconds of windows."""
    since_ms = evidence.seen_ms - round(rules.missing_after_s * 1000)
    return tuple(track.metric for track in evidence.tracks if track.seen_ms < 0 or track.seen_ms <= since_ms)


def _value(track: Track, evidence: Evidence, rules: Rules) -> float:
    if track.metric is Metric.ERRORS and gap(evidence) < rules.least_gap:
        # Proven or not, a difference that nobody would notice takes nothing back. Counting it as 0 is on the safe side.
        return 0.0
    return value(track.worse, prior(track.metric))
