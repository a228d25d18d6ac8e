"""
A fortune that is bet against "the candidate is no worse", a part of it later, so that late regressions are found too.

One unit of money a day; half is bet at once, the rest evenly every ten minutes. Nobody makes money against a true
null in a fair game, so E[value] <= 1 at any time of the first day, and a fortune of 1000 means odds of 1000 to 1.
Source: Shafer & Vovk 2019, "Game-Theoretic Foundations"; mixing over starting times: Shin, Ramdas & Rinaldo 2024,
"E-detectors".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import mul
from typing import Final

SLOT_MS: Final = 600_000
SLOTS_IN_DAY: Final = 144
FIRST_SHARE: Final = 0.5
LATER_SHARE: Final = (1 - FIRST_SHARE) / (SLOTS_IN_DAY - 1)
CEILING: Final = 1e12
"""Far above any threshold; money beyond it is given away, which is safe, and numbers stay finite."""
PROVEN: Final = 1000.0
"""More proof of being good is not kept: a candidate that turns bad must lose its proof within minutes, not days."""


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
    Each day brings a new unit of cash, so false alarms have probability <= alpha *per day*. What fell due in a silence
    of more than a day is not paid, whatever a broken clock says.
    """
    due = 1 + elapsed_ms // SLOT_MS
    if due <= fortune.slots:
        return Fortune(_won(fortune.wealth, ratios, CEILING), fortune.cash, fortune.slots)
    cash, stake = fortune.cash, 0.0
    for slot in range(max(fortune.slots, due - SLOTS_IN_DAY), due):
        first = slot % SLOTS_IN_DAY == 0
        if first and slot:
            cash += 1.0
        payment = min(cash, FIRST_SHARE if first else LATER_SHARE)
        cash, stake = cash - payment, stake + payment
    return Fortune(_won([money + stake for money in fortune.wealth], ratios, CEILING), cash, due)


def value(fortune: Fortune, weights: Sequence[float]) -> float:
    """Return the e-value: the wealth under the prior `weights` (which sum to 1), and the cash."""
    total = fortune.cash
    for weight, money in zip(weights, fortune.wealth, strict=True):
        total += weight * money
    return total


def prove(rows: Sequence[Sequence[float]], ratios: Sequence[Sequence[float]]) -> tuple[tuple[float, ...], ...]:
    """Bet everything again, from the first window on, row by row; what exceeds PROVEN is given away."""
    return tuple([_won(wealth, row, PROVEN) for wealth, row in zip(rows, ratios, strict=True)])


def _won(wealth: Sequence[float], ratios: Sequence[float], most: float) -> tuple[float, ...]:
    assert len(wealth) == len(ratios), "one ratio per alternative"
    won = tuple(map(mul, wealth, ratios))
    return won if max(won) <= most else tuple([min(most, money) for money in won])
