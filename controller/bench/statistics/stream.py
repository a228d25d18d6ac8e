"""
A simulated service: what users of a canary and of a stable release meet, ten seconds at a time, in many runs at once.

Fifty requests a second, of which the canary gets 5 % unless a ladder says otherwise. Nothing is independent: failures
come in clumps, rates and latencies wander together (autocorrelated, shared by both arms) and by instance.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from controller.core.evidence.timing import QUANTILES
from controller.core.sequential import BUCKET_RATIO, block_size

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

WINDOW_S: Final = 10
DAY: Final = 86_400 // WINDOW_S
MINUTE: Final = 60 // WINDOW_S
BUCKET: Final = float(np.log(BUCKET_RATIO))
SLOW_LOG: Final = float(np.log(2.0))
"""A fixed limit for detectors that need one: twice the normal p99."""

_FIVE_MINUTES = 5 * MINUTE
_INCIDENT_FAILURES, _INCIDENT_SLOWER_LOG, _INCIDENT_S = 0.05, float(np.log(1.5)), 300.0


@dataclass(frozen=True, slots=True)
class World:
    """
    What all runs share.

    sd are of logarithms, tau_s the times after which noise has forgotten itself by a factor of e.
    clump: probability that the request after a failed one fails for the same cause.
    spread: scale of the log-logistic latencies; 0.22 puts p99 at 2.7 times the median.
    score_sd: of one pair's difference in predicted MOS, points; one pair per window, each prompt once.
    incidents_per_day: faults that hit both arms: 5 % fail, all take half as long again, five minutes on average.
    incident_sd: of their severity. incident_failures_sd, incident_latency_sd: of how unequally they hit instances.
    """

    requests_per_s: float = 50.0
    failures: float = 0.002
    clump: float = 0.2
    shared_failures_sd: float = 0.5
    own_failures_sd: float = 0.3
    shared_latency_sd: float = 0.10
    own_latency_sd: float = 0.01
    own_offset_sd: float = 0.01
    shared_tau_s: float = 300.0
    own_tau_s: float = 120.0
    spread: float = 0.22
    score_sd: float = 0.33
    candidate_instances: int = 2
    stable_instances: int = 8
    incidents_per_day: float = 0.0
    incident_sd: float = 0.5
    incident_failures_sd: float = 0.2
    incident_latency_sd: float = 0.03


@dataclass(frozen=True, slots=True)
class Fault:
    """
    What is wrong with the candidate, from window `begins` on.

    failures: its failure rate, share of requests; None is stable's. score: mean change of predicted MOS, points.
    slower: factor on all latencies. tail: factor on p99 while the median stays.
    slowest_2_percent: factor on the slowest 2 % alone.
    """

    name: str = "none"
    failures: float | None = None
    score: float = 0.0
    slower: float = 1.0
    tail: float = 1.0
    slowest_2_percent: float = 1.0
    begins: int = 0


@dataclass(frozen=True, slots=True)
class Drawn:
    """
    One window of all runs; arrays of one number per run.

    n, x: requests and failures; blocks, failed: of blocks; by arm (c candidate, s stable).
    slow_c, slow_s: by quantile, requests above stable's threshold, the candidate with its margin; failures count.
    proven_c: as slow_c with the margin of promotion.
    over_p95_c, late: candidate's requests above stable's p95 without a margin, and above the fixed limit.
    score: difference of one pair, points.
    """

    n_c: Ints
    x_c: Ints
    n_s: Ints
    x_s: Ints
    blocks_c: Ints
    failed_c: Ints
    blocks_s: Ints
    failed_s: Ints
    slow_c: Ints
    slow_s: Ints
    proven_c: Ints
    over_p95_c: Ints
    late: Ints
    score: Floats


class Stream:
    """Runs side by side; `weight` may be changed between windows, by run."""

    def __init__(self, world: World, fault: Fault, runs: int, seed: int, margins: tuple[int, int]) -> None:
        """margins: buckets by which the candidate may be slower, for rollback and for promotion."""
        self.weight: Floats = np.full(runs, 0.05)
        self.runs = runs
        self._world, self._fault, self._margins = world, fault, margins
        self._random = np.random.Generator(np.random.PCG64(seed))
        count = world.candidate_instances + world.stable_instances
        normal = self._random.standard_normal
        self._shared_failures, self._own_failures = normal(runs), normal((count, runs))
        self._shared_latency, self._own_latency = normal(runs), normal((count, runs))
        self._offsets = world.own_offset_sd * normal((count, runs))
        self._incident_left = np.zeros(runs)
        self._incident_failures, self._incident_slower_log = np.zeros((count, runs)), np.zeros((count, runs))
        self._rest_c, self._rest_s = np.zeros(runs, np.int64), np.zeros(runs, np.int64)
        self._past: list[Floats] = []
        self._thresholds = np.zeros((len(QUANTILES), runs))

    def windows(self, count: int) -> Iterator[Drawn]:
        """Yield windows; five minutes of stable alone go before the first."""
        for _ in range(_FIVE_MINUTES):
            self._wander()
            self._remember()
        for number in range(count):
            self._wander()
            if number % MINUTE == 0:
                self._look_back()
            yield self._draw(number)
            self._remember()

    def _wander(self) -> None:
        world, normal = self._world, self._random.standard_normal
        shared, own = np.exp(-WINDOW_S / world.shared_tau_s), np.exp(-WINDOW_S / world.own_tau_s)
        for values, kept in (
            (self._shared_failures, shared),
            (self._shared_latency, shared),
            (self._own_failures, own),
            (self._own_latency, own),
        ):
            values[...] = kept * values + np.sqrt(1 - kept * kept) * normal(values.shape)
        if world.incidents_per_day:
            self._incident_left -= WINDOW_S
            begins = self._random.random(self.runs) < world.incidents_per_day / DAY
            if begins.any():
                self._incident_left[begins] = self._random.exponential(_INCIDENT_S, int(begins.sum()))
                shape = self._own_failures.shape
                severity = np.exp(world.incident_sd * normal(self.runs))
                failures = _INCIDENT_FAILURES * severity * np.exp(world.incident_failures_sd * normal(shape))
                slower_log = _INCIDENT_SLOWER_LOG * severity + world.incident_latency_sd * normal(shape)
                self._incident_failures = np.where(begins, failures, self._incident_failures)
                self._incident_slower_log = np.where(begins, slower_log, self._incident_slower_log)

    def _latency_levels(self) -> tuple[Floats, Floats]:
        """Return the log of the median latency, of the candidate's instances and of the stable ones, normal being 0."""
        world = self._world
        levels = world.shared_latency_sd * self._shared_latency + world.own_latency_sd * self._own_latency
        levels = levels + self._offsets
        levels = levels + self._incident_slower_log * (self._incident_left > 0)
        return levels[: world.candidate_instances], levels[world.candidate_instances :]

    def _remember(self) -> None:
        self._past = [*self._past[1 - _FIVE_MINUTES :], self._latency_levels()[1].mean(axis=0)]

    def _look_back(self) -> None:
        """Set the thresholds to stable's quantiles over the last five minutes, with the error of 14,000 requests."""
        level = np.mean(self._past, axis=0)
        for row, quantile in enumerate(QUANTILES):
            odds = np.log(quantile / (1 - quantile))
            error = self._world.spread / np.sqrt(14_000 * quantile * (1 - quantile))
            found = level + self._world.spread * odds + error * self._random.standard_normal(self.runs)
            self._thresholds[row] = np.ceil(found / BUCKET) * BUCKET

    def _draw(self, number: int) -> Drawn:
        world, draw = self._world, self._random
        wrong = number >= self._fault.begins
        total = world.requests_per_s * WINDOW_S
        n_c, n_s = draw.poisson(total * self.weight), draw.poisson(total * (1 - self.weight))
        p_c, p_s = self._failure_rates(wrong)
        size = self._block_sizes()
        blocks_c, self._rest_c = np.divmod(self._rest_c + n_c, size)
        blocks_s, self._rest_s = np.divmod(self._rest_s + n_s, size)
        failed_c, x_c = self._failures(p_c, blocks_c, n_c, size)
        failed_s, x_s = self._failures(p_s, blocks_s, n_s, size)
        lost_c, lost_s = p_c.mean(axis=0), p_s.mean(axis=0)
        level_c, level_s = self._latency_levels()
        slow_s = self._nested(n_s, lost_s, [_slower(level_s, one, world.spread) for one in self._thresholds])
        both = [
            self._nested(n_c, lost_c, [self._candidate_slower(level_c, one, wrong) for one in self._thresholds + shift])
            for shift in (self._margins[0] * BUCKET, self._margins[1] * BUCKET)
        ]
        p95 = self._thresholds[QUANTILES.index(0.95)]
        over_p95 = draw.binomial(n_c, lost_c + (1 - lost_c) * self._candidate_slower(level_c, p95, wrong))
        limit = np.full(self.runs, world.spread * np.log(99) + SLOW_LOG)
        late = draw.binomial(n_c, self._candidate_slower(level_c, limit, wrong))
        drop = self._fault.score if wrong else 0.0
        score = np.clip(drop + world.score_sd * draw.standard_normal(self.runs), -1, 1)
        return Drawn(
            n_c=n_c,
            x_c=x_c,
            n_s=n_s,
            x_s=x_s,
            blocks_c=blocks_c,
            failed_c=failed_c,
            blocks_s=blocks_s,
            failed_s=failed_s,
            slow_c=both[0],
            slow_s=slow_s,
            proven_c=both[1],
            over_p95_c=over_p95,
            late=late,
            score=score,
        )

    def _block_sizes(self) -> Ints:
        per_instance = self._world.requests_per_s * self.weight / self._world.candidate_instances
        levels, inverse = np.unique(per_instance, return_inverse=True)
        return np.array([block_size(float(level)) for level in levels], np.int64)[inverse]

    def _failure_rates(self, wrong: bool) -> tuple[Floats, Floats]:
        world, split = self._world, self._world.candidate_instances
        noise = world.shared_failures_sd * self._shared_failures + world.own_failures_sd * self._own_failures
        # Minus half the variance: the mean rate is then what its name says.
        factor = np.exp(noise - (world.shared_failures_sd**2 + world.own_failures_sd**2) / 2)
        hit = self._incident_failures * (self._incident_left > 0)
        faulty = self._fault.failures if wrong and self._fault.failures is not None else world.failures
        if faulty >= 0.1:  # an outage does not wander
            candidate = np.full_like(factor[:split], faulty)
        else:
            candidate = np.minimum(1.0, faulty * factor[:split] + hit[:split])
        return candidate, np.minimum(1.0, world.failures * factor[split:] + hit[split:])

    def _failures(self, rate: Floats, blocks: Ints, requests: Ints, size: Ints) -> tuple[Ints, Ints]:
        """Return failed blocks and failed requests; a block fails when a clump of failures begins in it."""
        begins = np.minimum(rate, 1.0) * np.where(rate < 0.1, 1 - self._world.clump, 1.0)
        block_rate = (1 - (1 - begins) ** size).mean(axis=0)
        failed = self._random.binomial(blocks, block_rate)
        more = np.maximum(0.0, size * rate.mean(axis=0) / np.maximum(block_rate, 1e-12) - 1)
        return failed, np.minimum(requests, failed + self._random.poisson(failed * more))

    def _nested(self, requests: Ints, lost: Floats, chances: list[Floats]) -> Ints:
        """Draw how many requests lie above each of some ascending thresholds."""
        left, before, rows = requests, np.ones(self.runs), []
        for chance in chances:
            now = np.minimum(before, lost + (1 - lost) * chance)
            left = self._random.binomial(left, np.clip(now / np.maximum(before, 1e-300), 0.0, 1.0))
            rows.append(left)
            before = now
        return np.array(rows)

    def _candidate_slower(self, levels: Floats, threshold: Floats, wrong: bool) -> Floats:
        fault, spread = self._fault, self._world.spread
        if not wrong:
            return _slower(levels, threshold, spread)
        # p99 lies ln(99) scales above the median, so this much more spread makes it `tail` times as long.
        spread = spread + np.log(fault.tail) / np.log(99)
        plain = _slower(levels + np.log(fault.slower), threshold, spread)
        if fault.slowest_2_percent == 1:
            return plain
        stretched = _slower(levels, threshold - np.log(fault.slowest_2_percent), spread)
        return np.where(plain < 0.02, np.minimum(stretched, 0.02), plain)


def _slower(levels: Floats, threshold: Floats, spread: float) -> Floats:
    """Return the probability that a log-logistic latency exceeds the threshold, averaged over instances."""
    chance: Floats = (1 / (1 + np.exp((threshold - levels) / spread))).mean(axis=0)
    return chance
