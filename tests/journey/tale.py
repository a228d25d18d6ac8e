"""A service's facts as sentences short enough to claim a whole history."""

from typing import assert_never

from controller.core.events import (
    AlertMatched,
    AlertNoted,
    AnyEvent,
    EndpointEjected,
    EndpointReadmitted,
    GateApproved,
    GateJudged,
    GateRejected,
    GuardWindowEnded,
    HoldExtended,
    MessageRejected,
    OrderRefused,
    PlanSet,
    PromotionReverted,
    QuarantineLifted,
    ReleaseDrained,
    ReleaseFailed,
    ReleaseQuarantined,
    ReleaseReady,
    ReleaseUnloaded,
    RequestRefused,
    RollbackMarked,
    RolloutAborted,
    RolloutPaused,
    RolloutPromoted,
    RolloutResumed,
    RolloutStarted,
    RolloutSuperseded,
    RolloutWaiting,
    RouteApplied,
    RouterEnded,
    RouteSet,
    SceneDropped,
    SceneKept,
    ServiceRetired,
    StepStarted,
    WindowMeasured,
)
from controller.core.names import Release
from controller.core.routing import Arm


def sentence(event: AnyEvent) -> str:
    """Say a fact in a few words: its name, releases by version, weights in basis points."""
    name = type(event).__name__
    match event:
        case RolloutStarted():
            return f"{name} {event.rollout} {event.release.version} from {_version(event.from_release)}"
        case RolloutAborted():
            return f"{name} {event.trigger} {event.release.version} back to {_version(event.back_to)}"
        case PromotionReverted():
            return f"{name} {event.trigger} {event.release.version} back to {event.back_to.version}"
        case RolloutPromoted():
            return f"{name} {event.release.version} over {_version(event.previous)}"
        case RolloutSuperseded():
            return f"{name} {event.release.version} by {event.by.version}"
        case ReleaseReady() | RequestRefused() | GuardWindowEnded() | ReleaseQuarantined():
            return f"{name} {event.release.version}"
        case ReleaseFailed():
            return f"{name} {'unknown' if event.unknown else event.ensemble.split('__')[1].replace('_', '.')}"
        case ReleaseUnloaded() | ReleaseDrained():
            return f"{name} {event.ensemble.split('__')[1].replace('_', '.')}"
        case StepStarted():
            return f"{name} {event.step} {event.weight_bp}"
        case RouteSet():
            return f"{name} {event.epoch} " + " ".join(arms(event.arms))
        case AlertMatched():
            return f"{name} {event.alertname} {event.release} {event.action}"
        case AlertNoted():
            return f"{name} {event.alertname} {event.release} {'firing' if event.firing else 'resolved'}"
        case OrderRefused():
            return f"{name} {event.order}"
        case RollbackMarked():
            return f"{name} {'false' if event.false_alarm else 'true'} alarm"
        case MessageRejected():
            return f"{name} {event.topic}"
        case GateJudged():
            return f"{name} {event.gate} {event.outcome}{' (dry run)' if event.dry_run else ''}"
        case RolloutWaiting():
            return f"{name} {event.step}{' closed' if event.closed else ''}"
        case GateApproved() | GateRejected():
            return f"{name} {event.gate} at {event.step}{f' as {event.role}' if event.role else ''}"
        case EndpointEjected():
            left = "nothing" if event.all_gone else "others"
            return f"{name} {event.ensemble.split('__')[1].replace('_', '.')} {event.fault} leaves {left}"
        case EndpointReadmitted():
            return f"{name} {event.ensemble.split('__')[1].replace('_', '.')}"
        case ServiceRetired():
            return f"{name} {_version(event.release)}"
        case PlanSet():
            return f"{name} {event.name} {event.version}"
        case WindowMeasured():
            return f"{name}{' blind' if event.blind else ''}"
        case HoldExtended() | QuarantineLifted() | RolloutPaused() | RolloutResumed() | RouteApplied() | RouterEnded():
            return name
        case SceneKept() | SceneDropped():
            return name
    assert_never(event)


def arms(arms: tuple[Arm, ...]) -> list[str]:
    """Say who serves how much."""
    return [f"{arm.role}={arm.release.version}:{arm.weight_bp}" for arm in arms]


def _version(release: Release | None) -> str:
    return release.version if release else "nothing"
