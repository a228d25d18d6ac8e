"""How each rollout of a history went, in a line, and what no record can say of how it would have gone otherwise."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from controller.core.events import (
    AnyEvent,
    GateApproved,
    GateRejected,
    PromotionReverted,
    RolloutAborted,
    RolloutPromoted,
    RolloutStarted,
    RolloutSuperseded,
    StepStarted,
    WindowMeasured,
)
from controller.core.gates import GateKind
from controller.core.plan import Plan, Until
from controller.core.stream import Fact

PROMOTED: Final = ("promoted", "reverted")
"""The outcomes of those that had all traffic in the end, be it for a while."""
_GONE: Final = ("aborted", "superseded")


@dataclass(frozen=True, slots=True)
class Course:
    """
    How one rollout went. request: id of the message that asked for it; it names the rollout in any course of events.

    rollout: its name in this course, such as hibari-3. outcome: promoted, aborted, superseded, reverted or running.
    ended_ms: -1 while it runs. most_bp: the candidate's largest weight before promotion.
    """

    request: str
    rollout: str
    version: str
    outcome: str
    reason: str
    began_ms: int
    ended_ms: int
    most_bp: int


def courses(facts: Iterable[Fact]) -> dict[str, Course]:
    """Return how each rollout went, by the id of the message that asked for it, in order."""
    found: dict[str, Course] = {}
    requests: dict[str, str] = {}
    for fact in facts:
        event = fact.event
        if isinstance(event, RolloutStarted):
            requests[event.rollout] = fact.cause
            found[fact.cause] = Course(
                request=fact.cause,
                rollout=event.rollout,
                version=event.release.version,
                outcome="running",
                reason=event.reason,
                began_ms=fact.at_ms,
                ended_ms=-1,
                most_bp=0,
            )
        request = requests.get(event.rollout)
        if request is None:
            continue
        if isinstance(event, StepStarted):
            found[request] = replace(found[request], most_bp=max(found[request].most_bp, event.weight_bp))
        elif (outcome := _outcome(event)) is not None:
            found[request] = replace(found[request], outcome=outcome, reason=event.reason, ended_ms=fact.at_ms)
    return found


def unknown(happened: Course, would_have: Course | None, plan: Plan, recorded: Sequence[Fact]) -> str:
    """
    Say why the record of a rollout cannot say more about how it would have gone by another plan; "" when it can.

    recorded: all facts of the service.
    """
    if would_have is None:
        return "the request would have been refused, or its messages are not all there"
    if would_have.most_bp > happened.most_bp:
        return "it would have had more traffic than it had: what that would have shown is not on record"
    if (would_have.outcome, would_have.ended_ms) == (happened.outcome, happened.ended_ms):
        return ""
    if happened.outcome in _GONE and would_have.outcome in PROMOTED:
        return "promoted, it would have had all traffic: what that would have shown is not on record"
    if would_have.outcome != "promoted" and (unasked := _unasked(happened.rollout, plan, recorded)):
        return f"no answer of {' or '.join(unasked)} is on record"
    if _outlasts(would_have, happened) and (plan.gates or happened.outcome != "promoted"):
        return f"it was over before ({happened.outcome}): what it would have shown later is not on record"
    if would_have.outcome == "running":
        return "it would still run where the record ends"
    return ""


def _outcome(event: AnyEvent) -> str | None:
    match event:
        case RolloutPromoted():
            return "promoted"
        case RolloutAborted():
            return "aborted"
        case RolloutSuperseded():
            return "superseded"
        case PromotionReverted():
            return "reverted"
    return None


def _outlasts(would_have: Course, happened: Course) -> bool:
    """Say whether a rollout would have gone on when it was over. What reverts a promotion is on record all the same."""
    still = would_have.outcome == "running" or would_have.ended_ms > happened.ended_ms
    return happened.outcome != "running" and still and would_have.outcome != "reverted"


def _unasked(rollout: str, plan: Plan, recorded: Iterable[Fact]) -> list[str]:
    """Return what the plan asks and the record has no answer to in this rollout: names of gates, and evidence."""
    events = [fact.event for fact in recorded if fact.event.rollout == rollout]
    windows = [event for event in events if isinstance(event, WindowMeasured) and not event.blind]
    answered = {reading.gate for window in windows for reading in window.readings}
    answered |= {event.gate for event in events if isinstance(event, GateApproved | GateRejected)}
    kinds = {GateKind.EVIDENCE} if windows else set()
    kinds |= {GateKind.MEMORY} if any(window.memory for window in windows) else set()
    asked = [gate for gate in plan.gates if not gate.dry_run]
    unasked = [gate.name for gate in asked if gate.name not in answered and gate.kind not in kinds]
    proof = any(step.until is Until.EVIDENCE for step in plan.steps) and not windows
    return list(dict.fromkeys([*unasked, *([GateKind.EVIDENCE.value] if proof else [])]))
