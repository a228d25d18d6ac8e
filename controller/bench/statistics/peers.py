"""
What others do, rebuilt after their documentation and looked at as they look, on the same stream.

Each gets the same two measures that it would be given in practice: the share of failed requests, and latency. Their
limits are the ones their manuals show: 99 % of requests succeed, and p99 stays below a fixed limit (twice the normal).
Only Segue is shown predicted MOS; none of them has a notion of paired scores.
"""

import numpy as np
from numpy.typing import NDArray

from controller.bench.statistics.stream import MINUTE, Drawn, Floats, Ints

_LEAST_SUCCESS = 0.99
_LATE = 0.01


class Thresholds:
    """
    Every `every` minutes a check: fails when more than 1 % of requests failed or more than 1 % were late.

    A run is taken back when more than `limit` checks failed in all; neither tool forgets a failed check.
    Flagger: interval 1 min, threshold 5 (docs.flagger.app, "Canary analysis"; a fifth failure rolls back).
    Argo Rollouts: interval 5 min, failureLimit 3 (argoproj.github.io, "Analysis": a fourth failure fails the run).
    """

    def __init__(self, name: str, runs: int, every: int, limit: int) -> None:
        self.name = name
        self._every, self._limit = every * MINUTE, limit
        self._n, self._x, self._late = (np.zeros(runs, np.int64) for _ in range(3))
        self._failed_checks = np.zeros(runs, np.int64)

    def look(self, drawn: Drawn, number: int) -> Ints:
        """Count; at the end of an interval, check."""
        self._n, self._x, self._late = self._n + drawn.n_c, self._x + drawn.x_c, self._late + drawn.late
        if (number + 1) % self._every == 0:
            asked = np.maximum(self._n, 1)
            fails = (self._x / asked > 1 - _LEAST_SUCCESS) | ((self._late + self._x) / asked > _LATE)
            self._failed_checks += fails & (self._n > 0)
            self._n, self._x, self._late = (np.zeros_like(self._n) for _ in range(3))
        return (self._failed_checks > self._limit).astype(np.int64)


class MannWhitney:
    """
    Kayenta's comparison of the last thirty one-minute points of canary and baseline, looked at every minute.

    A measure is "High" when the lower end of the 98 % interval of the shift lies above a quarter of the estimate;
    any High takes the run back. Normal approximation, ties corrected: shift over its standard error is the test's z.
    Source: Kayenta, MannWhitneyClassifier (tolerance 0.25, confLevel 0.98).
    """

    points = 30
    quantile_of_98_percent = 2.326
    tolerance = 0.25

    def __init__(self, runs: int) -> None:
        self.name = "Kayenta"
        self._sums = np.zeros((4, runs))
        self._n = np.zeros((2, runs))
        self._series: list[tuple[Floats, Floats]] = []
        self._gone = np.zeros(runs, np.int64)

    def look(self, drawn: Drawn, number: int) -> Ints:
        """Add up a minute; when it is full and thirty are there, test failures and slow requests."""
        self._sums += np.array([drawn.x_c, drawn.x_s, drawn.over_p95_c, drawn.slow_s[2]])
        self._n += np.array([drawn.n_c, drawn.n_s])
        if (number + 1) % MINUTE == 0:
            rates = self._sums / np.maximum(self._n[[0, 1, 0, 1]], 1)
            self._series = [*self._series[1 - self.points :], (rates[::2], rates[1::2])]
            self._sums, self._n = np.zeros_like(self._sums), np.zeros_like(self._n)
            if len(self._series) == self.points:
                canary = np.array([one for one, _ in self._series])
                baseline = np.array([one for _, one in self._series])
                high = [self._high(canary[:, row], baseline[:, row]) for row in range(canary.shape[1])]
                self._gone |= np.any(high, axis=0)
        return self._gone

    def _high(self, canary: Floats, baseline: Floats) -> NDArray[np.bool_]:
        m = self.points
        both = np.concatenate([canary, baseline])
        ordered = np.sort(both, axis=0)
        new = np.ones(ordered.shape, bool)
        new[1:] = ordered[1:] != ordered[:-1]
        # Of each value: where its group of equals begins and how large it is; its rank is the middle of the group.
        places = np.arange(2 * m)[:, None]
        begins = np.maximum.accumulate(np.where(new, places, 0), axis=0)
        last = np.ones_like(new)
        last[:-1] = new[1:]
        ends = np.minimum.accumulate(np.where(last, places, 2 * m)[::-1], axis=0)[::-1]
        order = np.argsort(both, axis=0, kind="stable")
        ranks = np.empty_like(both)
        np.put_along_axis(ranks, order, (begins + ends) / 2 + 1, axis=0)
        ties = (ends - begins + 1.0) ** 2 - 1
        statistic = ranks[:m].sum(axis=0) - m * (m + 1) / 2
        variance = m * m / 12 * (2 * m + 1 - ties.sum(axis=0) / (2 * m * (2 * m - 1)))
        z = (statistic - m * m / 2 - 0.5) / np.sqrt(np.maximum(variance, 1e-12))
        result: NDArray[np.bool_] = z * (1 - self.tolerance) > self.quantile_of_98_percent
        return result
