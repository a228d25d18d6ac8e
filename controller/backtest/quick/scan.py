"""
Windows read as the journal writes them: canonical JSON, keys sorted, nothing between them.

Whatever is not written exactly so, or says more than counts and memory, is left to whoever reads any JSON.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from controller.backtest.quick import compiled
from controller.backtest.quick.text import LARGEST, ROOM, after, after_brace, after_text, histogram_at, number_at
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
    plain: whether it was understood. names: where each one's rollout stands in `text`. begins: the first of those in a
    row that are of one rollout, or were not understood.
    """

    numbers: Array
    ends: Array
    buckets: Array
    counts: Array
    plain: Array
    names: Array
    begins: Array
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


def scan(bodies: Sequence[bytes]) -> Batch:
    """Read windows."""
    text, size = b"".join([*bodies, ROOM]), len(bodies)
    ends = np.cumsum(np.fromiter(map(len, bodies), np.int64, size))
    numbers, hists = np.zeros((size, NUMBERS), np.int64), np.zeros((size, HISTOGRAMS), np.int64)
    # A pair takes at least six characters, `[0,1],`, so there is room for all there are.
    buckets, counts = np.empty(len(text) // 5 + 1, np.int16), np.empty(len(text) // 5 + 1, np.int32)
    plain, names, begins = np.zeros(size, np.bool_), np.zeros((size, 2), np.int64), np.zeros(size, np.bool_)
    _scan(np.frombuffer(text, np.uint8), ends, numbers, hists, buckets, counts, plain, names, begins)
    return Batch(numbers, hists, buckets, counts, plain, names, np.flatnonzero(begins), text)


@compiled
def _scan(
    text: Array, ends: Array, numbers: Array, hists: Array, buckets: Array, counts: Array, plain: Array, names: Array,
    begins: Array,
) -> None:  # fmt: skip
    begin, used = 0, 0
    for number in range(len(ends)):
        end = ends[number]
        now = _one(text, begin, end, numbers[number], hists[number], buckets, counts, used, names[number])
        plain[number] = now >= 0
        if now >= 0:
            used = now
        else:
            hists[number, :] = used
        begins[number] = not number or not _is_alike(text, plain, names, number)
        begin = end


@compiled
def _is_alike(text: Array, plain: Array, names: Array, number: int) -> bool:
    """Say whether a window and the one before it are of one rollout, or neither was understood."""
    if not plain[number] or not plain[number - 1]:
        return bool(plain[number] == plain[number - 1])
    was, now = names[number - 1, 0], names[number, 0]
    size = names[number, 1] - now
    if names[number - 1, 1] - was != size:
        return False
    differs = 0
    for place in range(size):
        differs += text[was + place] != text[now + place]
    return differs == 0


@compiled
def _one(
    text: Array, at: int, end: int, numbers: Array, hists: Array, buckets: Array, counts: Array, used: int, name: Array
) -> int:
    """Read the window from `at` to `end`; return how many buckets are used now, -1 when it is not understood."""
    at = after_text(text, after(text, at, _ACTOR), end)
    at = after(text, at, _BLIND)
    if at < 0:
        return -1
    if text[at] == 110:  # the n of null
        at = after(text, at, _NULL)
        numbers[SOURCE] = 0
    else:
        at, numbers[CANDIDATE_BYTES] = number_at(text, after(text, at, _MEMORY))
        gpu = after(text, at, _GPU)
        numbers[SOURCE] = 1 if gpu >= 0 else 2
        at = gpu if gpu >= 0 else after(text, at, _PROCESS)
        at, numbers[STABLE_BYTES] = number_at(text, after(text, at, _OF_STABLE))
        at = after_brace(text, at)
    at = after_text(text, after(text, at, _READINGS), end)
    at = after(text, at, _ROLLOUT)
    name[0] = at
    at = after_text(text, at, end)
    name[1] = at
    at, used = _arm(text, after(text, at, _WINDOW), numbers[CANDIDATE:STABLE], hists[:3], buckets, counts, used)
    at, numbers[END_MS] = number_at(text, after(text, at, _OF_END))
    at = after(text, at, _OF_SCORES)
    at, used = _arm(text, at, numbers[STABLE:NUMBERS], hists[3:], buckets, counts, used)
    at, numbers[START_MS] = number_at(text, after(text, at, _OF_START))
    return used if after(text, at, _END) == end else -1


@compiled
def _arm(
    text: Array, at: int, numbers: Array, hists: Array, buckets: Array, counts: Array, used: int
) -> tuple[int, int]:
    at, numbers[BLOCKS] = number_at(text, after(text, at, _ARM))
    at, numbers[FAILED_BLOCKS] = number_at(text, after(text, at, _OF_FAILED))
    at, numbers[FAILURES] = number_at(text, after(text, at, _OF_FAILURES))
    at, used = histogram_at(text, after(text, at, _OF_LATENCY), buckets, counts, used)
    hists[0] = used
    at, numbers[REQUESTS] = number_at(text, after(text, at, _OF_REQUESTS))
    at, used = histogram_at(text, after(text, at, _OF_RTF), buckets, counts, used)
    hists[1] = used
    at, used = histogram_at(text, after(text, at, _OF_TTFA), buckets, counts, used)
    hists[2] = used
    if numbers[REQUESTS] > LARGEST or numbers[BLOCKS] > LARGEST:
        return -1, used
    return after_brace(text, at), used
