"""
How much likelier the candidate's share of events is if its odds are psi times stable's.

Given how many events (failed blocks, slow requests) fell on both arms together, the candidate's part of them follows
Fisher's noncentral hypergeometric distribution, in which the common rate cancels: drifting baselines and changing
weights need no care. Source: Fisher 1935; conditional likelihood ratios as e-values: Turner, Ly & Gruenwald 2024,
"Generic e-variables for exact sequential k-sample tests".
"""

import math
from collections.abc import Iterable
from typing import Final, NamedTuple

EXACT_TERMS, EXACT_TERMS_OF_RARE = 64, 16
"""Longest exact sum against odds 1, where it is worth it and elsewhere; the closed form keeps a fold quick."""
RARE: Final = 1 / 8
"""Share of events up to which the closed form keeps at least seven eighths of the evidence."""
EXACT_TERMS_OF_PROOF: Final = 256
"""Longest exact sum against other odds, for which there is no closed form on the safe side."""
LARGEST_LOG: Final = 700.0
"""Of a ratio in closed form, so that it is neither infinite nor 0."""


class Counts(NamedTuple):
    """Events among observations, by arm: x_c of n_c on the candidate, x_s of n_s on stable."""

    n_c: int
    x_c: int
    n_s: int
    x_s: int


def ratios(counts: Counts, odds: tuple[float, ...], null: float = 1.0) -> tuple[float, ...]:
    """
    Return pmf(x_c; odds = psi) / pmf(x_c; odds = null) for each psi in `odds`; no unit.

    pmf: scipy.stats.nchypergeom_fisher with N = n_c + n_s, K = x_c + x_s, n = n_c.
    All are 1 when an arm is empty or nothing happened: no data says nothing. The ratio rises with x_c where psi > null
    and falls with it where psi < null, so its mean is <= 1 on the whole side of `null` that lies away from psi.
    Exact sums are built from additions, multiplications and divisions alone, so that all machines agree on every bit.
    Where one would be too long, a closed form stands in against null 1, and against any other null nothing is claimed.
    """
    n_c, x_c, n_s, x_s = counts
    if null == 1:
        return ratios_of_events(n_c, n_s, ((x_c, x_s),), odds)[0]
    return ratios_against(counts, odds, (null,))[0]


def ratios_against(counts: Counts, odds: tuple[float, ...], nulls: tuple[float, ...]) -> list[tuple[float, ...]]:
    """Return `ratios` against each of several nulls, none of them 1; they share most of the work."""
    n_c, x_c, n_s, x_s = counts
    events = x_c + x_s
    least, most = max(0, events - n_s), min(events, n_c)
    if not 0 < most - least <= EXACT_TERMS_OF_PROOF:
        return [(1.0,) * len(odds)] * len(nulls)
    ways = _ways(n_c, n_s, events, least, most)
    against, tilted = _tilted(ways, x_c - least, nulls), _tilted(ways, x_c - least, odds)
    return [tuple([null / psi for psi in tilted]) for null in against]


def ratios_of_events(
    n_c: int, n_s: int, events: Iterable[tuple[int, int]], odds: tuple[float, ...]
) -> list[tuple[float, ...]]:
    """
    Return `ratios` against null 1 for several kinds of events among the same observations; they share some of the work.

    n_c, n_s: observations by arm. events: of each kind, how many x_c, x_s of them.
    """
    # No proof (odds below 1) waits for common events such as the slower half: they are the first to be proven.
    common = RARE * (n_c + n_s) if odds[0] > 1 else math.inf
    found, with_null = [], (1.0, *odds)
    means: list[tuple[float, float]] = []
    for x_c, x_s in events:
        both = x_c + x_s
        least = both - n_s if both > n_s else 0
        most = both if both < n_c else n_c
        if least == most:
            found.append((1.0,) * len(odds))
        elif most - least > (EXACT_TERMS if both > common else EXACT_TERMS_OF_RARE):
            means = means or _means(n_c / (n_c + n_s), odds)
            found.append(_in_closed_form(x_c, both, means))
        else:
            null, *tilted = _tilted(_ways(n_c, n_s, both, least, most), x_c - least, with_null)
            found.append(tuple([null / psi for psi in tilted]))
    return found


def _ways(n_c: int, n_s: int, events: int, least: int, most: int) -> list[float]:
    """Return in how many ways `least`..`most` of the events fall on the candidate, relative to the likeliest."""
    mode = min(most, max(least, (n_c + 1) * (events + 1) // (n_c + n_s + 2)))
    ways, last = [], 1.0
    # One event more or less on the candidate changes the four factors of a hypergeometric probability.
    more_events, more_n, rest = events + 1, n_c + 1, n_s - events
    for i in range(mode, least, -1):
        last *= i * (rest + i) / ((more_events - i) * (more_n - i))
        ways.append(last)
    ways.reverse()
    ways.append(1.0)
    last = 1.0
    for i in range(mode + 1, most + 1):
        last *= (more_events - i) * (more_n - i) / (i * (rest + i))
        ways.append(last)
    return ways


def _tilted(ways: list[float], at: int, odds: tuple[float, ...]) -> list[float]:
    """Return for each psi in `odds` the sum of ways[i] * psi ** (i - at), by Horner's rule from both ends."""
    ways_below, ways_above, sums = ways[:at], ways[at:], []
    ways_above.reverse()
    for psi in odds:
        above = below = 0.0
        for way in ways_above:
            above = above * psi + way
        for way in ways_below:
            below = (below + way) / psi
        sums.append(above + below)
    return sums


def _in_closed_form(x_c: int, events: int, means: list[tuple[float, float]]) -> tuple[float, ...]:
    """
    Return psi ** x_c / (1 + rho (psi - 1)) ** K for each psi: on average never above the exact ratio's 1.

    psi ** X is convex in X, so its mean under drawing without replacement is at most that under drawing with it.
    Source: Hoeffding 1963, theorem 4.
    """
    exp = math.exp
    return tuple(
        [
            exp(log if -LARGEST_LOG <= log <= LARGEST_LOG else math.copysign(LARGEST_LOG, log))
            for log_psi, log_mean in means
            for log in [x_c * log_psi - events * log_mean]
        ]
    )


def _means(rho: float, odds: tuple[float, ...]) -> list[tuple[float, float]]:
    """Return for each psi in `odds` the logarithms of psi and of 1 + rho (psi - 1), with rho = n_c / N."""
    log, log1p = math.log, math.log1p
    return [(log(psi), log1p(rho * (psi - 1))) for psi in odds]


def ratios_of_rare(blocks: int, failed: int, share: float, parts: tuple[float, ...]) -> tuple[float, ...]:
    """
    Return for each part pmf(failed; part * share) / pmf(failed; share) of a binomial count of `blocks`; no unit.

    share: of failed blocks, the least that is not rare. The mean is <= 1 for every candidate that fails at least so
    often, for it is linear in the true share, 1 at `share`, and falls. Source: Wald 1945, the likelihood ratio.
    """
    # Never so many that the ratio is infinite; fewer only make it smaller, which is on the safe side.
    good = min(blocks - failed, math.floor(LARGEST_LOG / -math.log1p(-share)))
    return tuple([part**failed * ((1 - part * share) / (1 - share)) ** good for part in parts])
