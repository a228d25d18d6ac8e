"""
The door to the evidence engine: fold windows of measurements, then ask whether to go back or to go on.

    evidence = begin(rules)
    evidence = fold(evidence, window, rules)                 # each window once, in order
    judge_rollback(evidence, rules).outcome is Outcome.FAIL  # take it back; `guilty` names the measure
    judge_promotion(evidence, rules).outcome is Outcome.PASS # it may go on

How it works, and what was tried instead, is told in `controller/core/evidence/`.
"""

from controller.core.evidence.engine import Evidence, begin, failure_rates, fold
from controller.core.evidence.memory import Memory, MemoryRules, fold_memory, judge_memory
from controller.core.evidence.promotion import error_odds_at, judge_promotion
from controller.core.evidence.rollback import judge_rollback, missing
from controller.core.evidence.rules import Metric, Rules
from controller.core.evidence.sight import Sight, sight
from controller.core.evidence.window import (
    BUCKET_RATIO,
    ArmCounts,
    Histogram,
    Window,
    block_size,
    bucket_of,
)

__all__ = [
    "BUCKET_RATIO",
    "ArmCounts",
    "Evidence",
    "Histogram",
    "Memory",
    "MemoryRules",
    "Metric",
    "Rules",
    "Sight",
    "Window",
    "begin",
    "block_size",
    "bucket_of",
    "error_odds_at",
    "failure_rates",
    "fold",
    "fold_memory",
    "judge_memory",
    "judge_promotion",
    "judge_rollback",
    "missing",
    "sight",
]
