"""
How much likelier the candidate's share of events is if its odds are psi times stable's.

Given how many events (failed blocks, slow requests) fell on both arms together, the candidate's part of them follows
Fisher's noncentral hypergeometric distribution, in which the common rate cancels: drifting baselines and changing
weights need no care. Source: Fisher 1935; conditional likelihood ratios as e-values: Turner, Ly & Gruenwald 2024,
"Generic e-variables for exact sequential k-sample tests".
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

EXACT_TERMS: Final = 64
"""Longest exact sum against odds 1; beyond it the closed form costs little power, and a fold stays quick."""
EXACT_TERMS_OF_PROOF: Final = 256
"""Longest exact sum against other odds, for which there is no closed form on the safe side."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Events among observations, by arm: x_c of n_c on the candidate, x_s of n_s on stable."""

    n_c: int
    x_c: int
    n_s: int
    x_s: int


def ratios(counts: Counts, odds: Sequence[float], null: float = 1.0) -> tuple[float, ...]:
    """
    Return pmf(x_c; odds = psi) / pmf(x_c; odds = null) for each psi in `odds`; no unit.

    pmf: scipy.stats.nchypergeom_fisher with N = n_c + n_s, K = x_c + x_s, n = n_c.
    All are 1 when an arm is empty or nothing happened: no data says nothing. The ratio rises with x_c where psi > null
    and falls with it where psi < null, so its mean is <= 1 on the whole side of `null` that lies away from psi.
    Built from additions, multiplications and divisions alone, so that all machines agree on every bit, unless an exact
    sum were too long: then against null 1 by `_rare`, and against any other null nothing is claimed.
    """
    total, events = counts.n_c + counts.n_s, counts.x_c + counts.x_s
    least, most = max(0, events - counts.n_s), min(events, counts.n_c)
    if least == most:
        return (1.0,) * len(odds)
    if most - least > (EXACT_TERMS if null == 1 else EXACT_TERMS_OF_PROOF):
        return tuple(_rare(counts, psi) if null == 1 else 1.0 for psi in odds)
    ways = _ways(counts.n_c, events, total, least, most)
    at = counts.x_c - least
    against = _tilted(ways, at, null)
    return tuple(against / _tilted(ways, at, psi) for psi in odds)


def _ways(n: int, events: int, total: int, least: int, most: int) -> list[float]:
    """Return in how many ways `least`..`most` of the events fall on the candidate, relative to the likeliest."""
    mode = min(most, max(least, (n + 1) * (events + 1) // (total + 2)))
    up, down = [1.0], []
    for i in range(mode, most):
        up.append(up[-1] * ((events - i) * (n - i) / ((i + 1) * (total - events - n + i + 1))))
    last = 1.0
    for i in range(mode, least, -1):
        last *= i * (total - events - n + i) / ((events - i + 1) * (n - i + 1))
        down.append(last)
    return down[::-1] + up


def _tilted(ways: list[float], at: int, psi: float) -> float:
    """Return sum over i of ways[i] * psi ** (i - at), by Horner's rule away from `at`, so that nothing overflows."""
    above = below = 0.0
    for way in reversed(ways[at:]):
        above = above * psi + way
    for way in ways[:at]:
        below = (below + way) / psi
    return above + below


def _rare(counts: Counts, psi: float) -> float:
    """
    Return psi ** x_c / (1 + rho (psi - 1)) ** K with rho = n_c / N: never above the exact ratio.

    psi ** X is convex in X, so its mean under drawing without replacement is at most that under drawing with it.
    Source: Hoeffding 1963, theorem 4.
    """
    rho = counts.n_c / (counts.n_c + counts.n_s)
    log_ratio = counts.x_c * math.log(psi) - (counts.x_c + counts.x_s) * math.log1p(rho * (psi - 1))
    return math.exp(max(-700.0, min(700.0, log_ratio)))
