"""What a plan asks of the evidence: which measures count, how sure we must be, and how much worse still passes."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Metric(StrEnum):
    """What candidate and stable are compared by."""

    ERRORS = "errors"
    LATENCY = "latency"
    TTFA = "ttfa"
    RTF = "rtf"
    MOS = "mos"
    RATINGS = "ratings"


TIMINGS: Final = (Metric.LATENCY, Metric.TTFA, Metric.RTF)
SCORES: Final = (Metric.MOS, Metric.RATINGS)
FAMILIES: Final = (((Metric.ERRORS,), 0.35), (TIMINGS, 0.35), (SCORES, 0.30))
"""Share of the merged evidence by family; the measures of a family that a plan names share it equally."""

LEAST_MARGIN: Final = 0.05
OFFSETS_IN_MARGIN: Final = 3.0


@dataclass(frozen=True, slots=True)
class Rules:
    """
    How to judge; the defaults are safe without reading a manual.

    metrics: what counts, in the order in which it is shown.
    alpha: probability of taking a healthy candidate back, per 24 hours of watching.
    least_gap: errors count only while the candidate fails at least this much more often, share of requests, 5 minutes.
    offset_sd: standard deviation of instances' log-latency offsets when both arms run one release (an A/A run).
    promote_at: e-value from which a measure is proven good enough; a false proof has probability <= 1/promote_at.
    error_odds: how much worse the odds of a failed block may be, from ladder step to ladder step.
    proven_to: highest quantile of a timing that must be proven; few requests say little about the slowest of them.
    rare_failures: share of failed blocks below which failures are too few to compare; who is proven below it has
    passed, for where nobody fails no comparison can ever be won.
    slower: how much slower still passes, share. score_drop: how much lower a mean score still passes, points.
    missing_after_s: a measure without a comparison for so long is missing.
    """

    metrics: tuple[Metric, ...] = (Metric.ERRORS, Metric.LATENCY, Metric.TTFA, Metric.RTF, Metric.MOS)
    alpha: float = 0.001
    least_gap: float = 0.001
    offset_sd: float = 0.0
    promote_at: float = 20.0
    error_odds: tuple[float, ...] = (20.0, 5.0, 3.0, 2.0)
    slower: float = 0.25
    score_drop: float = 0.1
    missing_after_s: float = 300.0
    proven_to: float = 0.99
    rare_failures: float = 0.02

    def __post_init__(self) -> None:
        if not self.metrics or len(set(self.metrics)) != len(self.metrics):
            raise ValueError(f"metrics is {self.metrics}; allowed: one or more, each once")
        if not 1e-9 <= self.alpha <= 0.1:
            raise ValueError(f"alpha is {self.alpha}; allowed: 1e-9 to 0.1")
        if not 0 <= self.least_gap < 1:
            raise ValueError(f"least_gap is {self.least_gap}; allowed: 0 up to 1, a share of requests")
        if not 0 <= self.offset_sd <= 1:
            raise ValueError(f"offset_sd is {self.offset_sd}; allowed: 0 to 1")
        # Below fortune.PROVEN, or nothing could ever be proven.
        if not 2 <= self.promote_at <= 500:
            raise ValueError(f"promote_at is {self.promote_at}; allowed: 2 to 500")
        if not 1 <= len(self.error_odds) <= 8 or not all(1 < odds <= 100 for odds in self.error_odds):
            raise ValueError(f"error_odds is {self.error_odds}; allowed: 1 to 8 odds, each above 1, up to 100")
        if not LEAST_MARGIN <= self.slower <= 10:
            raise ValueError(f"slower is {self.slower}; allowed: {LEAST_MARGIN} to 10")
        if not 0 < self.score_drop < 1:
            raise ValueError(f"score_drop is {self.score_drop}; allowed: above 0, below 1 point")
        if not 0 < self.rare_failures <= 0.5:
            raise ValueError(f"rare_failures is {self.rare_failures}; allowed: above 0, up to 0.5")
        if not 0.5 <= self.proven_to <= 0.99:
            raise ValueError(f"proven_to is {self.proven_to}; allowed: 0.5 to 0.99")
        if not 0 < self.missing_after_s <= 86_400:
            raise ValueError(f"missing_after_s is {self.missing_after_s}; allowed: above 0, up to 86400")

    @property
    def margin(self) -> float:
        """How much slower is not yet called slower, share: instances of one release differ by that much."""
        return max(LEAST_MARGIN, OFFSETS_IN_MARGIN * self.offset_sd)

    @property
    def shares(self) -> tuple[tuple[Metric, float], ...]:
        """Each measure's share of the merged evidence; they sum to 1 and are fixed before the first look."""
        raw = {metric: share / len(present) for present, share in self._families() for metric in present}
        total = sum(raw[metric] for metric in self.metrics)
        return tuple((metric, raw[metric] / total) for metric in self.metrics)

    def _families(self) -> list[tuple[list[Metric], float]]:
        named = [([metric for metric in family if metric in self.metrics], share) for family, share in FAMILIES]
        return [(present, share) for present, share in named if present]
