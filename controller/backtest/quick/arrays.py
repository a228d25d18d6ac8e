"""What windows change of a rollout, as arrays that machine code changes in place."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from controller.backtest.quick import memories, places
from controller.backtest.quick.scan import NO_MEMORY, SOURCES
from controller.backtest.quick.timings import BUCKETS, FIRST_BUCKET, MINUTES
from controller.core.evidence.engine import (
    GAP_CELL_MS,
    GAP_MS,
    PROVEN_TIMING_ODDS,
    RARE_PARTS,
    TIMING_WEIGHTS,
    Evidence,
    begin,
)
from controller.core.evidence.memory import CELLS, Cell, Memory
from controller.core.evidence.rules import Metric
from controller.core.evidence.timing import QUANTILES
from controller.core.rollout import Rollout

KINDS: Final[Mapping[Metric, int]] = {Metric.ERRORS: places.ERRORS, Metric.LATENCY: 0, Metric.RTF: 1, Metric.TTFA: 2}
"""Of a timing: the place of its histogram among an arm's, which are written in the order of the alphabet."""

Array = Any


@dataclass(slots=True)
class Arrays:
    """In the order in which `windows.fold_windows` takes them."""

    stands: Array
    tracks: Array
    cash: Array
    wealth: Array
    error_proofs: Array
    rare_proof: Array
    timing_proofs: Array
    minutes: Array
    rows: Array
    spans: Array
    thresholds: Array
    recent: Array
    cells: Array
    memory: Array
    slope: Array
    room: Array
    counted: Array

    def all(self) -> tuple[Array, ...]:
        """Return them in that order."""
        return tuple(getattr(self, name) for name in self.__slots__)

    def copy(self) -> "Arrays":
        """Return others that do not change with these; room they share, for nothing is kept in it."""
        own, shared = self.all()[:-2], self.all()[-2:]
        return Arrays(*(array.copy() for array in own), *shared)


def arrays_of(rollout: Rollout, at_ms: int) -> Arrays | None:
    """Return where a rollout stands; None where it does not fit. at_ms: of its history."""
    metrics, rules = len(rollout.plan.rules.metrics), rollout.plan.rules
    room, counted = places.room()
    arrays = Arrays(
        stands=np.zeros(places.STANDS, np.int64),
        tracks=np.zeros((metrics, places.TRACK), np.int64),
        cash=np.ones(metrics),
        wealth=np.zeros((metrics, len(TIMING_WEIGHTS))),
        error_proofs=np.ones((len(rules.error_odds), 1)),
        rare_proof=np.ones(len(RARE_PARTS)),
        timing_proofs=np.ones((metrics, len(QUANTILES), len(PROVEN_TIMING_ODDS))),
        minutes=np.zeros((metrics, MINUTES), np.int64),
        rows=np.zeros((metrics, MINUTES, BUCKETS), np.int64),
        spans=np.array([[BUCKETS, -1]] * metrics, np.int64),
        thresholds=np.zeros((metrics, len(QUANTILES)), np.int64),
        recent=np.zeros((GAP_MS // GAP_CELL_MS + 2, 5), np.int64),
        cells=np.zeros((CELLS + 1, 2), np.int64),
        memory=np.zeros(memories.SIZE, np.int64),
        slope=np.zeros(1),
        room=room,
        counted=counted,
    )
    evidence = rollout.evidence or begin(rules)
    stands = arrays.stands
    stands[places.SEEN_MS], stands[places.AT_MS] = rollout.seen_ms, at_ms
    stands[places.EVIDENCE_BEGAN_MS], stands[places.EVIDENCE_SEEN_MS] = evidence.began_ms, evidence.seen_ms
    stands[places.EVIDENCE_NONE], stands[places.RECENT] = rollout.evidence is None, len(evidence.recent)
    source = rollout.memory_source
    stands[places.MEMORY_SOURCE] = SOURCES[source] if source else NO_MEMORY
    for number, one in enumerate(evidence.recent):
        arrays.recent[number] = (one.cell, one.n_c, one.x_c, one.n_s, one.x_s)
    _remember(arrays, rollout.memory)
    return arrays if _keep_tracks(arrays, evidence) else None


def memory_of(arrays: Arrays) -> Memory:
    """Return what is known of the candidate's memory."""
    known, *rest = arrays.memory.tolist()
    return Memory(tuple(Cell(*cell) for cell in arrays.cells[:known].tolist()), *rest)


def _remember(arrays: Arrays, memory: Memory) -> None:
    for number, cell in enumerate(memory.cells):
        arrays.cells[number] = (cell.number, cell.most_bytes)
    arrays.memory[:] = (
        *(len(memory.cells), memory.bytes, memory.stable_bytes),
        *(memory.seen_ms, memory.over_limit_ms, memory.over_growth_ms),
    )
    arrays.slope[places.SLOPE] = memories.slope_of(arrays.cells, len(memory.cells), arrays.room[places.OF_SLOPES])


def _keep_tracks(arrays: Arrays, evidence: Evidence) -> bool:
    for number, track in enumerate(evidence.tracks):
        reference = track.reference
        arrays.cash[number] = track.worse.cash
        arrays.wealth[number, : len(track.worse.wealth)] = track.worse.wealth
        arrays.tracks[number] = (
            *(track.worse.slots, track.samples, track.seen_ms, len(reference.minutes)),
            len(reference.thresholds),
        )
        if track.metric is Metric.ERRORS:
            *compared, rare = track.proofs
            arrays.error_proofs[:], arrays.rare_proof[:] = compared, rare
            continue
        arrays.timing_proofs[number] = track.proofs
        arrays.thresholds[number, : len(reference.thresholds)] = reference.thresholds
        for at, minute in enumerate(reference.minutes):
            arrays.minutes[number, at] = minute.number
            pairs = np.array([pair for part in minute.parts for pair in part], np.int64).reshape(-1, 2)
            if not len(pairs):
                continue
            buckets = pairs[:, 0] - FIRST_BUCKET
            least, most = int(buckets.min()), int(buckets.max())
            if not 0 <= least <= most < BUCKETS:
                return False
            np.add.at(arrays.rows[number, at], buckets, pairs[:, 1])
            first, last = arrays.spans[number]
            arrays.spans[number] = (min(first, least), max(last, most))
    return True
