"""What no record can say of how a rollout would have gone by another policy, and why."""

from typing import Final

from controller.backtest.ahead import ahead
from controller.backtest.courses import PROMOTED, Course
from controller.backtest.windows import Windows
from controller.core.gates import GateKind
from controller.core.plan import Plan, Until

_GONE: Final = ("aborted", "superseded")
_COMPARING: Final = (GateKind.EVIDENCE, GateKind.MEMORY, GateKind.PROBE)


def unknown(happened: Course, would_have: Course | None, plan: Plan, windows: Windows) -> str:
    """
    Say why the record of a rollout cannot say more about how it would have gone by this plan; "" when it can.

    windows: what was measured of the rollout.
    """
    if would_have is None:
        return "the request would have been refused, or its messages are not all there"
    if happened.outcome in _GONE and would_have.outcome in PROMOTED:
        return "promoted, it would have had all traffic: what that would have shown is not on record"
    if would_have.from_release != happened.from_release and _compares(plan):
        return "it would have been compared with another release: what that would have shown is not on record"
    if ahead(would_have, happened):
        return "it would have had more traffic than it had at the time: what that would have shown is not on record"
    if (would_have.outcome, would_have.ended_ms) == (happened.outcome, happened.ended_ms):
        return ""
    if would_have.outcome != "promoted" and (unasked := _unasked(plan, windows)):
        return f"no answer of {' or '.join(unasked)} is on record"
    if happened.outcome == "reverted" and would_have.outcome == "promoted":
        return "it would have stayed with all traffic: what that would have shown is not on record"
    if _outlasts(would_have, happened) and (plan.gates or happened.outcome != "promoted"):
        return f"it was over before ({happened.outcome}): what it would have shown later is not on record"
    if would_have.outcome == "running":
        return "it would still run where the record ends"
    return ""


def _compares(plan: Plan) -> bool:
    """Say whether the plan asks how the release does beside the stable one. Gates from outside ask as they like."""
    decide = any(gate.kind in _COMPARING and not gate.dry_run for gate in plan.gates)
    return decide or any(step.until is Until.EVIDENCE for step in plan.steps)


def _outlasts(would_have: Course, happened: Course) -> bool:
    """Say whether a rollout would have gone on when it was over. Promoted for good, it was not: alerts still came."""
    still = would_have.outcome == "running" or would_have.ended_ms > happened.ended_ms
    watched = would_have.outcome == "reverted" and happened.outcome == "promoted"
    return happened.outcome != "running" and still and not watched


def _unasked(plan: Plan, windows: Windows) -> list[str]:
    """Return what the plan asks and the record has no answer to in this rollout: names of gates, and evidence."""
    measured = len(windows.counts) > 0
    kinds = {GateKind.EVIDENCE} if measured else set()
    kinds |= {GateKind.MEMORY} if windows.memory else set()
    asked = [gate for gate in plan.gates if not gate.dry_run]
    unasked = [gate.name for gate in asked if gate.name not in windows.answered and gate.kind not in kinds]
    proof = any(step.until is Until.EVIDENCE for step in plan.steps) and not measured
    return list(dict.fromkeys([*unasked, *([GateKind.EVIDENCE.value] if proof else [])]))
