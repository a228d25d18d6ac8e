"""
GPU memory: a gauge, not a sample, so limits with persistence rather than likelihoods.

Three questions: is it over its limit, is the candidate bigger than stable by more than allowed, and is it growing
towards the limit? The first two take a release back, the third holds it: a slope is a forecast.
"""

import math
from dataclasses import dataclass
from typing import Final

from controller.core.gate import Figure, Outcome, Verdict

CELL_MS: Final = 120_000
CELLS: Final = 30
LEAST_CELLS: Final = 10
SURE: Final = 3.0
"""Standard deviations of Kendall's S under no trend: one false hold in 700 looks at independent values."""


@dataclass(frozen=True, slots=True)
class MemoryRules:
    """
    What the candidate may use.

    limit_bytes: hard; 0 means none is known. growth: over stable's footprint, share.
    persist_s: how long a gauge must stay over before it counts. horizon_s: a leak that reaches the limit in this time
    from now holds the rollout.
    """

    limit_bytes: int = 0
    growth: float = 0.2
    persist_s: float = 60.0
    horizon_s: float = 86_400.0

    def __post_init__(self) -> None:
        if self.limit_bytes < 0:
            raise ValueError(f"limit_bytes is {self.limit_bytes}; allowed: 0 or more")
        if not 0 < self.growth <= 10:
            raise ValueError(f"growth is {self.growth}; allowed: above 0, up to 10 (a share of stable's footprint)")
        if not 0 <= self.persist_s <= 86_400 or not 0 < self.horizon_s <= 30 * 86_400:
            raise ValueError("persist_s or horizon_s is out of range; allowed: up to a day, up to 30 days")


@dataclass(frozen=True, slots=True)
class Cell:
    """The largest value within two minutes: a leak raises the peaks, a collector's saw teeth do not."""

    number: int
    most_bytes: int


@dataclass(frozen=True, slots=True)
class Memory:
    """
    One candidate's memory, an hour back.

    stable_bytes: stable's footprint as last known; 0 is not known.
    over_limit_ms, over_growth_ms: since when without a break; -1 is not now.
    """

    cells: tuple[Cell, ...] = ()
    bytes: int = 0
    stable_bytes: int = 0
    seen_ms: int = -1
    over_limit_ms: int = -1
    over_growth_ms: int = -1


def fold_memory(memory: Memory, at_ms: int, used_bytes: int, stable_bytes: int, rules: MemoryRules) -> Memory:
    """
    Add a reading of both footprints; one that is not later than the last changes nothing.

    used_bytes, stable_bytes: attributed to the release; 0 means not known now.
    """
    if at_ms <= memory.seen_ms or used_bytes <= 0:
        return memory
    stable = stable_bytes if stable_bytes > 0 else memory.stable_bytes
    number = at_ms // CELL_MS
    kept = tuple(cell for cell in memory.cells if number - CELLS < cell.number < number)
    most = max([used_bytes, *(cell.most_bytes for cell in memory.cells if cell.number == number)])
    over_limit = 0 < rules.limit_bytes < used_bytes
    over_growth = 0 < stable * (1 + rules.growth) < used_bytes
    return Memory(
        cells=(*kept, Cell(number, most)),
        bytes=used_bytes,
        stable_bytes=stable,
        seen_ms=at_ms,
        over_limit_ms=_since(over_limit, memory.over_limit_ms, at_ms),
        over_growth_ms=_since(over_growth, memory.over_growth_ms, at_ms),
    )


def judge_memory(memory: Memory, rules: MemoryRules) -> Verdict:
    """
    Say whether the candidate's memory lets it go on.

    FAIL over the limit, or over stable's footprint by more than `growth`, for `persist_s`. INCONCLUSIVE without a
    reading, or when the last hour's slope reaches the limit within `horizon_s`.
    """
    if memory.seen_ms < 0:
        return Verdict(Outcome.INCONCLUSIVE, "no reading of the candidate's memory")
    allowed = memory.stable_bytes * (1 + rules.growth)
    slope = leak_bytes_per_s(memory)
    bounds = (("memory bytes", rules.limit_bytes), ("memory bytes against stable's", allowed))
    figures = (
        # A bound of 0 is not known; told as a figure it would read as "nothing is allowed".
        *(Figure(name, float(memory.bytes), float(bound), len(memory.cells)) for name, bound in bounds if bound > 0),
        Figure("memory growth, bytes a second", slope, _tolerated(memory, rules), len(memory.cells)),
    )
    if _lasted(memory.over_limit_ms, memory.seen_ms, rules):
        reason = f"memory is over its limit: {memory.bytes / 2**20:.0f} of {rules.limit_bytes / 2**20:.0f} MiB"
        return Verdict(Outcome.FAIL, reason, figures, ("memory",))
    if _lasted(memory.over_growth_ms, memory.seen_ms, rules):
        grown = memory.bytes / memory.stable_bytes - 1
        # A digit after the point, or what is just too much would read as what is allowed.
        reason = f"memory is {100 * grown:.1f} % over stable's footprint; {100 * rules.growth:g} % is allowed"
        return Verdict(Outcome.FAIL, reason, figures, ("memory",))
    if slope > _tolerated(memory, rules):
        reason = f"memory grows by {slope * 3600 / 2**20:.1f} MiB an hour and would reach its limit"
        return Verdict(Outcome.INCONCLUSIVE, reason, figures)
    return Verdict(Outcome.PASS, "memory is within its limits and does not grow", figures)


def leak_bytes_per_s(memory: Memory) -> float:
    """
    Return the Theil-Sen slope over the last hour, bytes a second; 0 unless Kendall's test is sure that it rises.

    Source: Sen 1968, "Estimates of the regression coefficient based on Kendall's tau".
    """
    cells = memory.cells[:-1]  # the last one is still filling
    if len(cells) < LEAST_CELLS:
        return 0.0
    n, s, slopes = len(cells), 0, []
    for later in range(1, n):
        for earlier in range(later):
            rise = cells[later].most_bytes - cells[earlier].most_bytes
            s += (rise > 0) - (rise < 0)
            slopes.append(rise / ((cells[later].number - cells[earlier].number) * (CELL_MS / 1000)))
    if s < SURE * math.sqrt(n * (n - 1) * (2 * n + 5) / 18):
        return 0.0
    slopes.sort()
    return slopes[len(slopes) // 2]


def _tolerated(memory: Memory, rules: MemoryRules) -> float:
    """Bytes a second at which the nearer limit is reached at the horizon; infinite slopes are tolerated without one."""
    limits = [rules.limit_bytes, round(memory.stable_bytes * (1 + rules.growth))]
    room = min((limit - memory.bytes for limit in limits if limit > 0), default=0)
    return max(0, room) / rules.horizon_s if any(limits) else float(2**63)


def _since(over: bool, since_ms: int, at_ms: int) -> int:
    if not over:
        return -1
    return at_ms if since_ms < 0 else since_ms


def _lasted(since_ms: int, now_ms: int, rules: MemoryRules) -> bool:
    return since_ms >= 0 and now_ms - since_ms >= rules.persist_s * 1000
