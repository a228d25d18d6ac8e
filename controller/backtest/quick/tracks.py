"""One window into what is known about one measure: `_fold_errors` and `_fold_timing` of the engine."""

from typing import Any

from controller.backtest.quick import compiled
from controller.backtest.quick.likelihoods import bet, ratios_against, ratios_of_event, ratios_of_rare, win
from controller.backtest.quick.places import (
    AGAINST,
    FOUND,
    MEANS_OF_ERRORS,
    MEANS_OF_PROOFS,
    MEANS_OF_TIMINGS,
    MINUTES,
    OF_RARE,
    PROVEN,
    PROVEN_C,
    SLOTS,
    SLOW_C,
    SLOW_S,
    THRESHOLDS,
    TOTAL,
    WAYS,
)
from controller.backtest.quick.scan import BLOCKS, FAILED_BLOCKS, FAILURES, HISTOGRAMS, REQUESTS
from controller.backtest.quick.timings import above, accounted, advance
from controller.core.evidence.fortune import CEILING as _CEILING
from controller.core.evidence.fortune import PROVEN as _PROVEN

Array = Any


@compiled
def fold_errors(
    ours: Array, theirs: Array, elapsed_ms: int, most_good: int, odds: Array, proven_odds: Array, nulls: Array,
    rare: Array, track: Array, wealth: Array, cash: float, proofs: Array, rare_proof: Array, room: Array,
) -> tuple[int, float]:  # fmt: skip
    """Fold an arm's failed blocks beside the other's; return how many blocks were compared, and the cash."""
    n_c, x_c = ours[BLOCKS], ours[FAILED_BLOCKS]
    n_s, x_s = theirs[BLOCKS], theirs[FAILED_BLOCKS]
    compared = n_c if n_s else 0
    found = room[FOUND, : odds.shape[1]]
    ratios_of_event(n_c, n_s, x_c, x_s, odds, room[MEANS_OF_ERRORS], found, room[WAYS])
    cash, track[SLOTS] = bet(wealth, cash, track[SLOTS], found, elapsed_ms, _CEILING)
    against = room[AGAINST : AGAINST + len(nulls), : len(proven_odds)]
    ratios_against(n_c, x_c, n_s, x_s, proven_odds, nulls, against, room[WAYS])
    for row in range(len(nulls)):
        win(proofs[row], against[row], _PROVEN)
    of_rare = room[OF_RARE, : len(rare_proof)]
    ratios_of_rare(compared, x_c if compared else 0, rare[0], rare[1], most_good, of_rare)
    win(rare_proof, of_rare, _PROVEN)
    return compared, cash


@compiled
def fold_timing(
    ours: Array, theirs: Array, kind: int, window: int, hists: Array, buckets: Array, counts: Array, end_ms: int,
    elapsed_ms: int, covering: int, within: int, odds: Array, proven_odds: Array, track: Array, wealth: Array,
    cash: float, proofs: Array, minutes: Array, rows: Array, span: Array, limits: Array, room: Array, counted: Array,
) -> tuple[int, float]:  # fmt: skip
    """Fold what took an arm's requests long beside the other's; return how many were compared, and the cash."""
    c_from, c_to = _place(hists, window, kind)
    s_from, s_to = _place(hists, window, kind + HISTOGRAMS // 2)
    theirs_in, their_counts = buckets[s_from:s_to], counts[s_from:s_to]
    compared, n_s = 0, 0
    slow_c, slow_s, proven_c = counted[SLOW_C], counted[SLOW_S], counted[PROVEN_C]
    if track[THRESHOLDS]:
        ours_in, our_counts = buckets[c_from:c_to], counts[c_from:c_to]
        n_s = above(theirs_in, their_counts, theirs[FAILURES], limits, 0, slow_s)
        n_c = above(ours_in, our_counts, ours[FAILURES], limits, covering, slow_c)
        n_c = above(ours_in, our_counts, ours[FAILURES], limits, within, proven_c)
        if accounted(ours[REQUESTS], n_c) and accounted(theirs[REQUESTS], n_s):
            compared = n_c
    size, found = odds.shape[1], room[FOUND, : len(wealth)]
    if compared:
        proven = room[PROVEN, : proven_odds.shape[1]]
        for row in range(len(proofs)):
            of_row = found[row * size : (row + 1) * size]
            ratios_of_event(compared, n_s, slow_c[row], slow_s[row], odds, room[MEANS_OF_TIMINGS], of_row, room[WAYS])
            ratios_of_event(
                compared, n_s, proven_c[row], slow_s[row], proven_odds, room[MEANS_OF_PROOFS], proven, room[WAYS]
            )
            win(proofs[row], proven, _PROVEN)
    else:
        found[:] = 1.0
    cash, track[SLOTS] = bet(wealth, cash, track[SLOTS], found, elapsed_ms, _CEILING)
    track[MINUTES], track[THRESHOLDS] = advance(
        minutes, rows, track[MINUTES], span, limits, track[THRESHOLDS], end_ms, theirs_in, their_counts, counted[TOTAL]
    )
    return compared, cash


@compiled
def _place(hists: Array, window: int, number: int) -> tuple[int, int]:
    """Return where a histogram begins and ends."""
    if number:
        return hists[window, number - 1], hists[window, number]
    return (hists[window - 1, HISTOGRAMS - 1] if window else 0), hists[window, number]
