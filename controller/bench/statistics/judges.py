"""Segue's evidence over a stream, and how it is told when a run is taken back."""

from typing import Final, Protocol

import numpy as np

from controller.bench.statistics.stream import WINDOW_S, Drawn, Floats, Ints
from controller.bench.statistics.vectors import Fortunes, ratios
from controller.core.evidence.engine import (
    ERROR_ODDS,
    ERROR_WEIGHTS,
    GAP_MS,
    SCORE_WEIGHTS,
    TIMING_ODDS,
    TIMING_WEIGHTS,
)
from controller.core.evidence.paired import BETS, TOLERATED_DROP
from controller.core.evidence.rules import Metric, Rules
from controller.core.evidence.timing import QUANTILES

RULES: Final = Rules(metrics=(Metric.ERRORS, Metric.LATENCY, Metric.MOS))
_CELLS = GAP_MS // (1000 * WINDOW_S)


class Judge(Protocol):
    """Whoever may take a run back."""

    name: str

    def look(self, drawn: Drawn, number: int) -> Ints:
        """Return by run whether it is taken back after window `number`: 1 or 0."""


class Evidence:
    """`core.sequential` on three measures: errors, latency, predicted MOS."""

    name = "Segue"

    def __init__(self, runs: int, rules: Rules = RULES) -> None:
        self._rules = rules
        self._errors = Fortunes(runs, ERROR_WEIGHTS)
        self._latency = Fortunes(runs, TIMING_WEIGHTS)
        self._mos = Fortunes(runs, SCORE_WEIGHTS)
        self._recent: list[tuple[Ints, Ints, Ints, Ints]] = []

    def look(self, drawn: Drawn, number: int) -> Ints:
        """Bet on one window; a run goes when the merged e-value reaches 1/alpha."""
        at_ms = (number + 1) * WINDOW_S * 1000
        errors = self._errors.bet(
            ratios(drawn.blocks_c, drawn.failed_c, drawn.blocks_s, drawn.failed_s, ERROR_ODDS), at_ms
        )
        slow = [
            ratios(drawn.n_c, drawn.slow_c[row], drawn.n_s, drawn.slow_s[row], TIMING_ODDS)
            for row in range(len(QUANTILES))
        ]
        latency = self._latency.bet(np.concatenate(slow, axis=1), at_ms)
        mos = self._mos.bet(score_ratios(drawn.score), at_ms)
        errors = np.where(self._gap(drawn) >= self._rules.least_gap, errors, 0.0)
        shares = dict(self._rules.shares)
        together = shares[Metric.ERRORS] * errors + shares[Metric.LATENCY] * latency + shares[Metric.MOS] * mos
        return np.asarray(together >= 1 / self._rules.alpha, np.int64)

    def before_users(self, scores: Floats) -> Ints:
        """Bet on golden prompts, shape (pairs, runs), and tell which runs no user needs to meet."""
        refused = np.zeros(scores.shape[1], bool)
        share = dict(self._rules.shares)[Metric.MOS]
        for score in scores:
            mos = self._mos.bet(score_ratios(score), 0)
            refused |= share * mos + (1 - share) >= 1 / self._rules.alpha
        return refused.astype(np.int64)

    def _gap(self, drawn: Drawn) -> Floats:
        self._recent = [*self._recent[1 - _CELLS :], (drawn.n_c, drawn.x_c, drawn.n_s, drawn.x_s)]
        n_c, x_c, n_s, x_s = np.sum(self._recent, axis=0)
        gap: Floats = x_c / np.maximum(n_c, 1) - x_s / np.maximum(n_s, 1)
        return gap


def score_ratios(score: Floats) -> Floats:
    """Return `core.evidence.paired.ratios_worse` of one pair in every run."""
    bets = np.array(BETS) / (1 + TOLERATED_DROP)
    return np.asarray(1 + bets * (-score[:, None] - TOLERATED_DROP))
