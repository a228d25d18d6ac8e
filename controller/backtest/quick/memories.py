"""`controller/core/evidence/memory.py`, number by number."""

import math
from typing import Any, Final

import numpy as np

from controller.backtest.quick import compiled
from controller.core.evidence.memory import CELL_MS as _CELL_MS
from controller.core.evidence.memory import CELLS as _CELLS
from controller.core.evidence.memory import LEAST_CELLS as _LEAST_CELLS
from controller.core.evidence.memory import SURE as _SURE

PASS: Final = 0
INCONCLUSIVE: Final = 1
FAIL: Final = 2

KNOWN, BYTES, STABLE_BYTES, SEEN_MS, OVER_LIMIT_MS, OVER_GROWTH_MS, SIZE = range(7)
"""Places of numbers about a memory."""
SLOPES: Final = _CELLS * (_CELLS - 1) // 2

Array = Any


@compiled
def fold_memory(
    cells: Array, memory: Array, at_ms: int, used: int, stable_bytes: int, limit: int, growth: float
) -> bool:
    """Do `fold_memory` in place; say whether the cells before the last one changed, of which the slope is taken."""
    if at_ms <= memory[SEEN_MS] or used <= 0:
        return False
    stable = stable_bytes if stable_bytes > 0 else memory[STABLE_BYTES]
    number = at_ms // _CELL_MS
    most, kept = used, 0
    known = memory[KNOWN]
    moved = not (known and cells[known - 1, 0] == number)
    for cell in range(known):
        if cells[cell, 0] == number:
            most = max(most, cells[cell, 1])
        if number - _CELLS < cells[cell, 0] < number:
            cells[kept, 0] = cells[cell, 0]
            cells[kept, 1] = cells[cell, 1]
            kept += 1
    cells[kept, 0], cells[kept, 1] = number, most
    memory[KNOWN], memory[BYTES], memory[STABLE_BYTES], memory[SEEN_MS] = kept + 1, used, stable, at_ms
    memory[OVER_LIMIT_MS] = _since(0 < limit < used, memory[OVER_LIMIT_MS], at_ms)
    memory[OVER_GROWTH_MS] = _since(0 < stable * (1 + growth) < used, memory[OVER_GROWTH_MS], at_ms)
    return moved


@compiled
def _since(over: bool, since_ms: int, at_ms: int) -> int:
    if not over:
        return -1
    return at_ms if since_ms < 0 else since_ms


@compiled
def slope_of(cells: Array, known: int, slopes: Array) -> float:
    """Return `leak_bytes_per_s`. slopes: room for `SLOPES`."""
    n = known - 1
    if n < _LEAST_CELLS:
        return 0.0
    s = 0
    for later in range(1, n):
        for earlier in range(later):
            rise = cells[later, 1] - cells[earlier, 1]
            s += (rise > 0) - (rise < 0)
    if s < _SURE * math.sqrt(n * (n - 1) * (2 * n + 5) / 18):
        return 0.0
    # Slopes are divided and put in order only where they count: it takes longer than all else done with a window.
    size = 0
    for later in range(1, n):
        for earlier in range(later):
            rise = cells[later, 1] - cells[earlier, 1]
            slopes[size] = rise / ((cells[later, 0] - cells[earlier, 0]) * (_CELL_MS / 1000))
            size += 1
    return float(_nth(slopes, size, size // 2))


@compiled
def _nth(values: Array, size: int, n: int) -> float:
    """
    Return which of the values would be at place n if they were sorted; they are moved about.

    Source: Hoare 1961, "Algorithm 65: Find". Sorting as numba does it makes an array.
    """
    first, last = 0, size - 1
    while first < last:
        pivot, low, high = values[n], first, last
        while low <= high:
            while values[low] < pivot:
                low += 1
            while values[high] > pivot:
                high -= 1
            if low <= high:
                values[low], values[high] = values[high], values[low]
                low, high = low + 1, high - 1
        if high < n:
            first = low
        if n < low:
            last = high
    return float(values[n])


@compiled
def judge_memory(memory: Array, slope: float, limit: int, growth: float, persist_ms: float, horizon_s: float) -> int:
    """Return the outcome of `judge_memory`."""
    if memory[SEEN_MS] < 0:
        return INCONCLUSIVE
    for since_ms in (memory[OVER_LIMIT_MS], memory[OVER_GROWTH_MS]):
        if since_ms >= 0 and memory[SEEN_MS] - since_ms >= persist_ms:
            return FAIL
    allowed = int(np.rint(memory[STABLE_BYTES] * (1 + growth)))
    if limit > 0 and allowed > 0:
        room = min(limit - memory[BYTES], allowed - memory[BYTES])
    elif limit > 0 or allowed > 0:
        room = max(limit, allowed) - memory[BYTES]
    else:
        return PASS if slope <= 2.0**63 else INCONCLUSIVE
    return INCONCLUSIVE if slope > max(0, room) / horizon_s else PASS
