"""One window after the other into the evidence and memory of a rollout, as long as nothing follows but that."""

from typing import Any

from controller.backtest.quick import compiled
from controller.backtest.quick.follows import follows
from controller.backtest.quick.memories import fold_memory, slope_of
from controller.backtest.quick.places import (
    AT_MS,
    BLIND_MATTERS,
    COMPARES,
    COVERING,
    DUE_MS,
    ERRORS,
    EVIDENCE_BEGAN_MS,
    EVIDENCE_NONE,
    EVIDENCE_SEEN_MS,
    GROWTH,
    LIMIT_BYTES,
    MEMORY_SOURCE,
    MOST_GOOD,
    OF_SLOPES,
    RECENT,
    SAMPLES,
    SEEN_MS,
    SLOPE,
    STEP_BEGAN_MS,
    TRACK_SEEN_MS,
    WARM_MS,
    WITHIN,
)
from controller.backtest.quick.scan import (
    CANDIDATE,
    CANDIDATE_BYTES,
    END_MS,
    FAILURES,
    REQUESTS,
    SOURCE,
    STABLE,
    STABLE_BYTES,
    START_MS,
)
from controller.backtest.quick.tracks import fold_errors, fold_timing
from controller.core.evidence.engine import GAP_CELL_MS as _GAP_CELL_MS
from controller.core.evidence.engine import GAP_MS as _GAP_MS
from controller.core.evidence.sight import BLIND_AFTER_MS as _BLIND_AFTER_MS
from controller.core.evidence.sight import FROZEN_AFTER_MS as _FROZEN_AFTER_MS

Array = Any


@compiled
def fold_windows(
    numbers: Array, hists: Array, buckets: Array, counts: Array, plain: Array, sent: Array, begin: int, end: int,
    ask: Array, by: Array, kinds: Array, expected: Array, shares: Array, priors: Array, error_odds: Array,
    timing_odds: Array, proven_error_odds: Array, proven_timing_odds: Array, nulls: Array, rare: Array,
    stands: Array, tracks: Array, cash: Array, wealth: Array, error_proofs: Array, rare_proof: Array,
    timing_proofs: Array, minutes: Array, rows: Array, spans: Array, thresholds: Array, recent: Array,
    cells: Array, memory: Array, slope: Array, room: Array, counted: Array,
) -> tuple[int, bool]:  # fmt: skip
    """
    Fold windows from `begin` on, at most to `end`. room, counted: see `places.room`.

    Returns which is the first that is not folded, and whether more would follow from the last one that is: then the
    state is of no use, and it is to be done again up to before that one.
    """
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
                    compared, cash[track] = fold_errors(
                        ours, theirs, elapsed_ms, ask[MOST_GOOD], error_odds, proven_error_odds, nulls, rare,
                        tracks[track], wealth[track], cash[track], error_proofs, rare_proof, room,
                    )  # fmt: skip
                else:
                    compared, cash[track] = fold_timing(
                        ours, theirs, kinds[track], window, hists, buckets, counts, end_ms, elapsed_ms, ask[COVERING],
                        ask[WITHIN], timing_odds, proven_timing_odds, tracks[track], wealth[track], cash[track],
                        timing_proofs[track], minutes[track], rows[track], spans[track], thresholds[track], room,
                        counted,
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
            slope[SLOPE] = slope_of(cells, memory[0], room[OF_SLOPES])
        if follows(
            ask, by, kinds, expected, shares, priors, stands, tracks, cash, wealth, error_proofs, rare_proof,
            timing_proofs, recent, memory, slope,
        ):  # fmt: skip
            return window + 1, True
    return end, False


@compiled
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


@compiled
def _note_recent(stands: Array, recent: Array, cell: int, ours: Array, theirs: Array) -> None:
    """Do `_recent` of the engine in place."""
    known, oldest, kept = stands[RECENT], cell - _GAP_MS // _GAP_CELL_MS, 0
    first = 0
    while first < known and recent[first, 0] <= oldest:
        first += 1
    for place in range(first, known):
        for number in range(recent.shape[1]):
            recent[kept, number] = recent[place, number]
        kept += 1
    if not kept or recent[kept - 1, 0] != cell:
        recent[kept, :] = 0
        recent[kept, 0] = cell
        kept += 1
    recent[kept - 1, 1] += ours[REQUESTS]
    recent[kept - 1, 2] += ours[FAILURES]
    recent[kept - 1, 3] += theirs[REQUESTS]
    recent[kept - 1, 4] += theirs[FAILURES]
    stands[RECENT] = kept
