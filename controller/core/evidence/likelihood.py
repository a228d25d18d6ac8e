"""
How much likelier the candidate's share of events is if its odds are psi times stable's.

Given how many events (failed blocks, slow requests) fell on both arms together, the candidate's part of them follows
Fisher's noncentral hypergeometric distribution, in which the common rate cancels: drifting baselines and changing
weights need no care. Source: Fisher 1935; conditional likelihood ratios as e-values: Turner, Ly & Gruenwald 2024,
"Generic e-variables for exact sequential k-sample tests".
"""

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

EXACT_TERMS, EXACT_TERMS_OF_RARE = 64, 16
"""Longest exact sum against odds 1, where it is worth it and elsewhere; the closed form keeps a fold quick."""
RARE: Final = 1 / 8
"""Share of events up to which the closed form keeps at least seven eighths of the evidence."""
EXACT_TERMS_OF_PROOF: Final = 256
"""Longest exact sum against other odds, for which there is no closed form on the safe side."""


class Counts(NamedTuple):
    """
    Events among observations, by arm: x_c of n_c on the candidate, x_s of n_s on stable.

    A tuple and no dataclass, for thirty are made in every fold and none is kept.
    """

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
    Exact sums are built from additions, multiplications and divisions alone, so that all machines agree on every bit.
    Where one would be too long, `_rare` stands in against null 1, and against any other null nothing is claimed.
    """
    n_c, x_c, n_s, x_s = counts
    total, events = n_c + n_s, x_c + x_s
    least, most = max(0, events - n_s), min(events, n_c)
    if least == most:
        return (1.0,) * len(odds)
    # No proof (odds below 1) waits for common events such as the slower half: they are the first to be proven.
    worth_it = events > RARE * total and odds[0] > 1
    if null == 1 and most - least > (EXACT_TERMS if worth_it else EXACT_TERMS_OF_RARE):
        return _rare(counts, odds)
    if most - least > EXACT_TERMS_OF_PROOF:
        return (1.0,) * len(odds)
    ways = _ways(n_c, events, total, least, most)
    below, above = ways[: x_c - least], ways[x_c - least :]
    above.reverse()
    against = _tilted(below, above, null)
    return tuple([against / _tilted(below, above, psi) for psi in odds])


def _ways(n: int, events: int, total: int, least: int, most: int) -> list[float]:
    """Return in how many ways `least`..`most` of the events fall on the candidate, relative to the likeliest."""
    mode = min(most, max(least, (n + 1) * (events + 1) // (total + 2)))
    rest, ways, last = total - events - n, [], 1.0
    for i in range(mode, least, -1):
        last *= i * (rest + i) / ((events - i + 1) * (n - i + 1))
        ways.append(last)
    ways.reverse()
    ways.append(1.0)
    last = 1.0
    for i in range(mode + 1, most + 1):
        last *= (events - i + 1) * (n - i + 1) / (i * (rest + i))
        ways.append(last)
    return ways


def _tilted(ways_below: list[float], ways_above: list[float], psi: float) -> float:
    """
    Return the sum over i of ways[i] * psi ** (i - x_c), by Horner's rule towards x_c, so that nothing overflows.

    ways_below: of i below x_c, ascending. ways_above: of i from x_c on, descending.
    """
    above = below = 0.0
    for way in ways_above:
        above = above * psi + way
    for way in ways_below:
        below = (below + way) / psi
    return above + below


def _rare(counts: Counts, odds: Sequence[float]) -> tuple[float, ...]:
    """
    Return psi ** x_c / (1 + rho (psi - 1)) ** K with rho = n_c / N: on average never above the exact ratio's 1.

    psi ** X is convex in X, so its mean under drawing without replacement is at most that under drawing with it.
    Source: Hoeffding 1963, theorem 4.
    """
    n_c, x_c, n_s, x_s = counts
    rho, events = n_c / (n_c + n_s), x_c + x_s
    logs = [x_c * math.log(psi) - events * math.log1p(rho * (psi - 1)) for psi in odds]
    return tuple([math.exp(max(-700.0, min(700.0, log))) for log in logs])
