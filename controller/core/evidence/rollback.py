"""Is the candidate proven worse? The verdict that takes a release back."""

from collections.abc import Collection

from controller.core.evidence.engine import Evidence, Track, failure_rates, prior
from controller.core.evidence.fortune import value
from controller.core.evidence.merge import guilty, merged
from controller.core.evidence.rules import Metric, Rules
from controller.core.gate import Figure, Outcome, Verdict

MERGED = "all together"


def judge_rollback(evidence: Evidence, rules: Rules, expected: Collection[Metric] | None = None) -> Verdict:
    """
    Say whether the candidate must go.

    expected: measures that can have data now, all by default; before any user is served, only golden prompts can.
    FAIL when the merged e-value is >= 1/alpha: a healthy release is taken back with probability <= alpha a day.
    INCONCLUSIVE when an expected measure has had no comparison lately: hold. PASS when nothing speaks against it.
    """
    threshold = 1 / rules.alpha
    metrics = [track.metric for track in evidence.tracks]
    shares = [share for _, share in rules.shares]
    values = [_value(track, evidence, rules) for track in evidence.tracks]
    together = merged(values, shares)
    figures = tuple(
        Figure(track.metric.value, found, threshold, track.samples)
        for track, found in zip(evidence.tracks, values, strict=True)
    )
    figures = (*figures, Figure(MERGED, together, threshold, sum(track.samples for track in evidence.tracks)))
    if together >= threshold:
        named = tuple(metrics[place].value for place in guilty(values, shares, threshold))
        blamed = " and ".join(named) if named else "several measures together"
        failing = _failing(evidence, rules)
        reason = f"the candidate is worse in {blamed}{failing}: e-value {_plain(together)}, {threshold:g} is proof"
        return Verdict(Outcome.FAIL, reason, figures, named)
    if absent := missing(evidence, rules, expected):
        return Verdict(Outcome.INCONCLUSIVE, f"nothing to compare for {', '.join(absent)}", figures)
    reason = f"nothing proves the candidate worse: e-value {_plain(together)}, {threshold:g} would be proof"
    return Verdict(Outcome.PASS, reason, figures)


def missing(evidence: Evidence, rules: Rules, expected: Collection[Metric] | None = None) -> tuple[Metric, ...]:
    """
    Return the expected measures that were never compared, or not in the last `missing_after_s` seconds of windows.

    Listeners are people and rest: ratings are missing only until the first.
    """
    since_ms = evidence.seen_ms - round(rules.missing_after_s * 1000)
    asked = rules.metrics if expected is None else expected
    return tuple(
        track.metric
        for track in evidence.tracks
        if track.metric in asked
        and (track.seen_ms < 0 or (track.metric is not Metric.RATINGS and track.seen_ms <= since_ms))
    )


def _plain(value: float) -> str:
    """Return an e-value as people read it: no powers of ten, and no digits that say nothing."""
    if value >= 1_000_000:
        return "above a million"
    return f"{value:.0f}" if value >= 100 else f"{value:.2f}"


def _failing(evidence: Evidence, rules: Rules) -> str:
    """Tell failures wherever there are more of them: they count as slow, so an outage shows as latency first."""
    ours, theirs = failure_rates(evidence)
    if ours - theirs < rules.least_gap:
        return ""
    return f" (failed in five minutes: {100 * ours:.1f} % of its requests, {100 * theirs:.1f} % of stable's)"


def _value(track: Track, evidence: Evidence, rules: Rules) -> float:
    ours, theirs = failure_rates(evidence) if track.metric is Metric.ERRORS else (1.0, 0.0)
    if ours - theirs < rules.least_gap:
        # Proven or not, a difference that nobody would notice takes nothing back. Counting it as 0 is on the safe side.
        return 0.0
    return value(track.worse, prior(track.metric))
