"""
How often something happened within a window: exact differences of raw counters, scrape by scrape.

Prometheus' own `increase` extrapolates, so two windows side by side do not add up. Here each window begins at the
scrape where the one before ended, and nothing is counted twice. What cannot be known is left out, for both arms alike:
an instance that was not read when the window began may have counted for minutes before.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from controller.outside.series import Series

STARTED: Final = "segue_gateway_started_timestamp_seconds"
"""A gauge that every instance has from its first scrape on: what tells a new process from a counter that fell."""

LABELS: Final = frozenset(
    ("__name__", "service", "release", "arm", "segment", "endpoint", "outcome", "measure", "bucket")
)
"""What the gateway itself says of a series; all other labels say which instance it was read from."""


@dataclass(frozen=True, slots=True)
class Increment:
    """How much one counter grew, whole events; labels: the gateway's own and the name."""

    labels: Mapping[str, str]
    count: int


@dataclass(frozen=True, slots=True)
class Counted:
    """
    What grew within a window, over all instances.

    read: instances that were read within it. known: those of which it is known what they counted before; the others
    are left out.
    """

    increments: tuple[Increment, ...]
    read: int
    known: int


def count(series: Iterable[Series], start_ms: int, end_ms: int) -> Counted:
    """
    Return what grew from the last scrape at or before start_ms to the last one at or before end_ms.

    series: raw samples of counters and of STARTED, from long enough before start_ms that a scrape lies in between.
    A counter that is absent at the first of the two scrapes counts from 0, as one does that fell, or whose process is
    another than at the scrape before.
    """
    instances: dict[frozenset[tuple[str, str]], list[Series]] = defaultdict(list)
    for one in series:
        instances[frozenset(pair for pair in one.labels.items() if pair[0] not in LABELS)].append(one)
    read = known = 0
    increments: list[Increment] = []
    for members in instances.values():
        lives = [one for one in members if one.labels["__name__"] == STARTED]
        scrapes = {at_ms: started_s for life in lives for at_ms, started_s in life.samples if at_ms <= end_ms}
        ended_ms = max(scrapes, default=-1)
        if ended_ms <= start_ms:
            continue
        read += 1
        began_ms = max((at_ms for at_ms in scrapes if at_ms <= start_ms), default=-1)
        if began_ms < 0 and scrapes[ended_ms] * 1000 < start_ms:
            continue
        known += 1
        window = sorted((at_ms, started_s) for at_ms, started_s in scrapes.items() if at_ms >= began_ms)
        grown = ((one, _growth(one.samples, window, known=began_ms >= 0)) for one in members if one not in lives)
        increments += (Increment(_own(one), growth) for one, growth in grown if growth)
    return Counted(tuple(increments), read, known)


def _growth(samples: Sequence[tuple[int, float]], scrapes: Sequence[tuple[int, float]], *, known: bool) -> int:
    """
    Return how much a counter grew over these scrapes.

    scrapes: (when, when the process that answered had started). known: the first is where the window begins; otherwise
    the process began inside the window, at 0.
    """
    values = {at_ms: value for at_ms, value in samples if math.isfinite(value)}
    (first_ms, life), *others = scrapes
    before = values.get(first_ms, 0.0) if known else 0.0
    grown = 0.0
    for at_ms, started_s in others if known else scrapes:
        if started_s != life:
            before, life = 0.0, started_s
        if (value := values.get(at_ms)) is not None:
            grown += value - before if value >= before else value
            before = value
    return round(grown)


def _own(series: Series) -> Mapping[str, str]:
    return {name: value for name, value in series.labels.items() if name in LABELS}
