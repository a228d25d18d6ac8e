"""A ladder paced by evidence: golden prompts before any user, then a step up as soon as every measure is proven."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from controller.bench.statistics.judges import RULES, Evidence
from controller.bench.statistics.stream import MINUTE, WINDOW_S, Drawn, Fault, Floats, Ints, Stream, World
from controller.bench.statistics.vectors import Proofs, ratios
from controller.core.evidence.engine import PROVEN_ERROR_ODDS, PROVEN_TIMING_ODDS, RARE_PARTS
from controller.core.evidence.paired import BETS
from controller.core.evidence.promotion import COMPARED_SHARE
from controller.core.evidence.timing import QUANTILES, buckets_covering, buckets_within

WEIGHTS: Final = (0.05, 0.10, 0.25, 0.50)
GOLDEN_PAIRS: Final = 600
LEAST_HOLD: Final = MINUTE


@dataclass(frozen=True, slots=True)
class Walk:
    """
    What became of the runs; one entry per run.

    promoted, taken_back: the window, counted from 1, after which it happened; 0 is never.
    refused: whether golden prompts alone refused it, so that no user met it.
    """

    promoted: Ints
    taken_back: Ints
    refused: Ints


def walk(fault: Fault, world: World, runs: int, seed: int, windows: int) -> Walk:
    """Walk `runs` releases up the ladder, for at most so many windows."""
    margins = (buckets_covering(RULES.margin), buckets_within(RULES.slower))
    stream, judge, proof = Stream(world, fault, runs, seed, margins), Evidence(runs), Proof(runs)
    random = np.random.Generator(np.random.PCG64(seed + 1))
    golden = np.clip(fault.score + world.score_sd * random.standard_normal((GOLDEN_PAIRS, runs)), -1, 1)
    refused = judge.before_users(golden)
    for score in golden:
        proof.score(score)
    rung, held = np.zeros(runs, np.int64), np.zeros(runs, np.int64)
    promoted, taken_back = np.zeros(runs, np.int64), refused.copy()
    stream.weight[:] = WEIGHTS[0]
    for number, drawn in enumerate(stream.windows(windows)):
        worse = judge.look(drawn, number) > 0
        good = proof.look(drawn, rung)
        walking = (promoted == 0) & (taken_back == 0)
        if not walking.any():
            break
        taken_back[walking & worse] = number + 1
        held += 1
        up = walking & ~worse & good & (held >= LEAST_HOLD)
        rung[up] += 1
        held[up] = 0
        promoted[up & (rung == len(WEIGHTS))] = number + 1
        stream.weight[:] = np.array(WEIGHTS)[np.minimum(rung, len(WEIGHTS) - 1)]
    return Walk(promoted, taken_back, refused)


def minutes(windows: Ints) -> Floats:
    """Return the minutes after which something happened; infinite where it never did."""
    return np.where(windows > 0, windows * (WINDOW_S / 60), np.inf)


class Proof:
    """`core.sequential.judge_promotion` for many runs: errors by rung, latency by quantile, MOS."""

    def __init__(self, runs: int) -> None:
        self._errors = [Proofs(runs, len(PROVEN_ERROR_ODDS)) for _ in RULES.error_odds]
        self._rare = Proofs(runs, len(RARE_PARTS))
        self._latency = [Proofs(runs, len(PROVEN_TIMING_ODDS)) for _ in QUANTILES]
        self._mos = Proofs(runs, len(BETS))
        self._bets = np.array(BETS) / (1 - RULES.score_drop)

    def score(self, score: Floats) -> Floats:
        """Bet on one pair and return the e-values."""
        return self._mos.bet(np.asarray(1 + self._bets * (score[:, None] + RULES.score_drop), np.float64))

    def look(self, drawn: Drawn, rung: Ints) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        """Bet on one window and tell by run whether everything that its rung asks for is proven."""
        good = self.score(drawn.score) >= RULES.promote_at
        for row, proofs in enumerate(self._latency):
            found = ratios(drawn.n_c, drawn.proven_c[row], drawn.n_s, drawn.slow_s[row], PROVEN_TIMING_ODDS)
            good &= proofs.bet(found) >= RULES.promote_at
        rare = (1 - COMPARED_SHARE) * self._rare.bet(ratios_of_rare(drawn))
        for step, (proofs, null) in enumerate(zip(self._errors, RULES.error_odds, strict=True)):
            found = ratios(drawn.blocks_c, drawn.failed_c, drawn.blocks_s, drawn.failed_s, PROVEN_ERROR_ODDS, null)
            good &= (COMPARED_SHARE * proofs.bet(found) + rare >= RULES.promote_at) | (rung != step)
        return good


def ratios_of_rare(drawn: Drawn) -> Floats:
    """Return `core.evidence.likelihood.ratios_of_rare` for many runs."""
    parts, share = np.array(RARE_PARTS), RULES.rare_failures
    failed, good = drawn.failed_c[:, None], (drawn.blocks_c - drawn.failed_c)[:, None]
    return np.asarray(parts**failed * ((1 - parts * share) / (1 - share)) ** good, np.float64)
