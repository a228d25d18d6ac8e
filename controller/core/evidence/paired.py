"""Scores of both releases on the same text: is the candidate's mean lower than it may be?"""

import math
from collections.abc import Iterable, Sequence
from operator import mul
from typing import Final

TOLERATED_DROP: Final = 0.03
"""Points of mean score below stable that are never called worse: within what a predictor of MOS tells apart."""
BETS: Final = (0.08, 0.2, 0.4, 0.6, 0.8, 0.95)
"""Shares of the largest bet that cannot lose everything; equal prior weights."""


def usable(differences: Iterable[float]) -> tuple[float, ...]:
    """Return the differences that are numbers, clipped to +-1 point: bounded, as the bets need them."""
    return tuple([max(-1.0, min(1.0, one)) for one in differences if math.isfinite(one)])


def ratios_worse(differences: Sequence[float], drop: float = TOLERATED_DROP) -> tuple[float, ...]:
    """
    Return for each bet the product of 1 + lambda (-d - drop) over candidate-minus-stable d, points.

    lambda = bet / (1 + drop). Mean <= 1 as long as the mean of d, given the past, is >= -drop.
    Source: Waudby-Smith & Ramdas 2024, "Estimating means of bounded random variables by betting".
    """
    return _products([bet / (1 + drop) for bet in BETS], [-one - drop for one in differences])


def ratios_proven(differences: Sequence[float], drop: float) -> tuple[float, ...]:
    """
    Return for each bet the product of 1 + lambda (d + drop): evidence that the mean of d is above -drop, points.

    lambda = bet / (1 - drop). Mean <= 1 as long as the mean of d, given the past, is <= -drop. Source: as above.
    """
    return _products([bet / (1 - drop) for bet in BETS], [one + drop for one in differences])


def _products(stakes: list[float], gains: list[float]) -> tuple[float, ...]:
    products = (1.0,) * len(stakes)
    for gain in gains:
        products = tuple(map(mul, products, [1 + stake * gain for stake in stakes]))
    return products
