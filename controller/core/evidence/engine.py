"""
The evidence of one rollout: what it remembers, and how one window of measurements changes it.

Folding decides nothing; `rollback` and `promotion` read what it amounts to. A window that is late, doubled or empty
changes nothing that it should not: likelihood ratios of missing data are 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from controller.core.evidence import fortune as fortunes
from controller.core.evidence import paired, timing
from controller.core.evidence.fortune import Fortune
from controller.core.evidence.likelihood import Counts, ratios, ratios_against, ratios_of_events, ratios_of_rare
from controller.core.evidence.rules import SCORES, TIMINGS, Metric, Rules
from controller.core.evidence.timing import NOTHING_KNOWN, QUANTILE_WEIGHTS, QUANTILES, Reference, Timed
from controller.core.evidence.window import ArmCounts, Window

GAP_MS: Final = 300_000
GAP_CELL_MS: Final = 10_000

ERROR_ODDS: Final = (1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 100.0, 1000.0)
ERROR_WEIGHTS: Final = (0.15, 0.25, 0.20, 0.14, 0.10, 0.07, 0.05, 0.04)
TIMING_ODDS: Final = (1.25, 1.5, 2.0, 3.0, 6.0, 20.0)
TIMING_WEIGHTS: Final = tuple(
    of_quantile * weight for of_quantile in QUANTILE_WEIGHTS for weight in (0.20, 0.25, 0.25, 0.15, 0.10, 0.05)
)
NO_TIMING: Final = (1.0,) * len(TIMING_WEIGHTS)
"""Ratios of a window in which no timings can be compared."""
SCORE_WEIGHTS: Final = (1 / len(paired.BETS),) * len(paired.BETS)
PROVEN_ERROR_ODDS: Final = (1.4,)
"""Near the strictest null, 2: a bet on far fewer failures is won by luck, also by candidates that are far worse."""
RARE_PARTS: Final = (0.1, 0.4)
PROVEN_TIMING_ODDS: Final = (0.7, 0.5, 0.3)


@dataclass(frozen=True, slots=True)
class Recent:
    """Requests and failures of both arms in one ten-second cell of time."""

    cell: int
    n_c: int
    x_c: int
    n_s: int
    x_s: int


@dataclass(frozen=True, slots=True)
class Track:
    """
    What is known about one measure.

    worse: the fortune bet on "the candidate is worse".
    proofs: wealth bet on "it is not worse than allowed", one row per ladder step and one for failures that are rare
        anyhow (errors), one per quantile (timings) or just one (scores); a proof never restarts.
    samples: observations of the candidate that were compared. seen_ms: end of the last window with one; -1 is never.
    reference: stable's own recent past (timings).
    """

    metric: Metric
    worse: Fortune
    proofs: tuple[tuple[float, ...], ...]
    samples: int = 0
    seen_ms: int = -1
    reference: Reference = NOTHING_KNOWN


@dataclass(frozen=True, slots=True)
class Evidence:
    """
    One rollout's evidence: plain numbers and texts, about 15 KB as JSON.

    began_ms, seen_ms: start of the first window and end of the last one folded; -1 before any.
    recent: the last five minutes of requests and failures.
    """

    tracks: tuple[Track, ...]
    recent: tuple[Recent, ...] = ()
    began_ms: int = -1
    seen_ms: int = -1


def begin(rules: Rules) -> Evidence:
    """Return the evidence before anything was measured."""
    return Evidence(tuple(_begin(metric, rules) for metric in rules.metrics))


def fold(evidence: Evidence, window: Window, rules: Rules) -> Evidence:
    """
    Add one window. Returns `evidence` itself when the window is not later than all before: each counts once.

    rules: the same for the whole rollout; a rollout keeps the plan it began with.
    """
    if window.start_ms < evidence.seen_ms or window.end_ms <= window.start_ms:
        return evidence
    began_ms = window.start_ms if evidence.began_ms < 0 else evidence.began_ms
    return Evidence(
        tracks=tuple([_fold(track, window, rules, window.end_ms - began_ms) for track in evidence.tracks]),
        recent=_recent(evidence.recent, window),
        began_ms=began_ms,
        seen_ms=window.end_ms,
    )


def failure_rates(evidence: Evidence) -> tuple[float, float]:
    """Return candidate's and stable's failures in the last five minutes, share of requests; 0 and 0 if one had none."""
    n_c, n_s = sum(one.n_c for one in evidence.recent), sum(one.n_s for one in evidence.recent)
    if not n_c or not n_s:
        return 0.0, 0.0
    return sum(one.x_c for one in evidence.recent) / n_c, sum(one.x_s for one in evidence.recent) / n_s


def prior(metric: Metric) -> tuple[float, ...]:
    """Return the weights of the alternatives that a measure's fortune is bet on; they sum to 1."""
    if metric is Metric.ERRORS:
        return ERROR_WEIGHTS
    return TIMING_WEIGHTS if metric in TIMINGS else SCORE_WEIGHTS


def _begin(metric: Metric, rules: Rules) -> Track:
    if metric is Metric.ERRORS:
        alternatives = (*(len(PROVEN_ERROR_ODDS) for _ in rules.error_odds), len(RARE_PARTS))
    elif metric in TIMINGS:
        alternatives = (len(PROVEN_TIMING_ODDS),) * len(QUANTILES)
    else:
        alternatives = (len(paired.BETS),)
    proofs = tuple((1.0,) * row for row in alternatives)
    return Track(metric, fortunes.fresh(len(prior(metric))), proofs)


def _fold(track: Track, window: Window, rules: Rules, elapsed_ms: int) -> Track:
    if track.metric is Metric.ERRORS:
        return _fold_errors(track, window, rules, elapsed_ms)
    if track.metric in SCORES:
        return _fold_scores(track, window, rules, elapsed_ms)
    return _fold_timing(track, window, rules, elapsed_ms)


def _fold_errors(track: Track, window: Window, rules: Rules, elapsed_ms: int) -> Track:
    ours, theirs = window.candidate, window.stable
    counts = Counts(ours.blocks, ours.failed_blocks, theirs.blocks, theirs.failed_blocks)
    found = ratios(counts, ERROR_ODDS)
    compared = counts.n_c if counts.n_s else 0
    # Needs no comparison, but where stable is silent something is wrong with the whole window.
    rare = ratios_of_rare(compared, ours.failed_blocks if compared else 0, rules.rare_failures, RARE_PARTS)
    proven = [*ratios_against(counts, PROVEN_ERROR_ODDS, rules.error_odds), rare]
    return _moved(track, found, proven, compared, window.end_ms, elapsed_ms)


def _fold_scores(track: Track, window: Window, rules: Rules, elapsed_ms: int) -> Track:
    scores = paired.usable(window.mos if track.metric is Metric.MOS else window.ratings)
    found, proven = paired.ratios_worse(scores), paired.ratios_proven(scores, rules.score_drop)
    return _moved(track, found, [proven], len(scores), window.end_ms, elapsed_ms)


def _fold_timing(track: Track, window: Window, rules: Rules, elapsed_ms: int) -> Track:
    ours, theirs = _timed(window.candidate, track.metric), _timed(window.stable, track.metric)
    shifts = (timing.buckets_covering(rules.margin), timing.buckets_within(rules.slower))
    reference = timing.advance(track.reference, theirs.values, window.end_ms)
    slow = timing.exceedances(track.reference, ours, theirs, shifts)
    if slow is None:
        return _moved(track, NO_TIMING, (), 0, window.end_ms, elapsed_ms, reference)
    worse, proven = slow.rows
    found = [ratio for row in ratios_of_events(slow.n_c, slow.n_s, worse, TIMING_ODDS) for ratio in row]
    rows = ratios_of_events(slow.n_c, slow.n_s, proven, PROVEN_TIMING_ODDS)
    return _moved(track, found, rows, slow.n_c, window.end_ms, elapsed_ms, reference)


def _moved(
    track: Track,
    found: Sequence[float],
    proven: Sequence[Sequence[float]],
    compared: int,
    end_ms: int,
    elapsed_ms: int,
    reference: Reference = NOTHING_KNOWN,
) -> Track:
    return Track(
        metric=track.metric,
        worse=fortunes.bet(track.worse, found, elapsed_ms),
        proofs=fortunes.prove(track.proofs, proven) if proven else track.proofs,
        samples=track.samples + compared,
        seen_ms=end_ms if compared else track.seen_ms,
        reference=reference,
    )


def _timed(arm: ArmCounts, metric: Metric) -> Timed:
    values = arm.latency if metric is Metric.LATENCY else arm.ttfa if metric is Metric.TTFA else arm.rtf
    return Timed(arm.requests, arm.failures, values)


def _recent(recent: tuple[Recent, ...], window: Window) -> tuple[Recent, ...]:
    cell = window.end_ms // GAP_CELL_MS
    ours, theirs = window.candidate, window.stable
    running = bool(recent) and recent[-1].cell == cell
    last = recent[-1] if running else Recent(cell, 0, 0, 0, 0)
    added = Recent(
        cell,
        last.n_c + ours.requests,
        last.x_c + ours.failures,
        last.n_s + theirs.requests,
        last.x_s + theirs.failures,
    )
    first, oldest = 0, cell - GAP_MS // GAP_CELL_MS
    while first < len(recent) and recent[first].cell <= oldest:
        first += 1
    return (*recent[first : len(recent) - running], added)
