"""What a gate answers: an outcome, the reason in a sentence, and the figures it rests on; never a bare yes or no."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Outcome(StrEnum):
    """What a gate found. No data is INCONCLUSIVE, never PASS."""

    PASS = "pass"  # noqa: S105 - an outcome, no password
    INCONCLUSIVE = "inconclusive"
    ERROR = "error"
    FAIL = "fail"


WORST_FIRST: Final = (Outcome.FAIL, Outcome.ERROR, Outcome.INCONCLUSIVE, Outcome.PASS)


@dataclass(frozen=True, slots=True)
class Figure:
    """
    One figure that a verdict rests on.

    name: what was measured. value, limit: in the same unit, which the name says when it is not an e-value.
    samples: how many observations stand behind it.
    """

    name: str
    value: float
    limit: float
    samples: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """
    A gate's answer.

    reason: one sentence for people. evidence: the figures, in a fixed order.
    guilty: names of the measures that are proven worse; empty unless the outcome is FAIL.
    """

    outcome: Outcome
    reason: str
    evidence: tuple[Figure, ...] = ()
    guilty: tuple[str, ...] = ()


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the verdict that decides when several gates stand side by side; of equal ones, the first."""
    ordered = sorted(verdicts, key=lambda verdict: WORST_FIRST.index(verdict.outcome))
    return ordered[0] if ordered else Verdict(Outcome.INCONCLUSIVE, "no gate was asked")
