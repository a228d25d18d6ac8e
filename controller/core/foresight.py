"""What a plan will do, told before it is done: how long each step may take, and how likely it errs."""

import math
from dataclasses import dataclass

from controller.core.calendar import longest_closed_s
from controller.core.gates import GateKind
from controller.core.plan import OnInconclusive, Plan, Step, Until

_DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Leg:
    """
    One step of the way.

    shortest_s: when nothing has to be waited for. longest_s: before the rollout goes on or ends; None is for ever.
    waits: whether the end of the hold may have to be waited beyond.
    """

    step: Step
    shortest_s: float
    longest_s: float | None
    waits: bool


@dataclass(frozen=True, slots=True)
class Foresight:
    """
    A whole plan, from the request to promotion, when nobody pauses it and measurements come in.

    watched_s: time in which evidence is gathered, shortest and longest. false_rollback: probability, at most, that
    evidence takes a healthy release back in the longest time, or in the shortest when there is no longest; None when
    evidence takes nothing back.
    """

    legs: tuple[Leg, ...]
    shortest_s: float
    longest_s: float | None
    watched_s: tuple[float, float | None]
    false_rollback: float | None


def foresee(plan: Plan) -> Foresight:
    """Work out what a plan may take. Readiness counts in the longest time only: a warm release is ready at once."""
    legs = tuple(_leg(plan, number) for number in range(len(plan.steps)))
    compared = _compared(legs)
    watched_s = (sum(leg.shortest_s for leg in compared), _sum([leg.longest_s for leg in compared]))
    takes_back = any(gate.kind is GateKind.EVIDENCE and not gate.dry_run for gate in plan.gates)
    return Foresight(
        legs=legs,
        shortest_s=sum(leg.shortest_s for leg in legs),
        longest_s=_sum([plan.readiness_deadline_s, *(leg.longest_s for leg in legs)]),
        watched_s=watched_s,
        false_rollback=_false_rollback(plan, watched_s) if takes_back and compared else None,
    )


def remarks(plan: Plan) -> tuple[str, ...]:
    """Say what is allowed and may surprise, a sentence each."""
    said = []
    asked = {gate.kind for gate in plan.gates if not gate.dry_run}
    serving = [step for step in plan.steps if step.serves]
    if serving and GateKind.EVIDENCE not in asked:
        said.append("no gate of kind evidence watches: only alerts and people take a bad release back")
    if serving and GateKind.MEMORY not in asked:
        said.append("no gate of kind memory watches: a leak is found by its victims")
    if not serving:
        said.append("no step serves users before everybody is served")
    if any(step.weight_bp == 10_000 for step in plan.steps):
        said.append("a step gives the candidate all traffic: there is nothing left to compare it with")
    if not plan.guard_s:
        said.append("there is no guard window: after promotion the former release is unloaded at once")
    if not plan.quarantine:
        said.append("a release that is taken back is not barred from returning")
    excluded = {segment.name for step in plan.steps for segment in step.segments if segment.weight_bp == 0}
    for name in sorted(excluded - _served_by_name(plan)):
        if plan.steps[-1].segments and name in {segment.name for segment in plan.steps[-1].segments}:
            said.append(f"segment {name} hears the candidate with promotion first, when all others do")
    return tuple(said)


def _served_by_name(plan: Plan) -> frozenset[str]:
    return frozenset(segment.name for step in plan.steps for segment in step.segments if segment.weight_bp > 0)


def _leg(plan: Plan, number: int) -> Leg:
    step = plan.steps[number]
    asked = [gate for gate in plan.gates_at(number) if not gate.dry_run]
    waits = bool(asked) or step.until is Until.EVIDENCE
    longest: float | None = step.hold_s
    if waits and plan.on_inconclusive is OnInconclusive.HOLD:
        after_s = plan.progress_deadline_s or None
        longest = step.ceiling_s or (None if after_s is None else step.hold_s + after_s)
    if longest is not None:
        longest += longest_closed_s(plan.hours)
    # Nothing of a step is judged while it warms up.
    shortest_s = max(step.hold_s, step.warm_up_s) if plan.by_evidence else step.hold_s
    return Leg(step, shortest_s, longest, waits)


def _compared(legs: tuple[Leg, ...]) -> tuple[Leg, ...]:
    """Return the legs from the first on which the candidate speaks; evidence is carried from step to step."""
    speaks = [leg.step.serves or leg.step.mirror_bp > 0 for leg in legs]
    return legs[speaks.index(True) :] if True in speaks else ()


def _false_rollback(plan: Plan, watched_s: tuple[float, float | None]) -> float:
    longest = watched_s[0] if watched_s[1] is None else watched_s[1]
    # Each day that begins brings new money to bet, so the odds of one day are paid again; at most, they add up.
    return min(1.0, plan.rules.alpha * max(1, math.ceil(longest / _DAY_S)))


def _sum(spans: list[float | None]) -> float | None:
    known = [span for span in spans if span is not None]
    return sum(known) if len(known) == len(spans) else None
