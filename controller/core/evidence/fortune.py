"""
A fortune that is bet against "the candidate is no worse", a part of it later, so that late regressions are found too.

One unit of money a day; half is bet at once, the rest evenly every ten minutes. Nobody makes money against a true
null in a fair game, so E[value] <= 1 at any time of the first day, and a fortune of 1000 means odds of 1000 to 1.
Source: Shafer & Vovk 2019, "Game-Theoretic Foundations"; mixing over starting times: Shin, Ramdas & Rinaldo 2024,
"E-detectors".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

SLOT_MS: Final = 600_000
SLOTS_IN_DAY: Final = 144
FIRST_SHARE: Final = 0.5
LATER_SHARE: Final = (1 - FIRST_SHARE) / (SLOTS_IN_DAY - 1)
CEILING: Final = 1e12
"""Far above any threshold; money beyond it is given away, which is safe, and numbers stay finite."""


@dataclass(frozen=True, slots=True)
class Fortune:
    """
    wealth: what stands on each alternative, before its prior weight. cash: what is not bet yet.

    slots: how many ten-minute payments were made.
    """

    wealth: tuple[float, ...]
    cash: float = 1.0
    slots: int = 0


def fresh(alternatives: int) -> Fortune:
    """Return a fortune that has bet nothing yet."""
    return Fortune((0.0,) * alternatives)


def bet(fortune: Fortune, ratios: Sequence[float], elapsed_ms: int) -> Fortune:
    """
    Pay what is due, then multiply: M <- (M + a) * ratio.

    ratios: one per alternative, of mean <= 1 under the null. elapsed_ms: since watching began, never of the future.
    Each day brings a new unit of cash, so false alarms have probability <= alpha *per day*.
    """
    cash, stake, due = fortune.cash, 0.0, 1 + elapsed_ms // SLOT_MS
    for slot in range(fortune.slots, due):
        first = slot % SLOTS_IN_DAY == 0
        if first and slot:
            cash += 1.0
        payment = min(cash, FIRST_SHARE if first else LATER_SHARE)
        cash, stake = cash - payment, stake + payment
    wealth = tuple(min(CEILING, (money + stake) * ratio) for money, ratio in zip(fortune.wealth, ratios, strict=True))
    return Fortune(wealth, cash, max(due, fortune.slots))


def value(fortune: Fortune, weights: Sequence[float]) -> float:
    """Return the e-value: the wealth under the prior `weights` (which sum to 1), and the cash."""
    total = fortune.cash
    for weight, money in zip(weights, fortune.wealth, strict=True):
        total += weight * money
    return total


def multiply(wealth: Sequence[float], ratios: Sequence[float]) -> tuple[float, ...]:
    """Bet everything on each alternative again; for a proof that began with the first window and never restarts."""
    return tuple(min(CEILING, money * ratio) for money, ratio in zip(wealth, ratios, strict=True))
