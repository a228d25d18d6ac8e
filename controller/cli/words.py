"""A fact in a line: what it moved, then why. The reason alone would say neither which release nor how much traffic."""

from typing import TYPE_CHECKING

from controller.core.errors import Malformed
from controller.core.events import (
    AnyEvent,
    GateApproved,
    GateJudged,
    GateRejected,
    OrderRefused,
    PlanSet,
    RollbackMarked,
    RolloutStarted,
    RolloutWaiting,
    RouteSet,
    ServiceRetired,
    StepStarted,
)
from controller.core.routing import Arm, Role

if TYPE_CHECKING:
    from controller.journal.facts import Recorded


def written(recorded: "Recorded") -> str:
    """Return a fact of the journal in a line; of one that only a newer Segue can read, its reason."""
    try:
        return told(recorded.fact.event)
    except Malformed:
        return recorded.reason


def told(event: AnyEvent) -> str:
    """Return what a fact says to people."""
    match event:
        case RolloutStarted(from_release=None):
            return f"{event.release.version}, the first release of this service: {event.reason}"
        case RolloutStarted():
            way = "back to " if event.back else ""
            version = f", version {event.plan_version}" if event.plan_version else ""
            return f"{way}{event.release.version} by plan {event.plan.name}{version}: {event.reason}"
        case PlanSet():
            return f"plan {event.name}, version {event.version}: {event.reason}"
        case StepStarted():
            return f"step {event.step}, {percent(event.weight_bp)}: {event.reason}"
        case GateJudged():
            trial = ", on trial" if event.dry_run else ""
            return f"{event.gate} says {event.outcome}{trial}: {event.reason}"
        case RolloutWaiting():
            return f"step {event.step} waits: {event.reason}"
        case GateApproved() | GateRejected():
            says = "approved" if isinstance(event, GateApproved) else "rejected"
            return (
                f"{event.gate} {says} at step {event.step}{f' as {event.role}' if event.role else ''}: {event.reason}"
            )
        case RollbackMarked():
            return f"{'a false' if event.false_alarm else 'a true'} alarm: {event.reason}"
        case OrderRefused():
            return f"{event.order}: {event.reason}"
        case ServiceRetired():
            return f"{event.release.version if event.release else 'nothing'} serves no more: {event.reason}"
        case RouteSet() if event.arms:
            return f"{shares(event.arms)}: {event.reason}"
        case _:
            return event.reason


def shares(arms: tuple[Arm, ...]) -> str:
    """Return who gets how much: "1.4.0 95 %, 1.5.0 5 %"; the release kept for going back gets nothing."""
    return ", ".join(f"{arm.release.version} {percent(arm.weight_bp)}" for arm in arms if arm.role is not Role.PREVIOUS)


def percent(weight_bp: int) -> str:
    """Return basis points as per cent: 500 is "5 %"."""
    return f"{weight_bp / 100:g} %"
