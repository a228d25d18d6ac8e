"""
Is the candidate proven good enough? The verdict that lets it go on.

Not being proven worse is no proof: here the null hypothesis is "it is worse than we allow", and every measure must
refute it by itself. Source of testing so: Wellek 2010, "Testing Statistical Hypotheses of Equivalence and
Noninferiority"; all measures at once: Berger 1982, intersection-union tests, which need no correction for their number.
"""

from collections.abc import Collection, Sequence
from typing import Final

from controller.core.evidence.engine import Evidence, Track
from controller.core.evidence.rollback import missing
from controller.core.evidence.rules import TIMINGS, Metric, Rules
from controller.core.evidence.timing import QUANTILES
from controller.core.gate import Figure, Outcome, Verdict

COMPARED_SHARE: Final = 0.8
"""
How much of the proof about errors is bet on the comparison with stable; the rest on failures being rare.

Both refute that the candidate is worse than allowed and that this matters, so their mean is one proof of it.
"""


def judge_promotion(
    evidence: Evidence, rules: Rules, ladder_step: int = -1, expected: Collection[Metric] | None = None
) -> Verdict:
    """
    Say whether every measure has proven that the candidate is not worse than allowed.

    ladder_step: which of `rules.error_odds` errors must refute; the last, the strictest, by default. Early steps, which
        few users meet, may be left on weaker proof.
    expected: measures that must prove it, all by default; before any user is served, only golden prompts can.
    PASS when each e-value is >= promote_at: a release at a margin passes with probability <= 1/promote_at.
    INCONCLUSIVE otherwise, as long as it takes: only `judge_rollback` says FAIL.
    """
    asked = rules.metrics if expected is None else expected
    figures = tuple(
        figure for track in evidence.tracks if track.metric in asked for figure in _figures(track, rules, ladder_step)
    )
    short = [figure.name for figure in figures if figure.value < rules.promote_at]
    if absent := missing(evidence, rules, asked):
        return Verdict(Outcome.INCONCLUSIVE, f"nothing to compare for {', '.join(absent)}", figures)
    if short:
        return Verdict(Outcome.INCONCLUSIVE, f"not yet proven good enough: {', '.join(short)}", figures)
    return Verdict(Outcome.PASS, "every measure is proven good enough", figures)


def error_odds_at(rules: Rules, rung: int, rungs: int) -> int:
    """
    Return which ladder step of `rules.error_odds` governs leaving rung `rung` of `rungs` (both counted from 0 and 1).

    The last rung before everybody always has the strictest; earlier ones count back from it.
    """
    return max(0, len(rules.error_odds) - (rungs - rung))


def _figures(track: Track, rules: Rules, ladder_step: int) -> list[Figure]:
    if track.metric is Metric.ERRORS:
        *compared, rare = track.proofs
        name = f"{track.metric} (odds below {rules.error_odds[ladder_step]:g}, or rare)"
        proven = COMPARED_SHARE * _mean(compared[ladder_step]) + (1 - COMPARED_SHARE) * _mean(rare)
        return [Figure(name, proven, rules.promote_at, track.samples)]
    if track.metric in TIMINGS:
        return [
            Figure(f"{track.metric} p{quantile * 100:g}", _mean(wealth), rules.promote_at, track.samples)
            for quantile, wealth in zip(QUANTILES, track.proofs, strict=True)
            if quantile <= rules.proven_to
        ]
    return [Figure(track.metric.value, _mean(track.proofs[0]), rules.promote_at, track.samples)]


def _mean(wealth: Sequence[float]) -> float:
    return sum(wealth) / len(wealth)
