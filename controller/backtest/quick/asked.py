"""What a rollout is asked at each window, as numbers; what else its plan asks must be such that no window moves it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from controller.backtest.quick import places
from controller.backtest.quick.arrays import KINDS
from controller.backtest.quick.memories import FAIL, INCONCLUSIVE, PASS
from controller.core.commands import TimerKind
from controller.core.evidence import engine, timing
from controller.core.evidence.likelihood import LARGEST_LOG
from controller.core.evidence.promotion import error_odds_at
from controller.core.evidence.rules import Rules
from controller.core.gate import Outcome
from controller.core.gates import GateKind
from controller.core.judging import judge
from controller.core.plan import OnInconclusive, Until
from controller.core.rollout import Rollout
from controller.core.state import timers
from controller.core.stream import History

_OUTCOMES: Final = {Outcome.PASS: PASS, Outcome.INCONCLUSIVE: INCONCLUSIVE, Outcome.FAIL: FAIL}
_NEVER: Final = 2**62

Array = Any


@dataclass(frozen=True, slots=True)
class Asked:
    """In the order in which `windows.fold_windows` takes it."""

    ask: Array
    by: Array
    kinds: Array
    expected: Array
    shares: Array
    priors: Array
    error_odds: Array
    timing_odds: Array
    proven_error_odds: Array
    proven_timing_odds: Array
    nulls: Array
    rare: Array

    def all(self) -> tuple[Array, ...]:
        """Return everything in that order."""
        return tuple(getattr(self, name) for name in self.__slots__)


def asked_of(history: History, rollout: Rollout) -> Asked | None:
    """Return what a rollout is asked; None where a window may be more than evidence and memory to it."""
    gates, rules = rollout.gates, rollout.plan.rules
    measured = {kind: [gate for gate in gates if gate.kind is kind] for kind in (GateKind.EVIDENCE, GateKind.MEMORY)}
    others = [gate for gate in gates if gate.kind not in measured]
    said = {kind: {rollout.outcome(gate.name) for gate in of_kind} for kind, of_kind in measured.items()}
    settled = all(judge(rollout, gate).outcome is rollout.outcome(gate.name) for gate in others)
    failed = any(rollout.outcome(gate.name) is Outcome.FAIL and not gate.dry_run for gate in others)
    if failed or not settled or any(len(of) > 1 or of - _OUTCOMES.keys() for of in said.values()):
        return None
    waits = bool(rollout.waiting) and rollout.paused is None
    if waits and (rollout.closed or rollout.plan.on_inconclusive is not OnInconclusive.HOLD):
        return None
    ask = np.zeros(places.ASKED, np.int64)
    due = [timer.due_ms for timer in timers(history.state) if timer.kind is not TimerKind.BLIND]
    ask[places.DUE_MS] = min(due, default=_NEVER)
    ask[places.BLIND_MATTERS] = rollout.blind_timer is not None
    ask[places.STEP_BEGAN_MS], ask[places.WARM_MS] = rollout.step_began_ms, rollout.warm_ms
    ask[places.COMPARES], ask[places.WAITS] = rollout.plan.compares, waits
    ask[places.LACKS] = any(not gate.dry_run and rollout.outcome(gate.name) is not Outcome.PASS for gate in others)
    ask[places.PROOF] = _ladder_step(rollout)
    for kind, said_at, ends_at in (
        (GateKind.EVIDENCE, places.EVIDENCE_SAID, places.EVIDENCE_ENDS),
        (GateKind.MEMORY, places.MEMORY_SAID, places.MEMORY_ENDS),
    ):
        ask[said_at] = next((_OUTCOMES[one] for one in said[kind]), -1)
        ask[ends_at] = any(not gate.dry_run for gate in measured[kind])
    ask[places.LIMIT_BYTES] = rollout.plan.memory.limit_bytes
    ask[places.MISSING_AFTER_MS] = round(rules.missing_after_s * 1000)
    ask[places.MOST_GOOD] = math.floor(LARGEST_LOG / -math.log1p(-rules.rare_failures))
    ask[places.COVERING] = timing.buckets_covering(rules.margin)
    ask[places.WITHIN] = timing.buckets_within(rules.slower)
    return Asked(ask, _by(rollout), *_of_rules(rollout, rules))


def _ladder_step(rollout: Rollout) -> int:
    if rollout.at is None or rollout.at.until is not Until.EVIDENCE:
        return -1
    rungs = [number for number, step in enumerate(rollout.plan.steps) if step.until is Until.EVIDENCE]
    return error_odds_at(rollout.plan.rules, rungs.index(rollout.step), len(rungs))


def _by(rollout: Rollout) -> Array:
    rules, memory, by = rollout.plan.rules, rollout.plan.memory, np.zeros(places.SHARED)
    by[places.THRESHOLD], by[places.LEAST_GAP] = 1 / rules.alpha, rules.least_gap
    by[places.PROMOTE_AT], by[places.PROVEN_TO] = rules.promote_at, rules.proven_to
    by[places.GROWTH], by[places.PERSIST_MS] = memory.growth, memory.persist_s * 1000
    by[places.HORIZON_S] = memory.horizon_s
    return by


def _of_rules(rollout: Rollout, rules: Rules) -> tuple[Array, ...]:
    parts = engine.RARE_PARTS
    fine = [(1 - part * rules.rare_failures) / (1 - rules.rare_failures) for part in parts]
    return (
        np.array([KINDS[metric] for metric in rules.metrics], np.int64),
        np.array([metric in rollout.expected for metric in rules.metrics], np.bool_),
        np.array([share for _, share in rules.shares]),
        np.array([_padded(engine.prior(metric)) for metric in rules.metrics]),
        _with_logs(engine.ERROR_ODDS),
        _with_logs(engine.TIMING_ODDS),
        np.array(engine.PROVEN_ERROR_ODDS),
        _with_logs(engine.PROVEN_TIMING_ODDS),
        np.array(rules.error_odds),
        np.array([parts, fine]),
    )


def _with_logs(odds: Sequence[float]) -> Array:
    return np.array([odds, [math.log(psi) for psi in odds]])


def _padded(weights: Sequence[float]) -> tuple[float, ...]:
    return (*weights, *[0.0] * (len(engine.TIMING_WEIGHTS) - len(weights)))
