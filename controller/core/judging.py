"""What each gate says of a running rollout now; asking changes nothing."""

from dataclasses import dataclass
from typing import assert_never

from controller.core.evidence.memory import judge_memory
from controller.core.evidence.promotion import error_odds_at, judge_promotion
from controller.core.evidence.rollback import judge_rollback
from controller.core.evidence.sight import Sight, sight
from controller.core.gate import Outcome, Verdict
from controller.core.gates import Gate, GateKind
from controller.core.plan import Until
from controller.core.readings import judge_reading
from controller.core.rollout import Rollout


@dataclass(frozen=True, slots=True)
class Answer:
    """What one gate says now."""

    gate: Gate
    verdict: Verdict


def answers(rollout: Rollout, gates: tuple[Gate, ...]) -> tuple[Answer, ...]:
    """Ask these gates, in their order."""
    return tuple(Answer(gate, judge(rollout, gate)) for gate in gates)


def judge(rollout: Rollout, gate: Gate) -> Verdict:
    """Say what one gate makes of the rollout as it stands."""
    match gate.kind:
        case GateKind.EVIDENCE if rollout.evidence is None:
            # Before anybody is served there is nothing to compare, and nothing to fear.
            outcome = Outcome.INCONCLUSIVE if rollout.expected else Outcome.PASS
            return Verdict(outcome, "nothing was measured yet")
        case GateKind.EVIDENCE:
            assert rollout.evidence is not None
            return judge_rollback(rollout.evidence, rollout.plan.rules, rollout.expected)
        case GateKind.MEMORY:
            return judge_memory(rollout.memory, rollout.plan.memory)
        case GateKind.PROMETHEUS | GateKind.PROBE | GateKind.HTTP | GateKind.FLEET:
            return judge_reading(gate, rollout.standing(gate))
        case GateKind.APPROVAL:
            return _approved(rollout, gate)
    assert_never(gate.kind)


def proof(rollout: Rollout) -> Verdict:
    """Say whether the candidate is proven good enough for the next step of a ladder that is paced by evidence."""
    if rollout.evidence is None:
        return Verdict(Outcome.INCONCLUSIVE, "nothing was measured yet")
    rungs = [number for number, step in enumerate(rollout.plan.steps) if step.until is Until.EVIDENCE]
    rung = rungs.index(rollout.step)
    ladder_step = error_odds_at(rollout.plan.rules, rung, len(rungs))
    return judge_promotion(rollout.evidence, rollout.plan.rules, ladder_step, rollout.expected)


def missing(rollout: Rollout, now_ms: int) -> tuple[str, ...]:
    """Say in sentences what keeps a rollout in its step, its hold and hours aside; nothing when nothing does."""
    found = [
        said
        for answer in answers(rollout, rollout.plan.gates_at(rollout.step))
        if not answer.gate.dry_run and (said := _lacking(rollout, answer, now_ms))
    ]
    if rollout.at is not None and rollout.at.until is Until.EVIDENCE:
        verdict = proof(rollout)
        found += [verdict.reason] if verdict.outcome is not Outcome.PASS else []
    if old := stale(rollout, now_ms):
        found.append(old)
    return tuple(dict.fromkeys(found))


def stale(rollout: Rollout, now_ms: int) -> str:
    """Say why what was measured is too old to take a step on; "" when it is not."""
    if not rollout.plan.by_evidence:
        return ""
    if rollout.blind:
        return f"nothing is measured: {rollout.blind}"
    if rollout.seen_ms < 0:
        return "nothing was measured yet"
    judged_ms = rollout.evidence.seen_ms if rollout.evidence else -1
    if rollout.at is not None and rollout.at.warm_up_s and judged_ms <= rollout.warm_ms:
        return f"nothing of step {rollout.step} was judged yet, which warms up for {rollout.at.warm_up_s:g} s"
    if sight(rollout.seen_ms, now_ms, traffic=True) is Sight.CLEAR:
        return ""
    return f"the last measurement is {(now_ms - rollout.seen_ms) / 1000:.0f} s old"


def _lacking(rollout: Rollout, answer: Answer, now_ms: int) -> str:
    """Say why a gate does not let the rollout go on; "" when it does. What was good long ago passes nothing now."""
    gate, verdict = answer.gate, answer.verdict
    if verdict.outcome is not Outcome.PASS:
        return verdict.reason
    age_s = (now_ms - _read_ms(rollout, gate, now_ms)) / 1000
    return f"the last reading of {gate.name} is {age_s:.0f} s old" if age_s > rollout.plan.rules.missing_after_s else ""


def _read_ms(rollout: Rollout, gate: Gate, now_ms: int) -> int:
    """Return when a gate that passes was last read; now_ms when its answer does not grow old."""
    if gate.kind is GateKind.MEMORY:
        return rollout.memory.seen_ms
    standing = rollout.standing(gate)
    # Golden prompts are spoken once a step, and what a release says of them stays true.
    ages = gate.is_read and gate.kind is not GateKind.PROBE
    return standing.at_ms if ages and standing is not None else now_ms


def _approved(rollout: Rollout, gate: Gate) -> Verdict:
    for approval in rollout.approvals:
        if (approval.gate, approval.step) == (gate.name, rollout.step):
            return Verdict(Outcome.PASS, f"{approval.actor} approved {gate.name}")
    who = f"somebody with the role {gate.role}" if gate.role else "somebody"
    return Verdict(Outcome.INCONCLUSIVE, f"{gate.name} waits for {who} to approve it")
