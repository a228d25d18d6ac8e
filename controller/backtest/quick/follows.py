"""Whether anything may follow from how a rollout stands: `judge_rollback`, `judge_memory` and `judge_promotion`."""

from typing import Any, Final

from controller.backtest.quick import compiled
from controller.backtest.quick.memories import FAIL, INCONCLUSIVE, PASS, judge_memory
from controller.backtest.quick.places import (
    ERRORS,
    EVIDENCE_ENDS,
    EVIDENCE_NONE,
    EVIDENCE_SAID,
    EVIDENCE_SEEN_MS,
    GROWTH,
    HORIZON_S,
    LACKS,
    LEAST_GAP,
    LIMIT_BYTES,
    MEMORY_ENDS,
    MEMORY_SAID,
    MISSING_AFTER_MS,
    PERSIST_MS,
    PROMOTE_AT,
    PROOF,
    PROVEN_TO,
    RECENT,
    SLOPE,
    THRESHOLD,
    TRACK_SEEN_MS,
    WAITS,
)
from controller.core.evidence.promotion import COMPARED_SHARE as _COMPARED_SHARE
from controller.core.evidence.timing import QUANTILES as _QUANTILES

ALMOST: Final = 1 - 1e-9
"""Sums of few numbers are added in another order by newer Pythons; so near to a threshold, the core decides."""

Array = Any


@compiled
def follows(
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
    return bool(
        ask[PROOF] < 0 or _is_proven(ask, by, kinds, expected, stands, tracks, error_proofs, rare_proof, timing_proofs)
    )


@compiled
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


@compiled
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


@compiled
def _is_missing(ask: Array, expected: Array, stands: Array, tracks: Array) -> bool:
    since_ms = stands[EVIDENCE_SEEN_MS] - ask[MISSING_AFTER_MS]
    for track in range(len(expected)):
        seen_ms = tracks[track, TRACK_SEEN_MS]
        if expected[track] and (seen_ms < 0 or seen_ms <= since_ms):
            return True
    return False


@compiled
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
