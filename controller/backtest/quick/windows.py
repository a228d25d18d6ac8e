"""One window after the other into the evidence and memory of a rollout, as long as nothing follows but that."""

from typing import Any, Final

import numpy as np
from numba import njit

from controller.backtest.quick.likelihoods import LONGEST, bet, ratios_against, ratios_of_event, ratios_of_rare, win
from controller.backtest.quick.memories import FAIL, INCONCLUSIVE, PASS, fold_memory, judge_memory, slope_of
from controller.backtest.quick.scan import (
    BLOCKS,
    CANDIDATE,
    CANDIDATE_BYTES,
    END_MS,
    FAILED_BLOCKS,
    FAILURES,
    HISTOGRAMS,
    REQUESTS,
    SOURCE,
    STABLE,
    STABLE_BYTES,
    START_MS,
)
from controller.backtest.quick.timings import BUCKETS, above, accounted, advance
from controller.core.evidence.engine import GAP_CELL_MS as _GAP_CELL_MS
from controller.core.evidence.engine import GAP_MS as _GAP_MS
from controller.core.evidence.fortune import CEILING as _CEILING
from controller.core.evidence.fortune import PROVEN as _PROVEN
from controller.core.evidence.promotion import COMPARED_SHARE as _COMPARED_SHARE
from controller.core.evidence.sight import BLIND_AFTER_MS as _BLIND_AFTER_MS
from controller.core.evidence.sight import FROZEN_AFTER_MS as _FROZEN_AFTER_MS
from controller.core.evidence.timing import QUANTILES as _QUANTILES

ERRORS: Final = -1
"""Kind of the track of errors; a timing's is the place of its histogram among an arm's."""

(
    DUE_MS,  # of the first timer that is due at a time of its own
    BLIND_MATTERS,
    STEP_BEGAN_MS,
    WARM_MS,
    COMPARES,
    WAITS,  # it goes on as soon as nothing is missing
    LACKS,  # something is missing that no window brings
    PROOF,  # the ladder step of the proof that it waits for, -1 when for none
    EVIDENCE_SAID,  # what gates of this kind said last, -1 when there are none
    EVIDENCE_ENDS,  # one of them is no dry run
    MEMORY_SAID,
    MEMORY_ENDS,
    LIMIT_BYTES,
    MISSING_AFTER_MS,
    MOST_GOOD,
    COVERING,
    WITHIN,
    ASKED,
) = range(18)
"""Places of whole numbers that a rollout is asked by; see `state`."""
THRESHOLD, LEAST_GAP, PROMOTE_AT, PROVEN_TO, GROWTH, PERSIST_MS, HORIZON_S, SHARED = range(8)
SEEN_MS, AT_MS, EVIDENCE_BEGAN_MS, EVIDENCE_SEEN_MS, EVIDENCE_NONE, RECENT, MEMORY_SOURCE, STANDS = range(8)
"""Places of where a rollout stands."""
CASH, SLOPE = 0, 0
SLOTS, SAMPLES, TRACK_SEEN_MS, MINUTES, THRESHOLDS, TRACK = range(6)
"""Places of whole numbers about a track."""
ALMOST: Final = 1 - 1e-9
"""Sums of few numbers are added in another order by newer Pythons; so near to a threshold, the core decides."""

Array = Any


@njit(cache=True)
def fold_windows(
    numbers: Array, hists: Array, buckets: Array, counts: Array, plain: Array, sent: Array, begin: int, end: int,
    ask: Array, by: Array, kinds: Array, expected: Array, shares: Array, priors: Array, error_odds: Array,
    timing_odds: Array, proven_error_odds: Array, proven_timing_odds: Array, nulls: Array, rare: Array,
    stands: Array, tracks: Array, cash: Array, wealth: Array, error_proofs: Array, rare_proof: Array,
    timing_proofs: Array, minutes: Array, rows: Array, spans: Array, thresholds: Array, recent: Array,
    cells: Array, memory: Array, slope: Array,
) -> tuple[int, bool]:  # fmt: skip
    """
    Fold windows from `begin` on, at most to `end`.

    Returns which is the first that is not folded, and whether more would follow from the last one that is: then the
    state is of no use, and it is to be done again up to before that one.
    """
    ways, room = np.empty(LONGEST), np.zeros(BUCKETS, np.int64)
    found, proven = np.empty(24), np.empty((4, 3))
    against, of_rare = np.empty((len(nulls), 1)), np.empty(2)
    slow_c, slow_s, proven_c = np.empty(4, np.int64), np.empty(4, np.int64), np.empty(4, np.int64)
    for window in range(begin, end):
        start_ms, end_ms = numbers[window, START_MS], numbers[window, END_MS]
        if not plain[window] or not _is_quiet(ask, stands, sent[window], start_ms, end_ms):
            return window, False
        source = numbers[window, SOURCE]
        if source and source != stands[MEMORY_SOURCE]:
            return window, False
        stands[AT_MS] = max(sent[window], stands[AT_MS])
        stands[SEEN_MS] = end_ms
        if ask[COMPARES] and start_ms >= ask[WARM_MS]:
            stands[EVIDENCE_NONE] = 0
            if stands[EVIDENCE_BEGAN_MS] < 0:
                stands[EVIDENCE_BEGAN_MS] = start_ms
            elapsed_ms = end_ms - stands[EVIDENCE_BEGAN_MS]
            ours, theirs = numbers[window, CANDIDATE:STABLE], numbers[window, STABLE:]
            for track in range(len(kinds)):
                if kinds[track] == ERRORS:
                    n_c, x_c = ours[BLOCKS], ours[FAILED_BLOCKS]
                    n_s, x_s = theirs[BLOCKS], theirs[FAILED_BLOCKS]
                    compared = n_c if n_s else 0
                    ratios_of_event(n_c, n_s, x_c, x_s, error_odds, found, ways)
                    cash[track], tracks[track, SLOTS] = bet(
                        wealth[track], cash[track], tracks[track, SLOTS], found[: len(error_odds)], elapsed_ms, _CEILING
                    )
                    ratios_against(n_c, x_c, n_s, x_s, proven_error_odds, nulls, against, ways)
                    for row in range(len(nulls)):
                        win(error_proofs[row], against[row], _PROVEN)
                    failed = x_c if compared else 0
                    ratios_of_rare(compared, failed, rare[0], rare[1], ask[MOST_GOOD], of_rare)
                    win(rare_proof, of_rare, _PROVEN)
                else:
                    of_c, of_s = kinds[track], kinds[track] + HISTOGRAMS // 2
                    c_from, c_to = _place(hists, window, of_c)
                    s_from, s_to = _place(hists, window, of_s)
                    compared = 0
                    if tracks[track, THRESHOLDS]:
                        limits = thresholds[track]
                        n_s = above(buckets[s_from:s_to], counts[s_from:s_to], theirs[FAILURES], limits, 0, slow_s)
                        mine, my_counts = buckets[c_from:c_to], counts[c_from:c_to]
                        n_c = above(mine, my_counts, ours[FAILURES], limits, ask[COVERING], slow_c)
                        n_c = above(mine, my_counts, ours[FAILURES], limits, ask[WITHIN], proven_c)
                        if accounted(ours[REQUESTS], n_c) and accounted(theirs[REQUESTS], n_s):
                            compared = n_c
                    if compared:
                        size = len(timing_odds)
                        for row in range(len(_QUANTILES)):
                            of_row = found[row * size : (row + 1) * size]
                            ratios_of_event(n_c, n_s, slow_c[row], slow_s[row], timing_odds, of_row, ways)
                            ratios_of_event(n_c, n_s, proven_c[row], slow_s[row], proven_timing_odds, proven[row], ways)
                            win(timing_proofs[track, row], proven[row], _PROVEN)
                    else:
                        found[:] = 1.0
                    cash[track], tracks[track, SLOTS] = bet(
                        wealth[track], cash[track], tracks[track, SLOTS], found, elapsed_ms, _CEILING
                    )
                    tracks[track, MINUTES], tracks[track, THRESHOLDS] = advance(
                        minutes[track], rows[track], tracks[track, MINUTES], spans[track], thresholds[track],
                        tracks[track, THRESHOLDS], end_ms, buckets[s_from:s_to], counts[s_from:s_to], room,
                    )  # fmt: skip
                tracks[track, SAMPLES] += compared
                if compared:
                    tracks[track, TRACK_SEEN_MS] = end_ms
            _note_recent(stands, recent, end_ms // _GAP_CELL_MS, ours, theirs)
            stands[EVIDENCE_SEEN_MS] = end_ms
        if source and fold_memory(
            cells, memory, end_ms, numbers[window, CANDIDATE_BYTES], numbers[window, STABLE_BYTES], ask[LIMIT_BYTES],
            by[GROWTH],
        ):  # fmt: skip
            slope[SLOPE] = slope_of(cells, memory[0])
        if _follows(
            ask, by, kinds, expected, shares, priors, stands, tracks, cash, wealth, error_proofs, rare_proof,
            timing_proofs, recent, memory, slope,
        ):  # fmt: skip
            return window + 1, True
    return end, False


@njit(cache=True)
def _is_quiet(ask: Array, stands: Array, sent_ms: int, start_ms: int, end_ms: int) -> bool:
    """Say whether nothing comes due before a window, and it is neither old news nor of the future."""
    if sent_ms >= ask[DUE_MS]:
        return False
    since_ms = max(stands[SEEN_MS], ask[STEP_BEGAN_MS])
    if ask[BLIND_MATTERS] and sent_ms >= since_ms + _BLIND_AFTER_MS:
        return False
    if end_ms > max(sent_ms, stands[AT_MS]) + _FROZEN_AFTER_MS:
        return False
    return bool(stands[SEEN_MS] <= start_ms < end_ms)


@njit(cache=True)
def _place(hists: Array, window: int, number: int) -> tuple[int, int]:
    """Return where a histogram begins and ends."""
    if number:
        return hists[window, number - 1], hists[window, number]
    return (hists[window - 1, HISTOGRAMS - 1] if window else 0), hists[window, number]


@njit(cache=True)
def _note_recent(stands: Array, recent: Array, cell: int, ours: Array, theirs: Array) -> None:
    """Do `_recent` of the engine in place."""
    known, oldest, kept = stands[RECENT], cell - _GAP_MS // _GAP_CELL_MS, 0
    first = 0
    while first < known and recent[first, 0] <= oldest:
        first += 1
    for place in range(first, known):
        recent[kept] = recent[place]
        kept += 1
    if not kept or recent[kept - 1, 0] != cell:
        recent[kept] = 0
        recent[kept, 0] = cell
        kept += 1
    recent[kept - 1, 1] += ours[REQUESTS]
    recent[kept - 1, 2] += ours[FAILURES]
    recent[kept - 1, 3] += theirs[REQUESTS]
    recent[kept - 1, 4] += theirs[FAILURES]
    stands[RECENT] = kept


@njit(cache=True)
def _follows(
    ask: Array, by: Array, kinds: Array, expected: Array, shares: Array, priors: Array, stands: Array, tracks: Array,
    cash: Array, wealth: Array, error_proofs: Array, rare_proof: Array, timing_proofs: Array, recent: Array,
    memory: Array, slope: Array,
) -> bool:  # fmt: skip
    """Say whether anything may follow from how it stands now."""
    evidence, remembered = PASS, PASS
    if ask[EVIDENCE_SAID] >= 0:
        evidence = _evidence(ask, by, kinds, expected, shares, priors, stands, tracks, cash, wealth, recent)
        if evidence != ask[EVIDENCE_SAID] or (evidence == FAIL and ask[EVIDENCE_ENDS]):
            return True
    if ask[MEMORY_SAID] >= 0:
        remembered = judge_memory(memory, slope[SLOPE], ask[LIMIT_BYTES], by[GROWTH], by[PERSIST_MS], by[HORIZON_S])
        if remembered != ask[MEMORY_SAID] or (remembered == FAIL and ask[MEMORY_ENDS]):
            return True
    if not ask[WAITS] or ask[LACKS]:
        return False
    if (ask[EVIDENCE_ENDS] and evidence != PASS) or (ask[MEMORY_ENDS] and remembered != PASS):
        return False
    return ask[PROOF] < 0 or _is_proven(
        ask, by, kinds, expected, stands, tracks, error_proofs, rare_proof, timing_proofs
    )


@njit(cache=True)
def _evidence(
    ask: Array, by: Array, kinds: Array, expected: Array, shares: Array, priors: Array, stands: Array, tracks: Array,
    cash: Array, wealth: Array, recent: Array,
) -> int:  # fmt: skip
    """Return the outcome of `judge_rollback`."""
    if stands[EVIDENCE_NONE]:
        return INCONCLUSIVE if expected.any() else PASS
    together = 0.0
    for track in range(len(kinds)):
        together += shares[track] * _value(track, by, kinds, priors, stands, cash, wealth, recent)
    if together >= by[THRESHOLD] * ALMOST:
        return FAIL
    return INCONCLUSIVE if _is_missing(ask, expected, stands, tracks) else PASS


@njit(cache=True)
def _value(
    track: int, by: Array, kinds: Array, priors: Array, stands: Array, cash: Array, wealth: Array, recent: Array
) -> float:
    if kinds[track] == ERRORS:
        n_c, x_c, n_s, x_s = 0, 0, 0, 0
        for cell in range(stands[RECENT]):
            n_c += recent[cell, 1]
            x_c += recent[cell, 2]
            n_s += recent[cell, 3]
            x_s += recent[cell, 4]
        gap = x_c / n_c - x_s / n_s if n_c and n_s else 0.0
        if gap < by[LEAST_GAP]:
            return 0.0
    total = cash[track]
    for place in range(priors.shape[1]):
        total += priors[track, place] * wealth[track, place]
    return float(total)


@njit(cache=True)
def _is_missing(ask: Array, expected: Array, stands: Array, tracks: Array) -> bool:
    since_ms = stands[EVIDENCE_SEEN_MS] - ask[MISSING_AFTER_MS]
    for track in range(len(expected)):
        seen_ms = tracks[track, TRACK_SEEN_MS]
        if expected[track] and (seen_ms < 0 or seen_ms <= since_ms):
            return True
    return False


@njit(cache=True)
def _is_proven(
    ask: Array, by: Array, kinds: Array, expected: Array, stands: Array, tracks: Array, error_proofs: Array,
    rare_proof: Array, timing_proofs: Array,
) -> bool:  # fmt: skip
    """Say whether `judge_promotion` passes, or nearly does."""
    if stands[EVIDENCE_NONE] or _is_missing(ask, expected, stands, tracks):
        return False
    least = by[PROMOTE_AT] * ALMOST
    for track in range(len(kinds)):
        if not expected[track]:
            continue
        if kinds[track] == ERRORS:
            rare = (rare_proof[0] + rare_proof[1]) / 2
            if _COMPARED_SHARE * error_proofs[ask[PROOF], 0] + (1 - _COMPARED_SHARE) * rare < least:
                return False
            continue
        for row in range(len(_QUANTILES)):
            wealth = timing_proofs[track, row]
            if _QUANTILES[row] <= by[PROVEN_TO] and (wealth[0] + wealth[1] + wealth[2]) / 3 < least:
                return False
    return True
