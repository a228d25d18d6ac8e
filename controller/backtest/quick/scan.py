"""
Windows read as the journal writes them: canonical JSON, keys sorted, nothing between them.

Whatever is not written exactly so, or says more than counts and memory, is left to whoever reads any JSON.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numba import njit

from controller.backtest.quick.timings import BUCKETS, FIRST_BUCKET
from controller.core.evidence.window import Histogram
from controller.core.readings import MemorySource

Array = Any

START_MS, END_MS, SOURCE, CANDIDATE_BYTES, STABLE_BYTES = range(5)
CANDIDATE, STABLE, NUMBERS = 5, 9, 13
"""Where an arm's blocks, failed_blocks, failures and requests begin among a window's numbers; how many there are."""
BLOCKS, FAILED_BLOCKS, FAILURES, REQUESTS = range(4)
HISTOGRAMS: Final = 6
"""The candidate's latency, rtf and ttfa, then stable's."""
NO_MEMORY: Final = 0
SOURCES: Final = {MemorySource.GPU: 1, MemorySource.PROCESS: 2}

_LARGEST: Final = 2**25
"""More requests are left to the core: products of counts are whole numbers of a double as long as they are fewer."""


def _text(text: str) -> Array:
    return np.frombuffer(text.encode(), np.uint8)


_ACTOR, _BLIND, _MEMORY = _text('{"actor":"'), _text('","blind":"","memory":'), _text('{"candidate_bytes":')
_GPU, _PROCESS, _OF_STABLE = _text(',"source":"gpu"'), _text(',"source":"process"'), _text(',"stable_bytes":')
_NULL, _READINGS, _ROLLOUT = _text("null"), _text(',"readings":[],"reason":"'), _text('","rollout":"')
_WINDOW, _ARM = _text('","window":{"candidate":'), _text('{"blocks":')
_OF_FAILED, _OF_FAILURES, _OF_LATENCY = _text(',"failed_blocks":'), _text(',"failures":'), _text(',"latency":')
_OF_REQUESTS, _OF_RTF, _OF_TTFA = _text(',"requests":'), _text(',"rtf":'), _text(',"ttfa":')
_OF_END, _OF_SCORES, _OF_START = _text(',"end_ms":'), _text(',"mos":[],"ratings":[],"stable":'), _text(',"start_ms":')
_END = _text("}}")


@dataclass(frozen=True, slots=True)
class Batch:
    """
    Windows in their order.

    numbers: of each, see above. ends: where each one's histograms end among buckets and counts, one after the other.
    plain: whether it was understood. names: where each one's rollout stands in `text`.
    """

    numbers: Array
    ends: Array
    buckets: Array
    counts: Array
    plain: Array
    names: Array
    text: bytes

    def name(self, number: int) -> bytes | None:
        """Return the rollout's name on record, as it is written; None of a window that was not understood."""
        return self.text[self.names[number, 0] : self.names[number, 1]] if self.plain[number] else None

    def histogram(self, window: int, number: int) -> Histogram:
        """Return one of a window's histograms."""
        ends = self.ends.ravel()
        at = window * HISTOGRAMS + number
        begin, end = int(ends[at - 1]) if at else 0, int(ends[at])
        return tuple(zip(self.buckets[begin:end].tolist(), self.counts[begin:end].tolist(), strict=True))


def scan(bodies: Sequence[str]) -> Batch:
    """Read windows."""
    parts = [body.encode() for body in bodies]
    text = b"".join(parts)
    ends = np.cumsum(np.array([len(part) for part in parts], np.int64))
    size = len(parts)
    numbers, hists = np.zeros((size, NUMBERS), np.int64), np.zeros((size, HISTOGRAMS), np.int64)
    # A pair takes at least six characters, `[0,1],`, so there is room for all there are.
    buckets, counts = np.empty(len(text) // 5 + 1, np.int64), np.empty(len(text) // 5 + 1, np.int64)
    plain, names = np.zeros(size, np.bool_), np.zeros((size, 2), np.int64)
    _scan(np.frombuffer(text, np.uint8), ends, numbers, hists, buckets, counts, plain, names)
    return Batch(numbers, hists, buckets, counts, plain, names, text)


@njit(cache=True)
def _scan(
    text: Array, ends: Array, numbers: Array, hists: Array, buckets: Array, counts: Array, plain: Array, names: Array
) -> None:
    begin, used = 0, 0
    for number in range(len(ends)):
        now = _one(text[begin : ends[number]], numbers[number], hists[number], buckets, counts, used, names[number])
        plain[number] = now >= 0
        if now >= 0:
            used = now
        else:
            hists[number, :] = used
        names[number, 0] += begin
        names[number, 1] += begin
        begin = ends[number]


@njit(cache=True)
def _one(text: Array, numbers: Array, hists: Array, buckets: Array, counts: Array, used: int, name: Array) -> int:
    """Read one window; return how many buckets are used now, -1 when it is not understood."""
    at = _after_text(text, _after(text, 0, _ACTOR))
    at = _after(text, at, _BLIND)
    if at < 0:
        return -1
    if at < len(text) and text[at] == 110:  # the n of null
        at = _after(text, at, _NULL)
        numbers[SOURCE] = 0
    else:
        at, numbers[CANDIDATE_BYTES] = _number(text, _after(text, at, _MEMORY))
        gpu = _after(text, at, _GPU)
        numbers[SOURCE] = 1 if gpu >= 0 else 2
        at = gpu if gpu >= 0 else _after(text, at, _PROCESS)
        at, numbers[STABLE_BYTES] = _number(text, _after(text, at, _OF_STABLE))
        at = at + 1 if 0 <= at < len(text) and text[at] == 125 else -1  # }
    at = _after_text(text, _after(text, at, _READINGS))
    at = _after(text, at, _ROLLOUT)
    name[0] = at
    at = _after_text(text, at)
    name[1] = at
    at, used = _arm(text, _after(text, at, _WINDOW), numbers[CANDIDATE:STABLE], hists[:3], buckets, counts, used)
    at, numbers[END_MS] = _number(text, _after(text, at, _OF_END))
    at = _after(text, at, _OF_SCORES)
    at, used = _arm(text, at, numbers[STABLE:NUMBERS], hists[3:], buckets, counts, used)
    at, numbers[START_MS] = _number(text, _after(text, at, _OF_START))
    at = _after(text, at, _END)
    return used if at == len(text) else -1


@njit(cache=True)
def _arm(
    text: Array, at: int, numbers: Array, hists: Array, buckets: Array, counts: Array, used: int
) -> tuple[int, int]:
    at, numbers[BLOCKS] = _number(text, _after(text, at, _ARM))
    at, numbers[FAILED_BLOCKS] = _number(text, _after(text, at, _OF_FAILED))
    at, numbers[FAILURES] = _number(text, _after(text, at, _OF_FAILURES))
    at, used = _histogram(text, _after(text, at, _OF_LATENCY), buckets, counts, used)
    hists[0] = used
    at, numbers[REQUESTS] = _number(text, _after(text, at, _OF_REQUESTS))
    at, used = _histogram(text, _after(text, at, _OF_RTF), buckets, counts, used)
    hists[1] = used
    at, used = _histogram(text, _after(text, at, _OF_TTFA), buckets, counts, used)
    hists[2] = used
    if numbers[REQUESTS] > _LARGEST or numbers[BLOCKS] > _LARGEST:
        return -1, used
    return (at + 1 if 0 <= at < len(text) and text[at] == 125 else -1), used


@njit(cache=True)
def _after(text: Array, at: int, wanted: Array) -> int:
    """Return the place after `wanted`, -1 where something else stands."""
    if at < 0 or at + len(wanted) > len(text):
        return -1
    for place in range(len(wanted)):
        if text[at + place] != wanted[place]:
            return -1
    return at + len(wanted)


@njit(cache=True)
def _after_text(text: Array, at: int) -> int:
    """Return the place of the quote that ends a text."""
    if at < 0:
        return -1
    while at < len(text):
        if text[at] == 34:
            return at
        at += 2 if text[at] == 92 else 1
    return -1


@njit(cache=True)
def _number(text: Array, at: int) -> tuple[int, int]:
    """Read a whole number of up to 18 digits; the place is -1 where there is none."""
    if at < 0 or at >= len(text):
        return -1, 0
    negative = text[at] == 45
    at += negative
    first, value = at, 0
    while at < len(text) and 48 <= text[at] <= 57:
        value = value * 10 + (text[at] - 48)
        at += 1
        if at - first > 18:
            return -1, 0
    if at == first:
        return -1, 0
    return at, -value if negative else value


@njit(cache=True)
def _histogram(text: Array, at: int, buckets: Array, counts: Array, used: int) -> tuple[int, int]:
    if at < 0 or at + 1 >= len(text) or text[at] != 91:  # [
        return -1, used
    at += 1
    if text[at] == 93:  # ]
        return at + 1, used
    while at < len(text) and text[at] == 91:
        at, bucket = _number(text, at + 1)
        if at < 0 or at >= len(text) or text[at] != 44:  # ,
            return -1, used
        at, count = _number(text, at + 1)
        within = 0 <= bucket - FIRST_BUCKET < BUCKETS and 0 < count <= _LARGEST
        if at < 0 or not within or at + 1 >= len(text) or text[at] != 93:
            return -1, used
        buckets[used], counts[used] = bucket, count
        used += 1
        if text[at + 1] == 93:
            return at + 2, used
        if text[at + 1] != 44:
            return -1, used
        at += 2
    return -1, used
