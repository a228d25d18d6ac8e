"""What one fold costs: its time on this machine, and the bytes of the state it leaves."""

import json
import time
from typing import Final

import numpy as np

from controller.bench.statistics.stream import WINDOW_S
from controller.core.sequential import ArmCounts, Histogram, Metric, Rules, Window, begin, bucket_of, fold
from controller.wire.shape import plain

MOST_FOLD_US: Final = 300.0
MOST_STATE_KB: Final = 64.0
_WINDOWS, _ROUNDS = 200, 5


def measure_cost(seed: int) -> tuple[float, float]:
    """
    Return the median fold, microseconds, and the largest state, KB of JSON, with all six measures on.

    The least of five medians: others who use this machine can only make a fold look slower.
    """
    rounds = [_measure(seed + number) for number in range(_ROUNDS)]
    return min(fold_us for fold_us, _ in rounds), max(state_kb for _, state_kb in rounds)


def _measure(seed: int) -> tuple[float, float]:
    random = np.random.Generator(np.random.PCG64(seed))
    rules = Rules(metrics=tuple(Metric))
    evidence, took_s, largest = begin(rules), [], 0
    for number in range(_WINDOWS):
        score = (float(random.normal(0, 0.33)),)
        window = Window(
            number * WINDOW_S * 1000,
            (number + 1) * WINDOW_S * 1000,
            _arm(random, 25, 2),
            _arm(random, 475, 39),
            mos=score,
            ratings=score,
        )
        began_s = time.perf_counter()
        evidence = fold(evidence, window, rules)
        took_s.append(time.perf_counter() - began_s)
        largest = max(largest, len(json.dumps(plain(evidence))))
    return float(np.median(took_s)) * 1e6, largest / 1000


def _arm(random: np.random.Generator, requests: int, blocks: int) -> ArmCounts:
    failed = int(random.binomial(blocks, 0.02))
    timings = [_histogram(random, requests - failed) for _ in range(3)]
    return ArmCounts(requests, failed, blocks, failed, *timings)


def _histogram(random: np.random.Generator, count: int) -> Histogram:
    buckets, counts = np.unique([bucket_of(value) for value in random.lognormal(-1, 0.4, count)], return_counts=True)
    return tuple(zip(buckets.tolist(), counts.tolist(), strict=True))
