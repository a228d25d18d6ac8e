"""Where each number stands in the arrays that machine code reads and changes."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from controller.backtest.quick.likelihoods import LONGEST
from controller.backtest.quick.memories import SLOPES
from controller.backtest.quick.timings import BUCKETS

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
"""Places of whole numbers that a rollout is asked by; see `asked`."""
THRESHOLD, LEAST_GAP, PROMOTE_AT, PROVEN_TO, GROWTH, PERSIST_MS, HORIZON_S, SHARED = range(8)
SEEN_MS, AT_MS, EVIDENCE_BEGAN_MS, EVIDENCE_SEEN_MS, EVIDENCE_NONE, RECENT, MEMORY_SOURCE, STANDS = range(8)
"""Places of where a rollout stands."""
CASH, SLOPE = 0, 0
SLOTS, SAMPLES, TRACK_SEEN_MS, MINUTES, THRESHOLDS, TRACK = range(6)
"""Places of whole numbers about a track."""

WAYS, OF_SLOPES, FOUND, PROVEN, OF_RARE, MEANS_OF_ERRORS, MEANS_OF_TIMINGS, MEANS_OF_PROOFS, AGAINST = range(9)
"""Rows of room for numbers on the way; of `AGAINST` as many as there are nulls, up to eight."""
TOTAL, SLOW_C, SLOW_S, PROVEN_C, COUNTED = range(5)
"""Rows of room for whole numbers."""


def room() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return room for numbers, and for whole numbers, in which nothing stands that counts."""
    return np.zeros((AGAINST + 8, max(LONGEST, SLOPES))), np.zeros((COUNTED, BUCKETS), np.int64)
