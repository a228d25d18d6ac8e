"""What may be measured of a rollout, and the messages that say so."""

from dataclasses import dataclass

import numpy as np

from controller.core.events import WindowMeasured
from controller.core.evidence.window import ArmCounts, Histogram, Window, bucket_of
from controller.core.readings import Footprint, MemorySource, Reading
from controller.journal.measured import Measured
from controller.wire.codec import SCHEMA, event_body
from controller.wire.inbound import Input
from tests.journal.messages import SERVICE, alert, installed, rolling

BEGAN_MS = 11_000
ROLLOUT = f"{SERVICE}-2"


@dataclass(frozen=True)
class World:
    """
    What is measured. rate: stable's requests in a window. failing, slower: the candidate after a quarter of them.

    leak_bytes: by which the candidate grows a window. gap: share of windows that are missing, blind, late or odd.
    """

    seed: int
    windows: int
    rate: int
    failing: float
    slower: float
    leak_bytes: int
    gap: float


def measured(world: World) -> list[Input | Measured]:
    """Return a service's messages: a release is installed, another rolled out and measured, and an alert ends it."""
    draw = np.random.default_rng(world.seed)
    found: list[Input | Measured] = [*installed(), *rolling("1.5.0")]
    at_ms = BEGAN_MS
    for number in range(world.windows):
        start_ms, at_ms = at_ms, at_ms + 10_000
        odd = draw.random() < world.gap
        what = draw.integers(7) if odd else -1
        if what == 0:
            at_ms += int(draw.integers(400_000))
            continue
        bad = number > world.windows // 4
        ours = arm(draw, world.rate // 10, world.failing if bad else 0.004, world.slower if bad else 1.0)
        theirs = arm(draw, 0 if what == 1 else world.rate, 0.004, 1.0)
        bytes = 900_000_000 + world.leak_bytes * number
        source = MemorySource.GPU if what == 2 else MemorySource.PROCESS
        event = WindowMeasured(
            actor="observer",
            reason='measured for "10" s',
            rollout=ROLLOUT if what != 3 else f"{SERVICE}-1",
            window=Window(start_ms - (20_000 if what == 4 else 0), at_ms, ours, theirs),
            memory=None if number % 7 == 0 else Footprint(bytes, 900_000_000, source),
            readings=(Reading("lab", outcome=None, reason="away"),) if what == 5 else (),
            blind="Prometheus does not answer" if what == 6 else "",
        )
        body = event_body(event)
        found.append(Measured(f"window/{number}", at_ms + int(draw.integers(3_000)), SCHEMA, body))
    return [*found, alert("1.5.0", at_ms + 60_000)]


def arm(draw: np.random.Generator, rate: int, failing: float, slower: float) -> ArmCounts:
    requests = int(draw.poisson(rate))
    failures = int(draw.binomial(requests, failing))
    blocks = requests // 5
    times = [histogram(draw, median * slower, requests - failures) for median in (0.4, 0.1, 0.05)]
    return ArmCounts(requests, failures, blocks, min(blocks, failures), *times)


def histogram(draw: np.random.Generator, median_s: float, size: int) -> Histogram:
    values = median_s * np.exp(0.3 * draw.standard_normal(size))
    buckets, counts = np.unique([bucket_of(float(value)) for value in values], return_counts=True)
    return tuple((int(bucket), int(count)) for bucket, count in zip(buckets, counts, strict=True))
