"""A history whose rollout is measured: windows are folded into arrays, and the core's state is made when asked for."""

from dataclasses import replace
from typing import Any, Final

import numpy as np

from controller.backtest.quick import places, scan, windows
from controller.backtest.quick.arrays import KINDS, Arrays, arrays_of, memory_of
from controller.backtest.quick.asked import Asked, asked_of
from controller.backtest.quick.scan import Batch
from controller.backtest.quick.timings import FIRST_BUCKET
from controller.core.evidence import engine
from controller.core.evidence.engine import Evidence, Recent, Track
from controller.core.evidence.fortune import Fortune
from controller.core.evidence.rules import Metric
from controller.core.evidence.timing import MINUTE_MS, Minute, Reference
from controller.core.evidence.window import Histogram
from controller.core.rollout import Phase, Rollout
from controller.core.stream import History

_AT_ONCE: Final = 1024

Array = Any


class Quick:
    """A history whose rollout is measured; it stands where it was, until `settled`."""

    def __init__(self, history: History, rollout: Rollout, asked: Asked, arrays: Arrays) -> None:
        self._history, self._rollout, self._asked, self._arrays = history, rollout, asked.all(), arrays
        self._folded = 0
        self._minute, self._parts, self._running = -1, dict[Metric, tuple[Histogram, ...]](), list[tuple[Batch, int]]()
        for track in rollout.evidence.tracks if rollout.evidence else ():
            if track.reference.minutes:
                self._minute = track.reference.minutes[-1].number
                self._parts[track.metric] = track.reference.minutes[-1].parts

    def fold(self, batch: Batch, sent: Array, begin: int, end: int) -> int:
        """Fold windows of a batch, all of them of this rollout; return the first that the core has to decide."""
        while begin < end:
            upto = min(end, begin + _AT_ONCE)
            saved = self._arrays.copy()
            now, follows = self._run(batch, sent, begin, upto)
            if follows:
                self._arrays = saved
                now, _ = self._run(batch, sent, begin, now - 1)
            if now > begin:
                self._folded += now - begin
                self._note_minute(batch, begin, now)
            if now < upto:
                return now
            begin = now
        return begin

    def settled(self) -> History:
        """Return the history after the last window that was folded."""
        if not self._folded:
            return self._history
        stands = self._arrays.stands
        rollout = replace(
            self._rollout,
            seen_ms=int(stands[places.SEEN_MS]),
            blind="",
            evidence=None if stands[places.EVIDENCE_NONE] else self._evidence(),
            memory=memory_of(self._arrays),
        )
        state = replace(self._history.state, rollout=rollout)
        return History(state, self._history.position + self._folded, int(stands[places.AT_MS]))

    def _run(self, batch: Batch, sent: Array, begin: int, end: int) -> tuple[int, bool]:
        read = (batch.numbers, batch.ends, batch.buckets, batch.counts, batch.plain, sent, begin, end)
        now, follows = windows.fold_windows(*read, *self._asked, *self._arrays.all())
        return int(now), bool(follows)

    def _note_minute(self, batch: Batch, begin: int, end: int) -> None:
        """Note the windows of the minute that runs: of stable the core keeps their histograms one by one."""
        starts_ms, ends_ms = batch.numbers[begin:end, scan.START_MS], batch.numbers[begin:end, scan.END_MS]
        judged = np.flatnonzero(starts_ms >= self._rollout.warm_ms)
        if not self._rollout.plan.compares or not len(judged):
            return
        minute = int(ends_ms[judged[-1]]) // MINUTE_MS
        if minute != self._minute:
            self._minute, self._parts, self._running = minute, {}, []
        running = judged[ends_ms[judged] // MINUTE_MS == minute]
        self._running += [(batch, begin + window) for window in running.tolist()]

    def _parts_of(self, metric: Metric) -> tuple[Histogram, ...]:
        of_stable = KINDS[metric] + scan.HISTOGRAMS // 2
        later = (batch.histogram(window, of_stable) for batch, window in self._running)
        return (*self._parts.get(metric, ()), *later)

    def _evidence(self) -> Evidence:
        arrays = self._arrays
        stands = arrays.stands
        return Evidence(
            tracks=tuple(self._track(number, metric) for number, metric in enumerate(self._rollout.plan.rules.metrics)),
            recent=tuple(Recent(*cell) for cell in arrays.recent[: stands[places.RECENT]].tolist()),
            began_ms=int(stands[places.EVIDENCE_BEGAN_MS]),
            seen_ms=int(stands[places.EVIDENCE_SEEN_MS]),
        )

    def _track(self, number: int, metric: Metric) -> Track:
        arrays, about = self._arrays, self._arrays.tracks[number].tolist()
        alternatives = len(engine.prior(metric))
        wealth = Fortune(tuple(arrays.wealth[number, :alternatives].tolist()), float(arrays.cash[number]), about[0])
        if metric is Metric.ERRORS:
            proofs = (*(tuple(row) for row in arrays.error_proofs.tolist()), tuple(arrays.rare_proof.tolist()))
            return Track(metric, wealth, proofs, about[places.SAMPLES], about[places.TRACK_SEEN_MS])
        proofs = tuple(tuple(row) for row in arrays.timing_proofs[number].tolist())
        *past, running = range(about[places.MINUTES])
        minutes = (
            *(Minute(int(arrays.minutes[number, one]), (self._histogram(number, one),)) for one in past),
            Minute(int(arrays.minutes[number, running]), self._parts_of(metric)),
        )
        thresholds = tuple(arrays.thresholds[number, : about[places.THRESHOLDS]].tolist())
        reference = Reference(minutes, thresholds)
        return Track(metric, wealth, proofs, about[places.SAMPLES], about[places.TRACK_SEEN_MS], reference)

    def _histogram(self, number: int, minute: int) -> Histogram:
        row = self._arrays.rows[number, minute]
        places = np.flatnonzero(row)
        return tuple(zip((places + FIRST_BUCKET).tolist(), row[places].tolist(), strict=True))


def quick(history: History) -> Quick | None:
    """Return a history ready for windows; None where windows are, or may be, more than counts to it."""
    rollout = history.state.rollout
    if rollout is None or rollout.phase is Phase.PREPARING or set(rollout.plan.rules.metrics) - KINDS.keys():
        return None
    asked = asked_of(history, rollout)
    arrays = arrays_of(rollout, history.at_ms) if asked else None
    return Quick(history, rollout, asked, arrays) if asked and arrays else None
